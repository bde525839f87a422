"""Checks whether a connection works: after access was allowed, then once a day, and on request."""

from __future__ import annotations

from datetime import datetime, timedelta

from blinker import Signal
from flask import current_app
from sqlalchemy import or_, update

from datasync_flask.clock import utcnow
from datasync_flask.connections.models import Connection, State
from datasync_flask.extensions import db
from datasync_flask.queue import queue
from datasync_flask.salesforce.api import PINNED_VERSION, Refresh, SalesforceApi
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.identity import AccessReport, check_access
from datasync_flask.salesforce.oauth import TokenAnswer
from datasync_flask.salesforce.scopes import missing_api_scope
from datasync_flask.salesforce_connections import lifecycle, orgs, store, token_grants
from datasync_flask.salesforce_connections.lifecycle import Event
from datasync_flask.salesforce_connections.models import SalesforceConnection, SalesforceGrant, TrialGrant, same_org
from datasync_flask.transactions import count_updated, in_transaction

# Daily use also keeps a refresh token alive if its app lets it expire after 30 idle days.
CHECK_EVERY = timedelta(days=1)
# After the first exchange somebody is watching the page; later nobody is.
FIRST_CHECK_TRIES = 5
FIRST_CHECK_PAUSE = timedelta(seconds=5)
LATER_CHECK_TRIES = 3
LATER_CHECK_PAUSE = timedelta(minutes=5)
# A connection lost to a transient problem is checked again every hour, for a week.
RECOVERY_PAUSE = timedelta(hours=1)
RECOVERY_TRIES = 7 * 24

# Sent with a connection's id when its current tokens worked; higher packages may make more calls with them.
proved = Signal("the tokens of a connection proved to work")


def check(connection: SalesforceConnection) -> None:
    """Make real API calls with the connection's token, refreshing it first if it is stale, and record the outcome."""
    connection_id = connection.id
    outcome: AccessReport | SalesforceError
    generation = connection.grant.generation if connection.grant else 0
    try:
        held = token_grants.current_token(connection_id)
        generation = held.generation
        outcome = _access_report(connection_id, held)
    except SalesforceError as error:
        outcome = error
    else:
        # Before the outcome is recorded, so that a waiting page shows both.
        proved.send(connection_id)

    def record() -> None:
        current = store.load(connection_id)
        if current is None or current.grant is None or current.grant.generation != generation:
            return
        if isinstance(outcome, SalesforceError):
            _record_failure(current, current.grant, outcome)
        elif not same_org(outcome.org_id, current.org_id):
            _write(current.grant, outcome)
            orgs.ask(current, token_grants.put_on_trial(current, current.grant, utcnow()), utcnow())
        else:
            _record_success(current, current.grant, outcome)

    in_transaction(record)


def check_trial(connection: SalesforceConnection) -> None:
    """Make real API calls with the tokens on trial; they replace the current ones if they work for the same org."""
    connection_id, trial = connection.id, connection.trial
    if trial is None:
        return
    number, token = trial.number, token_grants.tokens_of(trial)
    db.session.commit()
    outcome: AccessReport | SalesforceError
    try:
        outcome = _report_of(token, _no_refresh)
        if trial_needs_refresh_token(connection_id) and not token.refresh_token:
            outcome = SalesforceError(Problem.NO_REFRESH_TOKEN)
    except SalesforceError as error:
        outcome = error

    def record() -> None:
        current = store.load(connection_id)
        if current is None or current.trial is None or current.trial.number != number:
            return
        if isinstance(outcome, SalesforceError):
            _record_refused_trial(current, current.trial, outcome)
            return
        _write(current.trial, outcome)
        if not same_org(outcome.org_id, current.org_id):
            orgs.ask(current, current.trial, utcnow())
            return
        _record_success(current, token_grants.promote(current, current.trial, utcnow()), outcome)

    in_transaction(record)
    if not isinstance(outcome, SalesforceError):
        proved.send(connection_id)


def trial_needs_refresh_token(connection_id: str) -> bool:
    """True when the tokens on trial would end with their session, and a person would have to come back."""
    connection = store.load(connection_id)
    needs = connection is not None and not connection.is_headless and connection.works
    db.session.commit()
    return needs


def _no_refresh(_stale: TokenAnswer) -> TokenAnswer:
    raise SalesforceError(Problem.NO_REFRESH_TOKEN)


def _report_of(token: TokenAnswer, refresh: Refresh) -> AccessReport:
    trusted = current_app.config["SETTINGS"].salesforce_hosts
    if missing_api_scope(token.scopes):
        raise SalesforceError(Problem.API_SCOPE_MISSING, f"granted: {' '.join(token.scopes)}")
    with SalesforceApi(token, PINNED_VERSION, refresh, trusted) as api:
        return api.at_its_address(lambda: check_access(api))


def _access_report(connection_id: str, held: token_grants.CurrentToken) -> AccessReport:
    def refresh(stale: TokenAnswer) -> TokenAnswer:
        return token_grants.refreshed_token(connection_id, token_grants.CurrentToken(held.generation, stale)).token

    try:
        return _report_of(held.token, refresh)
    except SalesforceError as error:
        if error.problem is not Problem.SESSION_REFUSED:
            raise
        current = token_grants.current_token(connection_id)
        if current.token.access_token != held.token.access_token and current.generation == held.generation:
            # It was only just refreshed, and refused all the same.
            raise
        # INVALID_SESSION_ID: the access token has expired. Refresh once, try once more.
        return _report_of(refresh(held.token), _no_refresh)


def _write(tokens: SalesforceGrant | TrialGrant, report: AccessReport) -> None:
    tokens.org_id, tokens.org_name = report.org_id[:18] or tokens.org_id, report.org_name or tokens.org_name
    tokens.username, tokens.is_sandbox = report.username or tokens.username, report.is_sandbox


def _record_success(connection: SalesforceConnection, grant: SalesforceGrant, report: AccessReport) -> None:
    now = utcnow()
    _write(grant, report)
    grant.checked_at, grant.failed_checks = now, 0
    grant.api_version = report.api_version
    grant.user_id, grant.display_name = report.user_id[:18], report.display_name or grant.display_name
    grant.org_type = report.org_type or grant.org_type
    grant.instance_name = report.instance_name or grant.instance_name
    grant.api_calls_max, grant.api_calls_left = report.api_calls_max, report.api_calls_left
    connection.org_id, connection.org_name = grant.org_id or connection.org_id, grant.org_name or connection.org_name
    if not lifecycle.can_happen(connection.state, Event.CHECKED):
        grant.works = True
        return
    if not connection.is_headless and not grant.refresh_token_sealed:
        # It works now and will stop within hours: say so while somebody is watching.
        lifecycle.apply(connection, Event.ACCESS_LOST, now, problem=Problem.NO_REFRESH_TOKEN)
        return
    grant.works = True
    facts = {"user": grant.username, "org": grant.org_name or grant.org_id}
    problem, detail = _still_open(connection)
    lifecycle.apply(
        connection, Event.CHECKED, now, problem=problem, detail=detail, due_at=now + CHECK_EVERY, facts=facts
    )


def _still_open(connection: SalesforceConnection) -> tuple[Problem | None, str]:
    """The problem that still waits for a person although the current tokens work."""
    if connection.asks_which_org:
        return Problem.OTHER_ORG, ""
    if store.has_new_settings(connection):
        return connection.current_problem, connection.problem_detail
    return None, ""


def _record_refused_trial(connection: SalesforceConnection, trial: TrialGrant, error: SalesforceError) -> None:
    now = utcnow()
    trial.failed_checks += 1
    if error.problem.is_transient and trial.failed_checks < FIRST_CHECK_TRIES:
        lifecycle.apply(
            connection, Event.CHECK_FAILED, now, problem=error.problem, detail=error.detail,
            due_at=now + FIRST_CHECK_PAUSE,
        )  # fmt: skip
    elif not same_org(trial.org_id, connection.org_id):
        orgs.ask(connection, trial, now)
    elif connection.works:
        token_grants.drop_trial(connection)
        event = Event.AUTHORIZE_FAILED_STILL_CONNECTED
        due_at = now + RECOVERY_PAUSE
        lifecycle.apply(connection, event, now, problem=error.problem, detail=error.detail, due_at=due_at)
    else:
        grant = token_grants.promote(connection, trial, now)
        grant.checked_at = now
        _lose(connection, grant, error, now)


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
    _lose(connection, grant, error, now)


def _lose(connection: SalesforceConnection, grant: SalesforceGrant, error: SalesforceError, now: datetime) -> None:
    grant.works = False
    may_recover = error.problem.is_transient or error.problem is Problem.DATA_API_CLOSED
    due_at = now + RECOVERY_PAUSE if may_recover and grant.failed_checks < RECOVERY_TRIES else None
    if connection.trial is not None and not connection.asks_which_org:
        # The refreshed token opens another org: find out which one, and ask a person.
        due_at = now
    lifecycle.apply(connection, Event.ACCESS_LOST, now, problem=error.problem, detail=error.detail, due_at=due_at)


def check_soon(connection_id: str) -> None:
    """Have the worker check a working connection, because what is read from it has changed."""
    now = utcnow()
    is_later = or_(Connection.due_at.is_(None), Connection.due_at > now)
    rests = (Connection.id == connection_id, Connection.state == State.CONNECTED, is_later)
    if count_updated(update(Connection).where(*rests).values(due_at=now)):
        queue().wake(connection_id)


def check_now(connection_id: str) -> SalesforceConnection | None:
    """Check one connection at once, as the command line does; return its new state."""
    connection = store.load(connection_id)
    if connection is not None and connection.grant is not None:
        check(connection)
        connection = store.load(connection_id)
        db.session.commit()
    return connection
