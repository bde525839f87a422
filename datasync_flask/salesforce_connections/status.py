"""The status fragment: what the page includes and the poll returns are made by the same function."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from flask import current_app
from flask_login import current_user
from sqlalchemy import select

from datasync_flask import polling
from datasync_flask.clock import utcnow
from datasync_flask.connections.listing import Glance, at_a_glance
from datasync_flask.connections.models import Connection, LoginHost, SalesforceConnection, State
from datasync_flask.extractions.loader import depending_on
from datasync_flask.problems.problem_help import WHERE
from datasync_flask.problems.problem_texts import LOOK_FIRST, administrators_note, text_for_connection
from datasync_flask.salesforce.errors import Problem
from datasync_flask.salesforce.hosts import setup_origin_of
from datasync_flask.salesforce_connections import authorization, service, store
from datasync_flask.transactions import read_row

# How often an open page asks while a connection moves.
POLL_SECONDS = 1
USUAL_WAIT_SECONDS = 600
# From when a look is due until what it saw is stored, mostly.
LOOK_SECONDS = 0.5
# Longer than the claim of the worker that makes the check.
CHECK_IS_NEAR = timedelta(seconds=60)


def version(connection_id: str) -> str | None:
    """Return what changes with the fragment; None when there is no such connection of Salesforce's."""
    any_kind, salesforce = Connection.__table__.c, SalesforceConnection.__table__.c
    found = read_row(
        select(any_kind.row_version, salesforce.callback_url).where(
            any_kind.id == salesforce.id, salesforce.id == connection_id
        )
    )
    return _version(*found) if found else None


def tag(connection: SalesforceConnection) -> str:
    """Return what changes whenever the fragment would look different to this person."""
    return polling.tag(_version(connection.row_version, connection.callback_url))


def _version(row_version: int, callback_url: str) -> str:
    return f"{row_version}{'' if callback_url == current_app.config['SETTINGS'].callback_url else 'c'}"


def glance_version(glance: Glance | None = None) -> str:
    """Return what changes with the glance."""
    return hashlib.sha256((glance or at_a_glance()).tag.encode()).hexdigest()[:16]


def glance_tag(glance: Glance) -> str:
    """Return what changes whenever the glance would look different to this person."""
    return polling.tag(glance_version(glance))


def setup_origin(connection: SalesforceConnection | None) -> str:
    """Return where the org's Setup is, when the token or the login host tells; else ''."""
    if connection is None:
        return ""
    if connection.grant is not None:
        return connection.grant.instance_url
    return setup_origin_of(connection.login_url) if connection.login_host == LoginHost.CUSTOM else ""


def _knows_app(state: State, problem: Problem | None) -> bool:
    """True when Salesforce is past learning about the app, as far as was seen."""
    if state is State.NEEDS_ATTENTION:
        return problem is not None and problem not in LOOK_FIRST
    return state in {State.READY, State.AUTHORIZING, State.CONNECTED}


def _awaits_check(connection: SalesforceConnection) -> bool:
    """True when somebody asked for a check that the worker hasn't come to, or is at."""
    return (
        connection.grant is not None and connection.due_at is not None and connection.due_at <= utcnow() + CHECK_IS_NEAR
    )


def _administrators_note(connection: SalesforceConnection, problem: Problem | None) -> str:
    if problem is None:
        return ""
    return administrators_note(
        problem,
        description=connection.description,
        login_host=connection.login_origin.split("://")[-1],
        client_id=connection.client_id,
    )


def next_look_in(connection: SalesforceConnection) -> float:
    """Return in how many seconds the worker should have looked again, 0.0 when it has to any moment: until then an open
    page asks rarely.
    """
    if connection.state != State.WAITING or connection.next_look_at is None:
        return 0.0
    return round(max((connection.next_look_at - utcnow()).total_seconds() + LOOK_SECONDS, 0.0), 1)


def context(connection: SalesforceConnection) -> dict[str, Any]:
    """Return everything the fragment's template shows."""
    settings = current_app.config["SETTINGS"]
    state = State(connection.state)
    problem = connection.current_problem
    grant = connection.grant
    return {
        "connection": connection,
        "state": state,
        "grant": grant,
        "knows_app": _knows_app(state, problem),
        "reason": connection.reason,
        "setup_origin": setup_origin(connection),
        "setup_pages": WHERE.get(problem, ()) if problem else (),
        "problem_text": text_for_connection(problem) if problem else None,
        "administrators_note": _administrators_note(connection, problem),
        "is_polled": state.is_moving or _awaits_check(connection),
        "poll_seconds": POLL_SECONDS,
        "ptag": tag(connection),
        "usual_wait_seconds": USUAL_WAIT_SECONDS,
        "deadline_minutes": round(settings.probe_deadline / 60),
        "has_pending_code": authorization.has_pending_code(connection),
        "is_checking": (grant is not None and grant.checked_at is None)
        or (connection.trial is not None and not connection.asks_which_org),
        "has_new_settings": store.has_new_settings(connection),
        "extractions_here": depending_on(connection.id) if connection.asks_which_org else (),
        "callback_url": settings.callback_url,
        "callback_has_moved": service.callback_has_moved(connection),
        "watches_first": service.has_to_watch_first(connection),
        "continue_automatically": current_user.continue_automatically,
    }
