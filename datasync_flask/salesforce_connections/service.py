"""What people do with a connection: save, authenticate, keep waiting, disconnect, duplicate, delete."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from flask import current_app

from datasync_flask.audit import trail
from datasync_flask.clock import utcnow
from datasync_flask.connections import labels
from datasync_flask.connections.descriptions import free_description, saving
from datasync_flask.connections.history import audit_subject, record, record_saved
from datasync_flask.connections.models import State
from datasync_flask.extensions import db
from datasync_flask.salesforce_connections import lifecycle, propagation, settings, store, token_grants
from datasync_flask.salesforce_connections.lifecycle import Event
from datasync_flask.salesforce_connections.models import SalesforceConnection, login_origin_of
from datasync_flask.security.crypto import SecretUnreadable, secret_box

# By name of setting: the old and the new value, or for a secret only that it changed.
Changes = dict[str, Any]


def save(
    connection: SalesforceConnection | None, data: settings.SalesforceSettings, *, by: int | None
) -> SalesforceConnection:
    """Store settings and continue the connection's life from there; commits. Raises DescriptionTaken."""
    is_new = connection is None
    if connection is None:
        connection = SalesforceConnection(
            propagation_number=0, probes=0, probe_requests=0, agreeing_probes=0, state=State.DRAFT,
            client_secret_sealed="",
            **{name: each.default for name, each in data.stored().items()},
        )  # fmt: skip
    with saving():
        changes = apply(connection, data)
        record_saved(connection, changes, is_new=is_new, by=by)
        continue_life(connection, changes, by=by)
    return connection


def apply(connection: SalesforceConnection, data: settings.SalesforceSettings) -> Changes:
    """Apply settings to a connection; return the changes by name, for the history."""
    stored = {"description": data.description, **{name: getattr(data, name) for name in data.stored()}}
    before = {name: getattr(connection, name) or "" for name in stored}
    changes: Changes = {name: [str(before[name]), str(new)] for name, new in stored.items() if before[name] != new}
    if login_origin_of(data.login_host, data.login_url) != connection.login_origin:
        # A stored secret goes only to the address that it was entered for.
        connection.client_secret_sealed = ""
    connection.rename(data.description)
    for name in data.stored():
        setattr(connection, name, stored[name])
    declared = data.declared()
    if any(declared[name].is_other_app for name in changes if name in declared):
        connection.app_known_at = None
    if not connection.needs_secret and not connection.signs:
        # A secret that is no longer sent isn't stored either.
        connection.client_secret_sealed = ""
    elif data.client_secret and not _is_stored_secret(connection, data.client_secret):
        changes["client_secret"] = "changed"
        connection.client_secret_sealed = secret_box().seal(data.client_secret)
    connection.updated_at = utcnow()
    db.session.add(connection)
    db.session.flush()
    labels_before = labels.joined(connection.labels)
    if labels.put(connection, data.labels):
        changes["labels"] = [labels_before, ", ".join(data.labels)]
    return changes


def continue_life(connection: SalesforceConnection, changes: Changes, *, by: int | None) -> None:
    """Restart propagation if the changes require it; a connection with missing values is a draft."""
    declared = settings.SalesforceSettings.declared()
    restarts = any(declared[name].restarts for name in changes if name in declared)
    if not connection.is_complete:
        if connection.state != State.DRAFT:
            connection.attempts.clear()
            lifecycle.apply(connection, Event.SAVED_INCOMPLETE, utcnow(), by=by)
    elif restarts or connection.state == State.DRAFT:
        propagation.start(connection, utcnow(), by=by)


def _is_stored_secret(connection: SalesforceConnection, secret: str) -> bool:
    if not connection.client_secret_sealed:
        return False
    try:
        return secrets.compare_digest(secret_box().open(connection.client_secret_sealed).encode(), secret.encode())
    except SecretUnreadable:
        return False


def callback_has_moved(connection: SalesforceConnection) -> bool:
    """True when this site's Callback URL differs from the one in the app in Salesforce."""
    return (
        not connection.is_headless
        and connection.state != State.DRAFT
        and connection.callback_url != current_app.config["SETTINGS"].callback_url
    )


def needs_propagation(connection: SalesforceConnection) -> bool:
    """True when a person sent to Salesforce would only see its error page."""
    return (
        connection.is_headless
        or callback_has_moved(connection)
        or (
            (connection.state == State.NEEDS_ATTENTION or store.has_new_settings(connection))
            and connection.current_problem in propagation.PROBE_FIRST
        )
    )


def restart_propagation(connection: SalesforceConnection, *, by: int | None) -> None:
    """Restart propagation; commits. The connection keeps its tokens."""
    propagation.start(connection, utcnow(), by=by)
    db.session.commit()


def order_check(connection: SalesforceConnection, *, by: int | None) -> None:
    """Have the worker make real API calls with the stored token; commits."""
    now = utcnow()
    if connection.grant is not None:
        record(connection, "check_asked", by=by)
        connection.due_at = now
        db.session.commit()


def disconnect(connection: SalesforceConnection, *, by: int | None) -> bool:
    """Erase the tokens here and have them revoked at Salesforce; commits. True if there were tokens."""
    now = utcnow()
    had_tokens = token_grants.give_back(connection)
    connection.attempts.clear()
    event = Event.DISCONNECTED if connection.is_complete else Event.SAVED_INCOMPLETE
    lifecycle.apply(connection, event, now, by=by)
    db.session.commit()
    return had_tokens


def delete(connection: SalesforceConnection, *, by: int | None) -> None:
    """Delete the connection, have its tokens revoked at Salesforce; commits."""
    token_grants.give_back(connection)
    trail.record("connection_deleted", audit_subject(connection), by=by, kind=connection.kind)
    db.session.delete(connection)
    db.session.flush()
    labels.forget_unused()
    db.session.commit()
    current_app.logger.info("connection %s was deleted by user %s", connection.id, by)


def duplicate(connection: SalesforceConnection, *, by: int | None) -> SalesforceConnection:
    """Create a draft with the same settings, without secret and tokens; commits."""
    data = replace(settings.SalesforceSettings.of(connection), description=free_description(connection.description))
    return save(None, data, by=by)
