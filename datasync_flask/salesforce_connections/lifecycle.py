"""The life of a connection: one table says which event leads from which state to which.

Views, worker and command line only send events; nothing else writes ``Connection.state``.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from datasync_flask.audit import trail
from datasync_flask.connections.history import audit_subject, moved
from datasync_flask.connections.models import Connection, ConnectionEvent, State
from datasync_flask.salesforce.errors import Problem, tidy


class Event(enum.StrEnum):
    """What can happen to a connection."""

    SAVED_INCOMPLETE = "saved_incomplete"
    PROPAGATION_STARTED = "watch_started"
    PROBED = "looked"
    APP_KNOWN = "app_known"
    PROPAGATION_FAILED = "watch_failed"
    PROPAGATION_FAILED_STILL_CONNECTED = "watch_failed_still_connected"
    AUTHORIZE_STARTED = "authorize_started"
    CODE_RECEIVED = "code_received"
    EXCHANGE_DEFERRED = "exchange_deferred"
    EXCHANGE_RETRIED = "exchange_retried"
    AUTHORIZE_FAILED = "authorize_failed"
    AUTHORIZE_FAILED_STILL_CONNECTED = "authorize_failed_still_connected"
    GRANTED = "granted"
    CHECKED = "checked"
    CHECK_FAILED = "check_failed"
    ACCESS_LOST = "access_lost"
    DISCONNECTED = "disconnected"
    OTHER_ORG_ASKED = "other_org_asked"
    OTHER_ORG_ASKED_STILL_CONNECTED = "other_org_asked_still_connected"
    ORG_REPLACED = "org_replaced"
    ORG_KEPT = "org_kept"
    WENT_BACK = "went_back"


# The history's text for each event.
EVENT_TEXTS = {
    "check_asked": "Asked for a check",
    "saved_incomplete": "Saved as a draft; values are missing",
    "watch_started": "Started checking whether Salesforce knows the app",
    "looked": "Checked",
    "app_known": "Salesforce knows the app",
    "watch_failed": "Stopped waiting",
    "authorize_started": "Went to Salesforce to allow access",
    "code_received": "Returned from Salesforce with access",
    "exchange_deferred": "Salesforce’s token service doesn’t know the app yet; trying again",
    "exchange_retried": "Fetching the permission failed; trying again",
    "authorize_failed": "Access was not given",
    "authorize_failed_still_connected": "Access was not renewed; the earlier permission still works",
    "granted": "Salesforce gave access",
    "checked": "Connected and tested",
    "check_failed": "A check failed; trying again",
    "access_lost": "Access doesn’t work any more",
    "disconnected": "Disconnected; tokens erased",
    "watch_failed_still_connected": "Stopped waiting; the previous settings still work",
    "other_org_asked": "Access was given for another org; asked which one is meant",
    "other_org_asked_still_connected": "Access was given for another org; asked which one is meant",
    "org_replaced": "Belongs to another org now",
    "org_kept": "Kept its org",
    "went_back": "Went back to what worked before",
}


class TransitionRefused(Exception):
    """The event is impossible in the connection's current state."""


_ANY = tuple(State)

TRANSITIONS: dict[Event, tuple[tuple[State, ...], State | None]] = {
    # event: (states it may happen in, the state it leads to; None: stays)
    Event.SAVED_INCOMPLETE: (_ANY, State.DRAFT),
    Event.PROPAGATION_STARTED: (_ANY, State.WAITING),
    Event.PROBED: ((State.WAITING,), None),
    Event.APP_KNOWN: ((State.WAITING,), State.READY),
    Event.PROPAGATION_FAILED: ((State.WAITING,), State.NEEDS_ATTENTION),
    Event.PROPAGATION_FAILED_STILL_CONNECTED: ((State.WAITING,), State.CONNECTED),
    Event.AUTHORIZE_STARTED: (
        (State.READY, State.AUTHORIZING, State.CONNECTED, State.NEEDS_ATTENTION),
        State.AUTHORIZING,
    ),
    Event.CODE_RECEIVED: ((State.AUTHORIZING,), None),
    Event.EXCHANGE_DEFERRED: ((State.AUTHORIZING, State.WAITING), State.WAITING),
    Event.EXCHANGE_RETRIED: ((State.AUTHORIZING, State.WAITING), None),
    Event.AUTHORIZE_FAILED: ((State.AUTHORIZING, State.WAITING), State.NEEDS_ATTENTION),
    Event.AUTHORIZE_FAILED_STILL_CONNECTED: ((State.AUTHORIZING, State.WAITING), State.CONNECTED),
    Event.GRANTED: ((State.AUTHORIZING, State.WAITING), State.AUTHORIZING),
    Event.CHECKED: ((State.AUTHORIZING, State.CONNECTED, State.NEEDS_ATTENTION), State.CONNECTED),
    Event.CHECK_FAILED: ((State.AUTHORIZING, State.CONNECTED, State.NEEDS_ATTENTION), None),
    Event.ACCESS_LOST: ((State.AUTHORIZING, State.CONNECTED, State.NEEDS_ATTENTION), State.NEEDS_ATTENTION),
    Event.DISCONNECTED: (_ANY, State.READY),
    # Tokens of another org are kept apart; the earlier ones continue to work.
    Event.OTHER_ORG_ASKED: ((State.AUTHORIZING, State.CONNECTED, State.NEEDS_ATTENTION), State.NEEDS_ATTENTION),
    Event.OTHER_ORG_ASKED_STILL_CONNECTED: ((State.AUTHORIZING, State.CONNECTED), State.CONNECTED),
    Event.ORG_REPLACED: ((State.CONNECTED, State.NEEDS_ATTENTION), State.AUTHORIZING),
    Event.ORG_KEPT: ((State.CONNECTED, State.NEEDS_ATTENTION), State.READY),
    # Back to the previous settings and tokens, which never stopped working.
    Event.WENT_BACK: (_ANY, State.CONNECTED),
}

# These happen all the time; the history stores them only if they say something new.
_QUIET = frozenset({Event.PROBED, Event.EXCHANGE_DEFERRED, Event.EXCHANGE_RETRIED, Event.CHECKED, Event.CHECK_FAILED})


def can_happen(state: State | str, event: Event) -> bool:
    """True when `event` is possible in `state`."""
    return State(state) in TRANSITIONS[event][0]


def apply(
    connection: Connection,
    event: Event,
    now: datetime,
    *,
    problem: Problem | None = None,
    detail: str = "",
    due_at: datetime | None = None,
    by: int | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """Apply `event` to `connection` and record it in the history.

    `due_at` says when the worker has to act next (None: never); `by` is the user who did it; `facts` appear in the
    history and mustn't contain secrets. Raises TransitionRefused when the event is impossible in the current state.
    """
    before = State(connection.state)
    if not can_happen(before, event):
        raise TransitionRefused(f"{event} cannot happen in {before}")
    after = TRANSITIONS[event][1] or before
    says_something_new = after is not before or connection.problem != (problem or "")
    connection.state = after
    if after is not before:
        connection.state_since = now
    connection.problem = problem.value if problem else ""
    connection.problem_detail = tidy(detail)
    connection.due_at = due_at
    if by is not None:
        trail.record(f"connection_{event}", audit_subject(connection), by=by)
    if event not in _QUIET or says_something_new:
        connection.history.add(
            ConnectionEvent(
                at=now,
                user_id=by,
                event=event,
                from_state=before,
                to_state=after,
                problem=problem.value if problem else "",
                detail=facts or {},
            )
        )
    moved.send(connection, before=before, after=after, event=event)
