"""A connection's history: records events, also in the audit log, and shows them as lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from blinker import Signal
from flask_babel import gettext
from sqlalchemy import select

from datasync_flask.accounts.models import User
from datasync_flask.audit import trail
from datasync_flask.clock import utcnow
from datasync_flask.connections.models import Connection, ConnectionEvent, State
from datasync_flask.extensions import db
from datasync_flask.languages import translated
from datasync_flask.problems.registry import trouble
from datasync_flask.salesforce.errors import Problem

# Sent with every change of a state, inside its transaction, with the connection, `before`, `after` and `event`.
moved = Signal("a connection's state may have changed")

HISTORY_SIZE = 30
STATE_LABELS = {
    State.DRAFT: "Draft",
    State.WAITING: "Waiting for propagation",
    State.READY: "Ready to connect",
    State.AUTHORIZING: "Connecting",
    State.CONNECTED: "Connected",
    State.NEEDS_ATTENTION: "Needs attention",
}
STATE_TONES = {
    State.DRAFT: "idle",
    State.WAITING: "wait",
    State.READY: "ready",
    State.AUTHORIZING: "wait",
    State.CONNECTED: "good",
    State.NEEDS_ATTENTION: "bad",
}
# The packages of the kinds add their events, and the names of their settings.
EVENT_TEXTS = {"created": "Created", "changed": "Changed"}
SETTING_LABELS = {"description": "description", "labels": "labels"}
# Value and title of what can be chosen.
SETTING_CHOICES: dict[str, Mapping[str, Any]] = {}


def state_label(state: str) -> str:
    """The name of a state."""
    return translated(STATE_LABELS[State(state)])


def state_tone(state: str) -> str:
    """The colour and shape of a state's pill, by its name in the stylesheet."""
    return STATE_TONES[State(state)]


def setting_label(name: str) -> str:
    """The name of a setting inside a sentence."""
    return translated(SETTING_LABELS.get(name, name))


def setting_value(name: str, value: str) -> str:
    """A stored value of a setting as its form shows it."""
    choices = SETTING_CHOICES.get(name, {})
    return str(choices[value]) if value in choices else value


def event_text(event: ConnectionEvent) -> str:
    """One line of history."""
    text = translated(EVENT_TEXTS.get(event.event, event.event))
    if event.event == "changed":
        return f"{text}: {'; '.join(_change_text(name, value) for name, value in event.detail.items())}"
    if "was" in event.detail and "now" in event.detail:
        both = gettext("%(field)s from %(old)s to %(new)s", field="", old=event.detail["was"], new=event.detail["now"])
        return f"{text}: {both.strip()}"
    if event.problem:
        return f"{text}: {trouble(Problem(event.problem)).title}"
    return text


def _change_text(name: str, value: Any) -> str:
    field = setting_label(name)
    if isinstance(value, list) and len(value) == 2:
        old, new = (setting_value(name, str(part)) or gettext("nothing") for part in value)
        return gettext("%(field)s from %(old)s to %(new)s", field=field, old=old, new=new)
    return field


def audit_subject(connection: Connection) -> tuple[str, str, str]:
    """A connection as a subject of the audit log."""
    return ("connection", connection.id, connection.description)


def record(connection: Connection, event: str, *, by: int | None, facts: Mapping[str, Any] | None = None) -> None:
    """Record an event without a change of state, such as a changed description, in history and audit log.

    The caller commits.
    """
    details: dict[str, dict[str, Any]] = {"created": {"kind": connection.kind}, "changed": {"changes": facts}}
    trail.record(f"connection_{event}", audit_subject(connection), by=by, **details.get(event, {}))
    state, detail = connection.state, dict(facts or {})
    connection.history.add(
        ConnectionEvent(at=utcnow(), user_id=by, event=event, from_state=state, to_state=state, detail=detail)
    )


def record_saved(connection: Connection, changes: Mapping[str, Any], *, is_new: bool, by: int | None) -> None:
    """Record that a connection was created, or its changes, if any. The caller commits."""
    if is_new:
        record(connection, "created", by=by)
    elif changes:
        record(connection, "changed", by=by, facts=changes)


@dataclass(frozen=True)
class HistoryLine:
    """One event with the email address of who did it ('' for DataSync itself)."""

    event: ConnectionEvent
    who: str


def newest_lines(connection: Connection) -> list[HistoryLine]:
    """The newest events of a connection."""
    rows = db.session.execute(
        select(ConnectionEvent, User.email)
        .outerjoin(User, User.id == ConnectionEvent.user_id)
        .where(ConnectionEvent.connection_id == connection.id)
        .order_by(ConnectionEvent.id.desc())
        .limit(HISTORY_SIZE)
    ).all()
    return [HistoryLine(event, email or "") for event, email in rows]


def saved_by(connection: Connection) -> tuple[str, datetime]:
    """Who changed the settings last, and when."""
    email = db.session.scalar(
        select(User.email)
        .join(ConnectionEvent, ConnectionEvent.user_id == User.id)
        .where(ConnectionEvent.connection_id == connection.id, ConnectionEvent.event.in_(("created", "changed")))
        .order_by(ConnectionEvent.id.desc())
        .limit(1)
    )
    return email or "", connection.updated_at
