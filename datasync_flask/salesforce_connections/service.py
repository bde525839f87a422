"""What people do with a connection: save, authenticate, go on waiting, disconnect, duplicate, delete."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError

from datasync_flask.audit import trail
from datasync_flask.clock import utcnow
from datasync_flask.connections import labels
from datasync_flask.connections.models import (
    AuthMethod,
    Connection,
    LoginHost,
    SalesforceConnection,
    SecretUse,
    State,
    TrackingType,
    description_key,
    login_origin_of,
)
from datasync_flask.extensions import db
from datasync_flask.salesforce_connections import lifecycle, propagation, store, token_grants
from datasync_flask.salesforce_connections.lifecycle import Event
from datasync_flask.security.crypto import SecretUnreadable

# Changing one of these means: another app, or another place where it is known. The watch begins anew.
_CREDENTIALS = ("login_host", "login_url", "auth_method", "client_id", "client_secret_use", "username")
# Changing one of these means an app that Salesforce may not know yet.
_APP = ("login_host", "login_url", "client_id")
_SETTINGS = ("description", "tracking_type", *_CREDENTIALS, "permission_level")


@dataclass
class SalesforceSettings:
    """What the form holds, checked and normalised. An empty secret means: keep the stored one."""

    description: str
    tracking_type: TrackingType
    login_host: LoginHost
    login_url: str
    auth_method: AuthMethod
    client_id: str
    client_secret: str
    permission_level: str
    username: str = ""
    client_secret_use: SecretUse = SecretUse.REQUIRED
    labels: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, connection: SalesforceConnection) -> SalesforceSettings:
        """Return what is stored of a connection, without its secret."""
        return cls(
            description=connection.description,
            tracking_type=TrackingType(connection.tracking_type),
            login_host=LoginHost(connection.login_host),
            login_url=connection.login_url,
            auth_method=AuthMethod(connection.auth_method),
            client_id=connection.client_id,
            client_secret="",
            permission_level=connection.permission_level,
            username=connection.username,
            client_secret_use=SecretUse(connection.client_secret_use),
            labels=[label.name for label in connection.labels],
        )


class DescriptionTaken(ValueError):
    """Another connection has this description."""


def is_description_taken(description: str, except_id: str = "") -> bool:
    """True when another connection has this description, whatever the case of its letters."""
    key = description_key(description)
    return bool(
        db.session.scalar(select(exists().where(Connection.description_key == key, Connection.id != except_id)))
    )


def save(connection: SalesforceConnection | None, data: SalesforceSettings, *, by: int | None) -> SalesforceConnection:
    """Store what was typed and let the connection's life go on from there; commits.

    Raises DescriptionTaken when somebody took the description in the meantime.
    """
    now = utcnow()
    is_new = connection is None
    if connection is None:
        connection = SalesforceConnection(watch=0, looks=0, probe_requests=0, agreeing_looks=0, state=State.DRAFT)
        connection.rename(data.description)
        db.session.add(connection)
        for name in _SETTINGS[1:]:
            setattr(connection, name, getattr(data, name))
        changes: dict[str, Any] = {}
        other_app = True
    else:
        changes = _changes(connection, data)
        if login_origin_of(data.login_host, data.login_url) != connection.login_origin:
            # A stored secret goes nowhere but to the address that it was entered for.
            connection.client_secret_sealed = ""
        other_app = any(name in changes for name in _CREDENTIALS)
        if "description" in changes:
            connection.rename(data.description)
        for name in changes:
            if name != "description":
                setattr(connection, name, getattr(data, name))
        if any(name in changes for name in _APP):
            connection.app_known_at = None
    if not connection.needs_secret and not connection.signs:
        # What isn't sent any more isn't kept either.
        connection.client_secret_sealed = ""
    elif data.client_secret and not _is_stored_secret(connection, data.client_secret):
        if not is_new:
            changes["client_secret"] = "changed"
        connection.client_secret_sealed = store.secret_box().seal(data.client_secret)
        other_app = True
    connection.updated_at = now
    try:
        db.session.flush()
        before = labels.joined(connection.labels)
        if labels.put(connection, data.labels) and not is_new:
            changes["labels"] = [before, ", ".join(data.labels)]
        if is_new:
            lifecycle.note(connection, "created", now, by=by)
        elif changes:
            lifecycle.note(connection, "changed", now, by=by, facts=changes)
        _go_on(connection, now, by, other_app=other_app)
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise DescriptionTaken(data.description) from None
    return connection


def quick_edit(connection: Connection, values: dict[str, str], *, by: int | None) -> Connection:
    """Change description or tracking type, nothing else; commits.

    Raises DescriptionTaken when somebody took the description in the meantime.
    """
    now = utcnow()
    changes = {name: [str(getattr(connection, name)), new] for name, new in values.items()}
    changes = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
    if not changes:
        return connection
    if "description" in changes:
        connection.rename(changes["description"][1])
    if "tracking_type" in changes and isinstance(connection, SalesforceConnection):
        connection.tracking_type = TrackingType(changes["tracking_type"][1])
    connection.updated_at = now
    lifecycle.note(connection, "changed", now, by=by, facts=changes)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise DescriptionTaken(values["description"]) from None
    return connection


def _changes(connection: SalesforceConnection, data: SalesforceSettings) -> dict[str, Any]:
    found = {}
    for name in _SETTINGS:
        old, new = getattr(connection, name), getattr(data, name)
        if old != new:
            found[name] = [str(old), str(new)]
    return found


def _is_stored_secret(connection: SalesforceConnection, secret: str) -> bool:
    if not connection.client_secret_sealed:
        return False
    try:
        return secrets.compare_digest(
            store.secret_box().open(connection.client_secret_sealed).encode(), secret.encode()
        )
    except SecretUnreadable:
        return False


def _go_on(connection: SalesforceConnection, now: datetime, by: int | None, *, other_app: bool) -> None:
    if not connection.is_complete:
        if connection.state != State.DRAFT:
            lifecycle.apply(connection, Event.SAVED_INCOMPLETE, now, by=by)
    elif other_app or connection.state == State.DRAFT:
        propagation.start(connection, now, by=by)


def callback_has_moved(connection: SalesforceConnection) -> bool:
    """True when this site's Callback URL is another one than the app in Salesforce was given."""
    return (
        not connection.is_headless
        and connection.state != State.DRAFT
        and connection.callback_url != current_app.config["SETTINGS"].callback_url
    )


def has_to_watch_first(connection: SalesforceConnection) -> bool:
    """True when sending a person to Salesforce would only show them Salesforce's own error page."""
    return (
        connection.is_headless
        or callback_has_moved(connection)
        or (
            (connection.state == State.NEEDS_ATTENTION or store.has_new_settings(connection))
            and connection.current_problem in propagation.PROBE_FIRST
        )
    )


def watch_again(connection: SalesforceConnection, *, by: int | None) -> None:
    """Begin the watch anew; commits. A connection whose app must be looked for again keeps its tokens."""
    propagation.start(connection, utcnow(), by=by)
    db.session.commit()


def order_check(connection: SalesforceConnection, *, by: int | None) -> None:
    """Have the worker make real API calls with the stored token; commits."""
    now = utcnow()
    if connection.grant is not None:
        lifecycle.note(connection, "check_asked", now, by=by)
        connection.due_at = now
        db.session.commit()


def disconnect(connection: SalesforceConnection, *, by: int | None) -> bool:
    """Erase the tokens here and have them revoked at Salesforce; commits. True when there were tokens."""
    now = utcnow()
    had_tokens = token_grants.give_back(connection)
    for attempt in list(connection.attempts):
        connection.attempts.remove(attempt)
    event = Event.DISCONNECTED if connection.is_complete else Event.SAVED_INCOMPLETE
    lifecycle.apply(connection, event, now, by=by)
    db.session.commit()
    return had_tokens


def delete(connection: SalesforceConnection, *, by: int | None) -> None:
    """Delete the connection, have its tokens revoked at Salesforce; commits."""
    token_grants.give_back(connection)
    trail.record("connection_deleted", lifecycle.audit_subject(connection), by=by, kind=connection.kind)
    db.session.delete(connection)
    db.session.flush()
    labels.forget_unused()
    db.session.commit()
    current_app.logger.info("connection %s was deleted by user %s", connection.id, by)


def duplicate(connection: SalesforceConnection, *, by: int | None) -> SalesforceConnection:
    """Make a draft with the same settings, without secret and tokens; commits."""
    data = replace(SalesforceSettings.of(connection), description=free_description(connection.description))
    return save(None, data, by=by)


def free_description(description: str, is_taken: Callable[[str], bool] = is_description_taken) -> str:
    """Return a description for a copy that nothing of its kind has. Raises DescriptionTaken after a thousand tries."""
    for number in range(1, 1000):
        candidate = f"{description[:100]} (copy)" if number == 1 else f"{description[:100]} (copy {number})"
        if not is_taken(candidate):
            return candidate
    raise DescriptionTaken(description)
