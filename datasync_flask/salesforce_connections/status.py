"""The status fragment: one function makes it for the page and for the poll."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import current_app
from flask_babel import gettext
from flask_login import current_user

from datasync_flask.clock import utcnow
from datasync_flask.connections.kinds import Verdict, dependants_of
from datasync_flask.connections.models import Connection, State
from datasync_flask.connections.polls import connection_tag
from datasync_flask.problems.registry import administrators_message, trouble
from datasync_flask.problems.trouble import During
from datasync_flask.salesforce.errors import Problem
from datasync_flask.salesforce.hosts import setup_origin_of
from datasync_flask.salesforce_connections import authorization, service, store, verdicts
from datasync_flask.salesforce_connections.models import LoginHost, SalesforceConnection
from datasync_flask.salesforce_connections.propagation import PROBE_FIRST
from datasync_flask.salesforce_connections.status_texts import missing_text, road

# How often an open page polls while a connection moves.
POLL_SECONDS = 1
USUAL_WAIT_SECONDS = 600
# The usual time from when a probe is due until its result is stored.
PROBE_SECONDS = 0.5
# Longer than the worker's lease for the check.
CHECK_IS_NEAR = timedelta(seconds=60)


def setup_origin(connection: SalesforceConnection | None) -> str:
    """The address of the org's Setup, from the token or the login host; '' if unknown."""
    if connection is None:
        return ""
    if connection.grant is not None:
        return connection.grant.instance_url
    return setup_origin_of(connection.login_url) if connection.login_host == LoginHost.CUSTOM else ""


def _knows_app(state: State, problem: Problem | None) -> bool:
    """True when Salesforce knows the app, as far as DataSync has seen."""
    if state is State.NEEDS_ATTENTION:
        return problem is not None and problem not in PROBE_FIRST
    return state in {State.READY, State.AUTHORIZING, State.CONNECTED}


def _awaits_check(connection: SalesforceConnection) -> bool:
    """True when somebody requested a check that the worker hasn't finished."""
    return (
        connection.grant is not None and connection.due_at is not None and connection.due_at <= utcnow() + CHECK_IS_NEAR
    )


def _administrators_message(connection: SalesforceConnection, problem: Problem | None) -> str:
    if problem is None:
        return ""
    return administrators_message(
        problem,
        description=connection.description,
        login_host=connection.login_origin.split("://")[-1],
        client_id=connection.client_id,
    )


def waiting_text(problem: Problem) -> str:
    """A text about what the last probe saw, while that may still be propagation."""
    if problem is Problem.CLIENT_UNKNOWN:
        return gettext("Salesforce doesn’t know this Client ID yet.")
    if problem is Problem.CALLBACK_MISMATCH:
        return gettext("Salesforce knows the app, but not yet this Callback URL.")
    return f"{trouble(problem).title}."


def next_probe_in(connection: Connection) -> float:
    """The seconds until the next probe should have its result, 0.0 when it is due. Until then pages poll rarely."""
    if not isinstance(connection, SalesforceConnection) or connection.next_probe_at is None:
        return 0.0
    if connection.state != State.WAITING:
        return 0.0
    return round(max((connection.next_probe_at - utcnow()).total_seconds() + PROBE_SECONDS, 0.0), 1)


def context(connection: SalesforceConnection) -> dict[str, Any]:
    """All values for the fragment's template."""
    settings = current_app.config["SETTINGS"]
    state = State(connection.state)
    problem = connection.current_problem
    grant = connection.grant
    checks = verdicts.checks_of(connection)
    return {
        "connection": connection,
        "state": state,
        "grant": grant,
        "checks": checks,
        # What is all right needn't be read before the next step.
        "opens_checks": any(check.verdict in {Verdict.WARNING, Verdict.FAILED} for check in checks),
        "unseen": connection.visibility,
        "road": road(connection, knows_app=_knows_app(state, problem)),
        "missing_text": missing_text(connection) if state is State.DRAFT else "",
        "reason": connection.reason,
        "setup_origin": setup_origin(connection),
        "trouble": trouble(problem, During.CONNECTION) if problem else None,
        "administrators_message": _administrators_message(connection, problem),
        "is_polled": state.is_moving or _awaits_check(connection),
        "poll_seconds": POLL_SECONDS,
        "ptag": connection_tag(connection),
        "usual_wait_seconds": USUAL_WAIT_SECONDS,
        "deadline_minutes": round(settings.probe_deadline / 60),
        "has_pending_code": authorization.has_pending_code(connection),
        "is_checking": (grant is not None and grant.checked_at is None)
        or (connection.trial is not None and not connection.asks_which_org),
        "has_new_settings": store.has_new_settings(connection),
        "extractions_here": dependants_of(connection) if connection.asks_which_org else (),
        "callback_url": settings.callback_url,
        "callback_has_moved": service.callback_has_moved(connection),
        "needs_propagation": service.needs_propagation(connection),
        "continue_automatically": current_user.continue_automatically,
    }
