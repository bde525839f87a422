"""Tokens: stored before they are used, refreshed one at a time on all machines, given back when no longer wanted."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import or_, select, update

from datasync_flask.clock import has_come, too_far, utcnow
from datasync_flask.connections import store
from datasync_flask.connections.models import Revocation, SalesforceConnection, SalesforceGrant
from datasync_flask.extensions import db
from datasync_flask.operations import counters
from datasync_flask.salesforce import oauth
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.oauth import TokenAnswer
from datasync_flask.security.crypto import SecretUnreadable

# Longer than a token request can take; a process that dies in the middle is waited for no longer than this.
REFRESH_LEASE = timedelta(seconds=30)
REFRESH_TRIES = 4
BUSY_PAUSE = 1.5
REVOKE_TRIES = 5


@dataclass(frozen=True)
class HeldToken:
    """An access token with the generation of the grant it came from."""

    generation: int
    token: TokenAnswer


def keep(connection: SalesforceConnection, answer: TokenAnswer, now: datetime) -> SalesforceGrant:
    """Store a new grant in the connection (the caller commits, before anybody uses it)."""
    box = store.secret_box()
    connection.app_known_at = connection.app_known_at or now
    grant = connection.grant
    if grant is None:
        grant = SalesforceGrant(generation=0)
        connection.grant = grant
    grant.generation += 1
    grant.access_token_sealed = box.seal(answer.access_token)
    grant.refresh_token_sealed = box.seal(answer.refresh_token) if answer.refresh_token else ""
    grant.instance_url, grant.identity_url = answer.instance_url, answer.identity_url
    grant.scopes = " ".join(answer.scopes)
    grant.granted_at = grant.refreshed_at = now
    grant.refresh_claim, grant.refresh_claimed_until = "", None
    grant.checked_at, grant.failed_checks = None, 0
    return grant


def held_token(connection_id: str) -> HeldToken:
    """Return the access token stored now. Raises SalesforceError (REVOKED) when there is none."""
    grant = db.session.get(SalesforceGrant, connection_id, populate_existing=True)
    if grant is None:
        raise SalesforceError(Problem.REVOKED, "there is no token")
    box = store.secret_box()
    answer = TokenAnswer(
        access_token=box.open(grant.access_token_sealed),
        refresh_token=box.open(grant.refresh_token_sealed) if grant.refresh_token_sealed else "",
        instance_url=grant.instance_url,
        identity_url=grant.identity_url,
        scopes=tuple(grant.scopes.split()),
        issued_at=None,
    )
    held = HeldToken(grant.generation, answer)
    # Nothing may stay open on the database while Salesforce is spoken to.
    db.session.commit()
    return held


def refreshed_token(connection_id: str, stale: HeldToken) -> HeldToken:
    """Return an access token newer than `stale`, refreshing it if nobody else did.

    Raises SalesforceError: REVOKED when the grant is at its end, NO_REFRESH_TOKEN when there never was a way to renew
    it, TOKEN_REQUEST_BUSY when others keep refreshing for too long, or what kept Salesforce from answering.
    """
    me = secrets.token_hex(8)
    for _ in range(REFRESH_TRIES):
        current = held_token(connection_id)
        if current.token.access_token != stale.token.access_token:
            return current
        if not _claim_refresh(connection_id, current.generation, me):
            time.sleep(BUSY_PAUSE)
            continue
        # Read again under the claim: between the look above and the claim somebody else may have come and gone, and
        # with rotation on, using the refresh token of before would revoke everything.
        current = held_token(connection_id)
        if current.token.access_token != stale.token.access_token:
            _release_refresh(connection_id, me)
            return current
        try:
            answer = _ask_for_new_token(connection_id, current)
        except SalesforceError as error:
            counters.add("refreshes", error.problem.value)
            _release_refresh(connection_id, me)
            if error.problem is Problem.TOKEN_REQUEST_BUSY:
                # Another process is at it: wait, then read what it stored.
                time.sleep(BUSY_PAUSE)
                continue
            if error.problem is Problem.CODE_EXPIRED:
                # Until Winter '25 Salesforce used these words for a concurrent refresh too.
                error = SalesforceError(Problem.REVOKED, error.detail)
            if error.problem is Problem.REVOKED and held_token(connection_id).token != current.token:
                continue
            raise error from None
        # Committed before anybody uses the access token: with rotation on, the old refresh token is dead already.
        is_stored = _store_refreshed(connection_id, current.generation, me, answer)
        counters.add("refreshes", "done")
        if is_stored:
            return held_token(connection_id)
    raise SalesforceError(Problem.TOKEN_REQUEST_BUSY, "another process is refreshing the token")


def _ask_for_new_token(connection_id: str, current: HeldToken) -> TokenAnswer:
    connection = store.load(connection_id)
    if connection is None:
        raise SalesforceError(Problem.REVOKED, "the connection is gone")
    app, is_headless = store.app_credentials(connection), connection.is_headless
    db.session.commit()
    if is_headless:
        return oauth.exchange_without_person(app)
    if not current.token.refresh_token:
        raise SalesforceError(Problem.NO_REFRESH_TOKEN)
    return oauth.refresh(app, current.token.refresh_token)


def _claim_refresh(connection_id: str, generation: int, me: str) -> bool:
    now = utcnow()
    until = SalesforceGrant.refresh_claimed_until
    free = or_(until.is_(None), has_come(until, now, too_far(now, REFRESH_LEASE)))
    statement = (
        update(SalesforceGrant)
        .where(SalesforceGrant.connection_id == connection_id, SalesforceGrant.generation == generation, free)
        .values(refresh_claim=me, refresh_claimed_until=now + REFRESH_LEASE)
    )
    return store.count_updated(statement) == 1


def _release_refresh(connection_id: str, me: str) -> None:
    statement = (
        update(SalesforceGrant)
        .where(SalesforceGrant.connection_id == connection_id, SalesforceGrant.refresh_claim == me)
        .values(refresh_claim="", refresh_claimed_until=None)
    )
    store.count_updated(statement)


def _store_refreshed(connection_id: str, generation: int, me: str, answer: TokenAnswer) -> bool:
    box = store.secret_box()
    values = {
        "access_token_sealed": box.seal(answer.access_token),
        "instance_url": answer.instance_url,
        "refreshed_at": utcnow(),
        "refresh_claim": "",
        "refresh_claimed_until": None,
    }
    if answer.refresh_token:
        values["refresh_token_sealed"] = box.seal(answer.refresh_token)
    if answer.identity_url:
        values["identity_url"] = answer.identity_url
    statement = (
        update(SalesforceGrant)
        # A person who authenticated meanwhile made a newer grant: theirs wins, this answer is thrown away.
        .where(
            SalesforceGrant.connection_id == connection_id,
            SalesforceGrant.generation == generation,
            SalesforceGrant.refresh_claim == me,
        )
        .values(**values)
    )
    return store.count_updated(statement) == 1


def give_back(connection: SalesforceConnection) -> bool:
    """Erase the connection's tokens here and order their revocation at Salesforce; True when there were any."""
    grant = connection.grant
    if grant is None:
        return False
    # The refresh token's revocation takes its access tokens with it (Salesforce help "Revoke OAuth Tokens").
    sealed = grant.refresh_token_sealed or grant.access_token_sealed
    db.session.add(Revocation(origin=connection.login_origin, token_sealed=sealed, due_at=utcnow()))
    connection.grant = None
    return True


def revoke_due() -> None:
    """Revoke at Salesforce what was given back; each is tried a few times, then forgotten."""
    now = utcnow()
    for order_id in db.session.scalars(select(Revocation.id).where(Revocation.due_at <= now).limit(100)).all():
        _revoke(order_id, now)


def _revoke(order_id: int, now: datetime) -> None:
    claimed = (
        update(Revocation)
        .where(Revocation.id == order_id, Revocation.due_at <= now)
        .values(due_at=now + timedelta(minutes=5), tries=Revocation.tries + 1)
    )
    if not store.count_updated(claimed):
        return
    order = db.session.get(Revocation, order_id, populate_existing=True)
    if order is None:
        return
    is_settled = order.tries >= REVOKE_TRIES
    try:
        token = store.secret_box().open(order.token_sealed)
        app = oauth.AppCredentials(order.origin, "", "", current_app.config["SETTINGS"].salesforce_hosts)
        db.session.commit()
        oauth.revoke(app, token)
        is_settled = True
    except SecretUnreadable:
        is_settled = True
    except SalesforceError as error:
        current_app.logger.warning("revoking a token at %s failed: %s", app.origin, error.problem)
    if is_settled:
        store.in_transaction(lambda: db.session.delete(db.session.get_one(Revocation, order_id)))
