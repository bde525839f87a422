"""Allowing access: from the redirect to Salesforce to the exchange of the code that came back.

Authlib's Flask integration builds the request. It would store state and PKCE verifier in the browser's session; they
are encrypted in the database instead, because the worker must be able to try an exchange again.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import Any

from authlib.common.security import generate_token
from authlib.integrations.flask_client import FlaskIntegration, FlaskOAuth2App
from flask import current_app
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import exists, select, update

from datasync_flask.accounts.models import SignedIn, hash_token
from datasync_flask.clock import utcnow
from datasync_flask.connections.models import State
from datasync_flask.extensions import db, oauth
from datasync_flask.salesforce import oauth as salesforce_oauth
from datasync_flask.salesforce import probe, scopes
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.oauth import SalesforceOAuth2Client
from datasync_flask.salesforce.oauth_refusals import as_said, classify_oauth_error
from datasync_flask.salesforce_connections import lifecycle, propagation, store, token_grants, unfinished_attempts
from datasync_flask.salesforce_connections.lifecycle import Event
from datasync_flask.salesforce_connections.models import AuthorizationAttempt, SalesforceConnection
from datasync_flask.security.crypto import secret_box
from datasync_flask.transactions import count_updated, in_transaction

# How long a person may take on Salesforce's pages (RFC 9700 section 2.1.2: state is short-lived).
STATE_LIFETIME = timedelta(minutes=10)
# If Salesforce is unreachable, a code isn't worth trying much longer, unlike while the app is still unknown.
UNREACHABLE_RETRY_SECONDS = 120.0


class SalesforceApp(FlaskOAuth2App):
    """Authlib's Flask client, on top of our bounded HTTP client."""

    client_cls = SalesforceOAuth2Client  # type: ignore[assignment]  # of the requests family in the types


def register_provider() -> None:
    """Register the provider ``salesforce`` with Authlib; each connection makes its own client from it."""
    oauth.register(
        "salesforce",
        client_cls=SalesforceApp,
        client_kwargs={"code_challenge_method": "S256", "token_endpoint_auth_method": "client_secret_post"},
    )


class AttemptStore(FlaskIntegration):
    """Stores Authlib's state data as an AuthorizationAttempt instead of in the browser."""

    def __init__(self, name: str, connection: SalesforceConnection, person: SignedIn, browser: str) -> None:
        super().__init__(name)
        self._connection, self._person, self._browser = connection, person, browser

    def set_state_data(self, session: Any, state: str, data: dict[str, Any]) -> None:
        """Store state (hashed) and PKCE verifier (encrypted), bound to the person, the browser and the connection."""
        connection, now = self._connection, utcnow()
        connection.attempts.clear()
        connection.attempts.append(
            AuthorizationAttempt(
                state_hash=hash_token(state),
                user_id=self._person.id,
                browser_hash=hash_token(self._browser),
                propagation_number=connection.propagation_number,
                redirect_uri=data["redirect_uri"],
                code_verifier_sealed=secret_box().seal(data["code_verifier"]),
                started_at=now,
                expires_at=now + STATE_LIFETIME,
            )
        )


def _provider_client(connection: SalesforceConnection, person: SignedIn, browser: str) -> SalesforceApp:
    registered = oauth.create_client("salesforce")
    app = store.app_credentials(connection)
    return SalesforceApp(
        AttemptStore("salesforce", connection, person, browser),
        "salesforce",
        client_id=app.client_id,
        client_secret=app.client_secret,
        authorize_url=app.authorize_url,
        access_token_url=app.token_url,
        client_kwargs={
            **registered.client_kwargs,
            "scope": scopes.BY_KEY[connection.permission_level].scope,
            "trusted": app.trusted,
        },
    )


def begin(connection: SalesforceConnection, person: SignedIn, browser: str) -> ResponseReturnValue:
    """The redirect to Salesforce's authorize page; the caller commits before sending it.

    `browser` is the mark that the browser sends when it comes back, signed in again or not (RFC 9700 section 4.7.1:
    state is bound to the user agent).
    """
    now = utcnow()
    # Whatever happens to the attempt, the answer says which connection it belongs to.
    state = f"{connection.id}.{generate_token(43)}"
    # If there was an org before, don't silently use whatever login the browser has.
    prompt = {"prompt": "login"} if connection.org_id else {}
    client = _provider_client(connection, person, browser)
    response = client.authorize_redirect(connection.callback_url, state=state, **prompt)
    lifecycle.apply(connection, Event.AUTHORIZE_STARTED, now, by=person.id, due_at=now + STATE_LIFETIME)
    response.status_code = 303
    return response


class CallbackRefused(Exception):
    """The answer isn't accepted; the text says why in plain words. `connection_id` is '' if unknown."""

    def __init__(self, message: str, connection_id: str = "") -> None:
        super().__init__(message)
        self.connection_id = connection_id


def connection_of(state: str) -> str:
    """The id of the connection that a state was made for, '' when it contains none. It proves nothing."""
    connection_id, dot, _ = state.partition(".")
    return connection_id if dot and connection_id.isalnum() and len(connection_id) <= 16 else ""


def receive(state: str, code: str, error: str, description: str, person: SignedIn, browser: str) -> str:
    """Process what Salesforce sent back to the Callback URL, and return the connection's id.

    The encrypted code is stored, and the worker exchanges it. Raises CallbackRefused for a state that is unknown, used,
    expired or another person's, and if the Client ID has changed since (RFC 9700 sections 2.1 and 4.7).
    """
    now = utcnow()
    attempt = db.session.get(AuthorizationAttempt, hash_token(state), populate_existing=True) if state else None
    if attempt is None:
        raise CallbackRefused(
            gettext(
                "This answer from Salesforce doesn’t belong to anything that is open here. It was used already, a "
                "newer attempt replaced it, or the connection was changed meanwhile."
            ),
            connection_of(state),
        )
    connection_id = attempt.connection_id
    is_theirs = attempt.user_id == person.id and hmac.compare_digest(attempt.browser_hash, hash_token(browser))
    if not is_theirs:
        # The attempt stays open for the person it belongs to: nobody else can end it.
        raise CallbackRefused(
            gettext("Somebody else, or another browser, started this. Start it again from here."), connection_id
        )
    if attempt.used_at is not None or not _use_up(attempt.state_hash, now):
        raise CallbackRefused(gettext("This answer from Salesforce was used already."), connection_id)
    if attempt.expires_at < now:
        _end(connection_id, attempt.state_hash)
        raise CallbackRefused(
            gettext(
                "More than 10 minutes passed since you left for Salesforce, so this answer isn’t accepted any more."
            ),
            connection_id,
        )

    def take_in() -> None:
        connection = store.load(connection_id)
        current = db.session.get(AuthorizationAttempt, hash_token(state), populate_existing=True)
        if connection is None or current is None or connection.propagation_number != current.propagation_number:
            raise CallbackRefused(
                gettext(
                    "The connection’s settings changed while you were in Salesforce, so this answer isn’t accepted."
                ),
                connection_id,
            )
        if connection.state != State.AUTHORIZING:
            raise CallbackRefused(gettext("The connection isn’t waiting for an answer from Salesforce."), connection_id)
        if code and not error:
            current.code_sealed = secret_box().seal(code)
            lifecycle.apply(connection, Event.CODE_RECEIVED, now, by=person.id, due_at=now)
            return
        asked = store.asked_of_person(connection)
        problem = classify_oauth_error(error, description, asked) if error else Problem.UNEXPECTED
        detail = as_said((error, description)) or "neither a code nor an error came back"
        unfinished_attempts.fail(connection, current, problem, detail)

    in_transaction(take_in)
    return connection_id


def _end(connection_id: str, state_hash: str) -> None:
    """End an attempt whose answer isn't accepted, so that the connection doesn't wait for another one."""

    def end() -> None:
        connection = store.load(connection_id)
        attempt = db.session.get(AuthorizationAttempt, state_hash, populate_existing=True)
        if connection is not None and attempt is not None and connection.state == State.AUTHORIZING:
            unfinished_attempts.fail(connection, attempt, Problem.NEVER_CAME_BACK, "")

    in_transaction(end)


def _use_up(state_hash: str, now: datetime) -> bool:
    statement = (
        update(AuthorizationAttempt)
        .where(AuthorizationAttempt.state_hash == state_hash, AuthorizationAttempt.used_at.is_(None))
        .values(used_at=now)
    )
    return count_updated(statement) == 1


def has_pending_code(connection: SalesforceConnection) -> bool:
    """True when a code is waiting to be exchanged."""
    is_pending = exists().where(
        AuthorizationAttempt.connection_id == connection.id, AuthorizationAttempt.code_sealed != ""
    )
    return State(connection.state).is_moving and bool(db.session.scalar(select(is_pending)))


def pending_code(connection: SalesforceConnection) -> AuthorizationAttempt | None:
    """The attempt whose code is waiting to be exchanged, if there is one."""
    if not has_pending_code(connection):
        return None
    return next((attempt for attempt in connection.attempts if attempt.code_sealed), None)


def exchange(connection: SalesforceConnection, attempt: AuthorizationAttempt) -> None:
    """Exchange the code once; try again later while Salesforce doesn't know the app yet. The worker has the lease."""
    connection_id, state_hash = connection.id, attempt.state_hash
    app, box = store.app_credentials(connection), secret_box()
    code, verifier = box.open(attempt.code_sealed), box.open(attempt.code_verifier_sealed)
    redirect_uri = attempt.redirect_uri
    db.session.commit()
    outcome: salesforce_oauth.TokenAnswer | SalesforceError
    try:
        outcome = salesforce_oauth.exchange_code(app, code, verifier, redirect_uri)
    except SalesforceError as error:
        outcome = error

    def record() -> None:
        current = store.load(connection_id)
        open_attempt = db.session.scalar(
            select(AuthorizationAttempt).where(AuthorizationAttempt.state_hash == state_hash)
        )
        if current is None or open_attempt is None or open_attempt.propagation_number != current.propagation_number:
            # Disconnected, deleted or changed meanwhile: revoke the new tokens.
            if not isinstance(outcome, SalesforceError):
                token_grants.discard(current, app.origin, outcome)
            return
        if isinstance(outcome, SalesforceError):
            _put_off_or_fail(current, open_attempt, outcome)
            return
        now = utcnow()
        token_grants.store_grant(current, outcome, now)
        current.attempts.remove(open_attempt)
        current.next_probe_at = None
        lifecycle.apply(current, Event.GRANTED, now, due_at=now)

    in_transaction(record)


def _put_off_or_fail(connection: SalesforceConnection, attempt: AuthorizationAttempt, error: SalesforceError) -> None:
    settings, now = current_app.config["SETTINGS"], utcnow()
    waited = (now - (attempt.used_at or now)).total_seconds()
    patience = settings.exchange_retry_for
    if not error.problem.may_be_propagation:
        patience = min(patience, UNREACHABLE_RETRY_SECONDS) if error.problem.is_transient else 0.0
    pause = max(settings.probe_interval, waited / 20)
    if waited + pause > patience:
        unfinished_attempts.fail(connection, attempt, error.problem, error.detail)
        return
    event = Event.EXCHANGE_DEFERRED if error.problem.may_be_propagation else Event.EXCHANGE_RETRIED
    connection.last_probe_at, connection.next_probe_at = now, now + timedelta(seconds=pause)
    if event is Event.EXCHANGE_DEFERRED and connection.state != State.WAITING:
        connection.propagation_started_at = now
    due_at = connection.next_probe_at
    lifecycle.apply(connection, event, now, problem=error.problem, detail=error.detail, due_at=due_at)


def exchange_headless(connection: SalesforceConnection) -> None:
    """Try once to get a token: for a connection without a person, this is the probe."""
    connection_id, number = connection.id, connection.propagation_number
    app = store.app_credentials(connection)
    db.session.commit()
    outcome: salesforce_oauth.TokenAnswer | SalesforceError
    try:
        outcome = salesforce_oauth.exchange_without_person(app)
    except SalesforceError as error:
        outcome = error

    def record() -> None:
        current = store.load(connection_id)
        if current is None or current.propagation_number != number or current.state != State.WAITING:
            if not isinstance(outcome, SalesforceError):
                token_grants.discard(current, app.origin, outcome)
            return
        if isinstance(outcome, SalesforceError):
            requests = max(1, len(app.audiences))
            propagation.apply_result(current, probe.Observation(outcome.problem, outcome.detail, requests))
            return
        now = utcnow()
        current.last_probe_at, current.next_probe_at = now, None
        token_grants.store_grant(current, outcome, now)
        lifecycle.apply(current, Event.GRANTED, now, due_at=now)

    in_transaction(record)


def give_up_waiting_for_person(connection: SalesforceConnection) -> None:
    """Nobody came back from Salesforce: probe its page to find and show the reason."""
    connection_id, number = connection.id, connection.propagation_number
    app = store.app_credentials(connection)
    scope = scopes.BY_KEY[connection.permission_level].scope
    callback_url = connection.callback_url
    db.session.commit()
    seen = probe.probe_app(app, callback_url, scope)

    def record() -> None:
        current = store.load(connection_id)
        if current is None or current.propagation_number != number or current.state != State.AUTHORIZING:
            return
        now = utcnow()
        still_open = [attempt for attempt in current.attempts if attempt.expires_at > now]
        if still_open:
            current.due_at = still_open[0].expires_at
            return
        # A network error of our probe says nothing about what the person saw.
        says_why = not (seen.problem is None or seen.problem.is_transient)
        problem = seen.problem if says_why and seen.problem else Problem.NEVER_CAME_BACK
        detail = seen.detail if says_why else ""
        if current.attempts:
            unfinished_attempts.fail(current, current.attempts[0], problem, detail)
        else:
            # The person's account was deleted meanwhile.
            event = Event.AUTHORIZE_FAILED_STILL_CONNECTED if current.works else Event.AUTHORIZE_FAILED
            due_at = now + timedelta(hours=1) if current.works else None
            lifecycle.apply(current, event, now, problem=problem, detail=detail, due_at=due_at)

    in_transaction(record)
