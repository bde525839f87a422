"""Tokens: stored before use, refreshed one at a time on all machines, revoked when no longer wanted."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import or_, select, update

from datasync_flask import counters
from datasync_flask.clock import utcnow
from datasync_flask.connections.models import new_public_id
from datasync_flask.extensions import db
from datasync_flask.salesforce import oauth
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.oauth import TokenAnswer
from datasync_flask.salesforce_connections import store
from datasync_flask.salesforce_connections.models import (
    AuthMethod,
    Revocation,
    SalesforceConnection,
    SalesforceGrant,
    TrialGrant,
    login_origin_of,
    same_org,
)
from datasync_flask.security.crypto import SecretUnreadable, secret_box
from datasync_flask.transactions import count_updated, in_transaction

# Longer than a token request can take; after this time, others stop waiting for a process that died.
REFRESH_LEASE = timedelta(seconds=30)
REFRESH_TRIES = 4
BUSY_PAUSE = 1.5
REVOKE_TRIES = 5


@dataclass(frozen=True)
class CurrentToken:
    """An access token with the generation of its grant."""

    generation: int
    token: TokenAnswer


def store_grant(connection: SalesforceConnection, answer: TokenAnswer, now: datetime) -> None:
    """Store new tokens in the connection (the caller commits before anybody uses them).

    If there are tokens already, or the connection belongs to an org, the new ones are kept apart until proven.
    """
    if connection.grant is None and not connection.org_id:
        connection.grant = SalesforceGrant(generation=1, works=False)
        _fill(connection.grant, connection, answer)
        connection.grant.granted_at = connection.grant.refreshed_at = now
        return
    store_trial(connection, answer, now)


def store_trial(connection: SalesforceConnection, answer: TokenAnswer, now: datetime) -> None:
    """Store tokens on trial, replacing earlier ones."""
    drop_trial(connection)
    # Delete the old row first: a connection can have only one.
    db.session.flush()
    connection.trial = TrialGrant(number=new_public_id(), received_at=now, failed_checks=0)
    _fill(connection.trial, connection, answer)


def _fill(tokens: SalesforceGrant | TrialGrant, connection: SalesforceConnection, answer: TokenAnswer) -> None:
    box = secret_box()
    connection.app_known_at = connection.app_known_at or utcnow()
    tokens.access_token_sealed = box.seal(answer.access_token)
    tokens.refresh_token_sealed = box.seal(answer.refresh_token) if answer.refresh_token else ""
    tokens.instance_url, tokens.identity_url = answer.instance_url, answer.identity_url
    tokens.scopes, tokens.org_id = " ".join(answer.scopes), answer.org_id
    tokens.app_settings = store.app_settings(connection)
    tokens.app_secret_sealed = connection.client_secret_sealed


_OF_BOTH = (
    "access_token_sealed", "refresh_token_sealed", "instance_url", "identity_url", "scopes", "app_settings",
    "app_secret_sealed", "org_id", "org_name", "is_sandbox", "username",
)  # fmt: skip


def promote(connection: SalesforceConnection, trial: TrialGrant, now: datetime) -> SalesforceGrant:
    """Replace the current tokens with those on trial, and have the old ones revoked."""
    grant = connection.grant
    if grant is None:
        grant = connection.grant = SalesforceGrant(generation=0)
    else:
        order_revocation(connection, grant, unless=(trial,))
    for name in _OF_BOTH:
        setattr(grant, name, getattr(trial, name))
    grant.generation += 1
    grant.granted_at = grant.refreshed_at = now
    grant.refresh_lease, grant.refresh_leased_until = "", None
    grant.checked_at, grant.failed_checks, grant.works = None, 0, False
    connection.trial = None
    return grant


def put_on_trial(connection: SalesforceConnection, grant: SalesforceGrant, now: datetime) -> TrialGrant:
    """Put the current tokens on trial without revoking them, because they open another org."""
    drop_trial(connection)
    db.session.flush()
    trial = TrialGrant(number=new_public_id(), received_at=now, failed_checks=0)
    for name in _OF_BOTH:
        setattr(trial, name, getattr(grant, name))
    connection.grant, connection.trial = None, trial
    return trial


def drop_trial(connection: SalesforceConnection) -> None:
    """Have tokens on trial revoked, if there are any."""
    if connection.trial is not None:
        order_revocation(connection, connection.trial, unless=(connection.grant,))
        connection.trial = None


def tokens_of(tokens: SalesforceGrant | TrialGrant) -> TokenAnswer:
    """The stored tokens, decrypted. Raises SecretUnreadable."""
    box = secret_box()
    return TokenAnswer(
        access_token=box.open(tokens.access_token_sealed),
        refresh_token=box.open(tokens.refresh_token_sealed) if tokens.refresh_token_sealed else "",
        instance_url=tokens.instance_url,
        identity_url=tokens.identity_url,
        scopes=tuple(tokens.scopes.split()),
    )


def current_token(connection_id: str) -> CurrentToken:
    """The access token stored now. Raises SalesforceError (NOT_CONNECTED) when there is none."""
    grant = db.session.get(SalesforceGrant, connection_id, populate_existing=True)
    if grant is None:
        raise SalesforceError(Problem.NOT_CONNECTED, "there is no token")
    held = CurrentToken(grant.generation, tokens_of(grant))
    # End the transaction before calling Salesforce.
    db.session.commit()
    return held


def refreshed_token(connection_id: str, stale: CurrentToken) -> CurrentToken:
    """An access token newer than `stale`, refreshing it if nobody else did.

    Raises SalesforceError: REVOKED when the grant has ended, NO_REFRESH_TOKEN when it can't be renewed,
    TOKEN_REQUEST_BUSY when others keep refreshing for too long, OTHER_ORG when the new one opens another org (it is
    kept apart then), or the reason why Salesforce didn't answer.
    """
    me = secrets.token_hex(8)
    for _ in range(REFRESH_TRIES):
        current = current_token(connection_id)
        if current.token.access_token != stale.token.access_token:
            return current
        if not _claim_refresh(connection_id, current.generation, me):
            time.sleep(BUSY_PAUSE)
            continue
        # Read again under the lease: somebody else may have refreshed between the query above and the lease, and
        # with rotation on, using the old refresh token would revoke everything.
        current = current_token(connection_id)
        if current.token.access_token != stale.token.access_token:
            _release_refresh(connection_id, me)
            return current
        try:
            answer = _ask_for_new_token(connection_id, current)
        except SalesforceError as error:
            counters.add("refreshes", error.problem.value)
            _release_refresh(connection_id, me)
            if error.problem is Problem.TOKEN_REQUEST_BUSY:
                # Another process is refreshing: wait, then read what it stored.
                time.sleep(BUSY_PAUSE)
                continue
            if error.problem is Problem.CODE_EXPIRED:
                # Until Winter '25 Salesforce also used these words for a concurrent refresh.
                error = SalesforceError(Problem.REVOKED, error.detail, is_about_access=True)
            if error.problem is Problem.REVOKED and current_token(connection_id).token != current.token:
                continue
            raise error from None
        if _opens_other_org(connection_id, current.generation, answer):
            _release_refresh(connection_id, me)
            raise SalesforceError(Problem.OTHER_ORG, answer.org_id)
        # Commit before anybody uses the access token: with rotation on, the old refresh token is already dead.
        is_stored = _store_refreshed(connection_id, current.generation, me, answer)
        counters.add("refreshes", "done")
        if is_stored:
            return current_token(connection_id)
        _give_back_late(connection_id, current.generation, answer)
    raise SalesforceError(Problem.TOKEN_REQUEST_BUSY, "another process is refreshing the token")


def _ask_for_new_token(connection_id: str, current: CurrentToken) -> TokenAnswer:
    connection = store.load(connection_id)
    if connection is None or connection.grant is None:
        raise SalesforceError(Problem.REVOKED, "the connection is gone")
    # With the settings that the tokens were obtained with: later ones are unproven.
    app = store.app_of_tokens(connection.grant)
    needs_person = connection.grant.app_settings["auth_method"] == AuthMethod.AUTHORIZATION_CODE
    db.session.commit()
    if not needs_person:
        return oauth.exchange_without_person(app)
    if not current.token.refresh_token:
        raise SalesforceError(Problem.NO_REFRESH_TOKEN)
    return oauth.refresh(app, current.token.refresh_token)


def _opens_other_org(connection_id: str, generation: int, answer: TokenAnswer) -> bool:
    """True when refreshed tokens open another org than the connection's; they are kept apart then."""

    def compare() -> bool:
        connection = store.load(connection_id)
        grant = connection.grant if connection is not None else None
        if connection is None or grant is None or grant.generation != generation:
            return False
        if same_org(answer.org_id, connection.org_id):
            return False
        store_trial(connection, answer, utcnow())
        return True

    return in_transaction(compare)


def _give_back_late(connection_id: str, generation: int, answer: TokenAnswer) -> None:
    """Revoke a rotated refresh token that arrived after its grant was replaced; the others ended with the grant."""

    def give_back_answer() -> None:
        connection = store.load(connection_id)
        if connection is None or not answer.refresh_token:
            return
        if connection.grant is None or connection.grant.generation != generation:
            discard(connection, connection.login_origin, answer)

    in_transaction(give_back_answer)


def _claim_refresh(connection_id: str, generation: int, me: str) -> bool:
    now = utcnow()
    until = SalesforceGrant.refresh_leased_until
    free = or_(until.is_(None), until <= now)
    statement = (
        update(SalesforceGrant)
        .where(SalesforceGrant.connection_id == connection_id, SalesforceGrant.generation == generation, free)
        .values(refresh_lease=me, refresh_leased_until=now + REFRESH_LEASE)
    )
    return count_updated(statement) == 1


def _release_refresh(connection_id: str, me: str) -> None:
    statement = (
        update(SalesforceGrant)
        .where(SalesforceGrant.connection_id == connection_id, SalesforceGrant.refresh_lease == me)
        .values(refresh_lease="", refresh_leased_until=None)
    )
    count_updated(statement)


def _store_refreshed(connection_id: str, generation: int, me: str, answer: TokenAnswer) -> bool:
    box = secret_box()
    values = {
        "access_token_sealed": box.seal(answer.access_token),
        "instance_url": answer.instance_url,
        "refreshed_at": utcnow(),
        "refresh_lease": "",
        "refresh_leased_until": None,
    }
    if answer.refresh_token:
        values["refresh_token_sealed"] = box.seal(answer.refresh_token)
    if answer.identity_url:
        values["identity_url"] = answer.identity_url
    statement = (
        update(SalesforceGrant)
        # A person authenticated meanwhile: keep that newer grant and discard this answer.
        .where(
            SalesforceGrant.connection_id == connection_id,
            SalesforceGrant.generation == generation,
            SalesforceGrant.refresh_lease == me,
        )
        .values(**values)
    )
    return count_updated(statement) == 1


def give_back(connection: SalesforceConnection) -> bool:
    """Erase the connection's tokens here and have them revoked at Salesforce; True if there were any."""
    drop_trial(connection)
    grant = connection.grant
    if grant is None:
        return False
    order_revocation(connection, grant)
    connection.grant = None
    return True


def order_revocation(
    connection: SalesforceConnection,
    tokens: SalesforceGrant | TrialGrant,
    unless: Iterable[SalesforceGrant | TrialGrant | None] = (),
) -> None:
    """Have tokens revoked at Salesforce, unless they are the same as those still in use."""
    # Revoking a refresh token also ends its access tokens (Salesforce help "Revoke OAuth Tokens").
    sealed = tokens.refresh_token_sealed or tokens.access_token_sealed
    settings = tokens.app_settings or store.app_settings(connection)
    _order_unless_used(login_origin_of(settings["login_host"], settings["login_url"]), sealed, unless)


def discard(connection: SalesforceConnection | None, origin: str, answer: TokenAnswer) -> None:
    """Have the tokens of an unwanted answer revoked (the caller commits)."""
    sealed = secret_box().seal(answer.refresh_token or answer.access_token)
    _order_unless_used(origin, sealed, (connection.grant, connection.trial) if connection is not None else ())


def _order_unless_used(origin: str, sealed: str, in_use: Iterable[SalesforceGrant | TrialGrant | None]) -> None:
    if not any(_has(kept, sealed) for kept in in_use if kept is not None):
        db.session.add(Revocation(origin=origin, token_sealed=sealed, due_at=utcnow()))


def _has(kept: SalesforceGrant | TrialGrant, sealed: str) -> bool:
    """True when a token is among those in use, or can't be compared with them."""
    box = secret_box()
    try:
        token = box.open(sealed)
        return token in {box.open(each) for each in (kept.access_token_sealed, kept.refresh_token_sealed) if each}
    except SecretUnreadable:
        return True


def revoke_due() -> None:
    """Revoke unwanted tokens at Salesforce; each is tried a few times, then forgotten."""
    now = utcnow()
    for order_id in db.session.scalars(select(Revocation.id).where(Revocation.due_at <= now).limit(100)).all():
        _revoke(order_id, now)


def _revoke(order_id: int, now: datetime) -> None:
    claimed = (
        update(Revocation)
        .where(Revocation.id == order_id, Revocation.due_at <= now)
        .values(due_at=now + timedelta(minutes=5), tries=Revocation.tries + 1)
    )
    if not count_updated(claimed):
        return
    order = db.session.get(Revocation, order_id, populate_existing=True)
    if order is None:
        return
    is_settled = order.tries >= REVOKE_TRIES
    try:
        token = secret_box().open(order.token_sealed)
        app = oauth.AppCredentials(order.origin, "", "", current_app.config["SETTINGS"].salesforce_hosts)
        db.session.commit()
        oauth.revoke(app, token)
        is_settled = True
    except SecretUnreadable:
        is_settled = True
    except SalesforceError as error:
        current_app.logger.warning("revoking a token at %s failed: %s", app.origin, error.problem)
    if is_settled:
        in_transaction(lambda: db.session.delete(db.session.get_one(Revocation, order_id)))
