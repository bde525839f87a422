"""What people do with a destination connection: save, check."""

from __future__ import annotations

from typing import Any

from blinker import Signal
from flask import current_app
from flask_babel import gettext

from datasync_flask.audit import trail
from datasync_flask.clock import utcnow
from datasync_flask.connections import labels
from datasync_flask.connections.descriptions import saving
from datasync_flask.connections.history import audit_subject, moved, record_saved
from datasync_flask.connections.models import Connection, ConnectionEvent, State
from datasync_flask.destinations import checking
from datasync_flask.destinations.base import DestinationError, Fault
from datasync_flask.destinations.models import DestinationConnection, class_of
from datasync_flask.extensions import db
from datasync_flask.forms import SettingRefused
from datasync_flask.salesforce.errors import tidy
from datasync_flask.security.crypto import secret_box

# Sent before changed settings are committed, with the connection and the settings `before`. May raise PlaceTaken.
settings_changed = Signal("a destination may lead to another place")


class PlaceTaken(SettingRefused):
    """A destination can't lead to a new place, because the extraction `owner` has the table of `name` there."""

    def __init__(self, owner: str, name: str) -> None:
        super().__init__(
            "place",
            gettext(
                "The extraction %(owner)s loads %(name)s into the same table there already. Change the schema, "
                "prefix or folder of one of the two extractions first.",
                owner=f"“{owner}”",
                name=name,
            ),
        )


def check(kind: str, settings: dict[str, Any], password: str) -> None:
    """Check whether these settings can be used. Raises DestinationError."""
    try:
        checking.check(kind, settings | {"password": password}, current_app.config["SETTINGS"].effective_data_dir)
    except DestinationError as error:
        # If a run is writing to the file, it can be written to.
        if error.fault is not Fault.BUSY:
            raise


def password_of(connection: DestinationConnection) -> str:
    """The stored password ('' when there is none)."""
    return secret_box().open(connection.password_sealed) if connection.password_sealed else ""


def password_for(connection: DestinationConnection | None, settings: dict[str, Any], typed: str) -> str:
    """The password to use with `settings`: the typed one, or the stored one if it belongs to them."""
    if typed or connection is None or not connection.has_password_for(settings):
        return typed
    return password_of(connection)


def settings_of(connection: DestinationConnection) -> dict[str, Any]:
    """All settings for opening a destination, including its password."""
    return dict(connection.settings) | {"password": password_of(connection)}


def save(
    connection: DestinationConnection | None,
    kind: str,
    *,
    description: str,
    settings: dict[str, Any],
    password: str,
    label_names: list[str],
    problem: DestinationError | None,
    by: int | None,
) -> DestinationConnection:
    """Store a destination with the result of its check; commits. Raises DescriptionTaken, PlaceTaken."""
    is_new = connection is None
    if connection is None:
        connection = class_of(kind)(state=State.DRAFT, settings={}, description="", password_sealed="")
    before = connection.settings
    with saving():
        changes = apply(connection, description=description, settings=settings, password=password)
        labels.put(connection, label_names)
        record_saved(connection, changes, is_new=is_new, by=by)
        record(connection, problem)
        if not is_new:
            settings_changed.send(connection, before=before)
    return connection


def apply(
    connection: DestinationConnection, *, description: str, settings: dict[str, Any], password: str
) -> dict[str, Any]:
    """Apply settings to a destination; return the changes by name, for the history."""
    before = connection.settings
    changes: dict[str, Any] = {
        name: [str(before.get(name, "")), str(value)]
        for name, value in settings.items()
        if str(before.get(name, "")) != str(value)
    }
    if connection.description != description:
        changes["description"] = [connection.description, description]
    connection.rename(description)
    if not password and connection.password_sealed and not connection.has_password_for(settings):
        connection.password_sealed = ""
    connection.settings = settings
    if password:
        connection.password_sealed = secret_box().seal(password)
        changes["password"] = "changed"
    connection.updated_at = utcnow()
    db.session.add(connection)
    db.session.flush()
    return changes


def rename(connection: DestinationConnection, description: str, *, by: int | None) -> None:
    """Change the description and nothing else; commits. Raises DescriptionTaken."""
    with saving():
        changes = apply(connection, description=description, settings=dict(connection.settings), password="")
        record_saved(connection, changes, is_new=False, by=by)


def record(connection: DestinationConnection, problem: DestinationError | None) -> None:
    """Store the result of a check. The caller commits."""
    now = utcnow()
    connection.checked_at = now
    connection.problem_field = problem.field if problem else ""
    state = State.NEEDS_ATTENTION if problem else State.CONNECTED
    if connection.state != state:
        before = State(connection.state)
        connection.state, connection.state_since = state, now
        event = "destination_fails" if problem else "destination_works"
        connection.history.add(ConnectionEvent(at=now, event=event, from_state=before, to_state=state))
    before = State.NEEDS_ATTENTION if connection.problem else State.CONNECTED
    connection.problem = problem.fault.value if problem else ""
    connection.problem_detail = tidy(problem.detail) if problem else ""
    moved.send(connection, before=before, after=state, event="destination_checked")


def check_again(connection: DestinationConnection) -> DestinationError | None:
    """Check a stored destination and store the result; commits."""
    problem = None
    try:
        check(connection.kind, dict(connection.settings), password_of(connection))
    except DestinationError as error:
        problem = error
    record(connection, problem)
    db.session.commit()
    return problem


def delete(connection: Connection, *, by: int | None) -> None:
    """Delete a destination; its tables stay where they are. Commits."""
    trail.record("connection_deleted", audit_subject(connection), by=by, kind=connection.kind)
    db.session.delete(connection)
    db.session.flush()
    labels.forget_unused()
    db.session.commit()
