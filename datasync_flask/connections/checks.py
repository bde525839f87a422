"""Does the connection work? Asked right after access was allowed, once a day from then on, and when somebody asks."""

from __future__ import annotations

from datetime import timedelta

from flask import current_app

from datasync_flask.clock import utcnow
from datasync_flask.connections import grants, lifecycle, store
from datasync_flask.connections.lifecycle import Event
from datasync_flask.connections.models import SalesforceConnection, SalesforceGrant, State
from datasync_flask.extensions import db
from datasync_flask.salesforce import rest
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.rest import AccessReport
from datasync_flask.salesforce.scopes import missing_api_scope

# Daily use also keeps a refresh token alive whose app lets it expire after 30 idle days.
CHECK_EVERY = timedelta(days=1)
# After the first exchange somebody is looking at the page; later nobody is.
FIRST_CHECK_TRIES = 5
FIRST_CHECK_PAUSE = timedelta(seconds=5)
LATER_CHECK_TRIES = 3
LATER_CHECK_PAUSE = timedelta(minutes=5)
# A connection lost to something transient is looked at again every hour, for a week.
RECOVERY_PAUSE = timedelta(hours=1)
RECOVERY_TRIES = 7 * 24


def check(connection: SalesforceConnection) -> None:
    """Make real API calls with the connection's token, refreshing it first when it is stale, and record the outcome."""
    connection_id = connection.id
    outcome: AccessReport | SalesforceError
    generation = connection.grant.generation if connection.grant else 0
    try:
        held = grants.held_token(connection_id)
        generation = held.generation
        outcome = _access_report(connection_id, held)
    except SalesforceError as error:
        outcome = error

    def record() -> None:
        current = store.load(connection_id)
        if current is None or current.grant is None or current.grant.generation != generation:
            return
        if isinstance(outcome, SalesforceError):
            _record_failure(current, current.grant, outcome)
        else:
            _record_success(current, current.grant, outcome)

    store.in_transaction(record)


def _access_report(connection_id: str, held: grants.HeldToken) -> AccessReport:
    trusted = current_app.config["SETTINGS"].salesforce_hosts
    if missing_api_scope(held.token.scopes):
        raise SalesforceError(Problem.API_SCOPE_MISSING, f"granted: {' '.join(held.token.scopes)}")
    try:
        return rest.check_access(held.token, trusted)
    except SalesforceError as error:
        if error.problem is not Problem.SESSION_REFUSED:
            raise
        # INVALID_SESSION_ID: the access token is over. Refresh once, try once more.
        return rest.check_access(grants.refreshed_token(connection_id, held).token, trusted)


def _record_success(connection: SalesforceConnection, grant: SalesforceGrant, report: AccessReport) -> None:
    now = utcnow()
    grant.checked_at, grant.failed_checks = now, 0
    grant.api_version = report.api_version
    grant.user_id, grant.username = report.user_id[:18], report.username or grant.username
    grant.display_name = report.display_name or grant.display_name
    grant.org_id, grant.org_name = report.org_id[:18], report.org_name or grant.org_name
    grant.is_sandbox, grant.org_type = report.is_sandbox, report.org_type or grant.org_type
    grant.instance_name = report.instance_name or grant.instance_name
    grant.api_calls_max, grant.api_calls_left = report.api_calls_max, report.api_calls_left
    if not lifecycle.can_happen(connection.state, Event.CHECKED):
        return
    if not connection.is_headless and not grant.refresh_token_sealed:
        # It works now and will stop within hours: say so while somebody is looking.
        lifecycle.apply(connection, Event.ACCESS_LOST, now, problem=Problem.NO_REFRESH_TOKEN)
        return
    facts = {"user": grant.username, "org": grant.org_name or grant.org_id}
    lifecycle.apply(connection, Event.CHECKED, now, due_at=now + CHECK_EVERY, facts=facts)


def _record_failure(connection: SalesforceConnection, grant: SalesforceGrant, error: SalesforceError) -> None:
    if not lifecycle.can_happen(connection.state, Event.ACCESS_LOST):
        return
    now = utcnow()
    grant.failed_checks += 1
    is_first = connection.state == State.AUTHORIZING
    tries, pause = (FIRST_CHECK_TRIES, FIRST_CHECK_PAUSE) if is_first else (LATER_CHECK_TRIES, LATER_CHECK_PAUSE)
    is_lost_already = connection.state == State.NEEDS_ATTENTION
    if error.problem.is_transient and grant.failed_checks < tries and not is_lost_already:
        lifecycle.apply(
            connection, Event.CHECK_FAILED, now, problem=error.problem, detail=error.detail, due_at=now + pause
        )
        return
    may_recover = error.problem.is_transient and grant.failed_checks < RECOVERY_TRIES
    lifecycle.apply(
        connection,
        Event.ACCESS_LOST,
        now,
        problem=error.problem,
        detail=error.detail,
        due_at=now + RECOVERY_PAUSE if may_recover else None,
    )


def check_now(connection_id: str) -> SalesforceConnection | None:
    """Check one connection at once, as the command line does; returns it as it is afterwards."""
    connection = store.load(connection_id)
    if connection is not None and connection.grant is not None:
        check(connection)
        connection = store.load(connection_id)
        db.session.commit()
    return connection
