"""Reading and writing connections: loaders that everything uses, claims, and transactions that meet others."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import current_app
from sqlalchemy import Update, bindparam, or_, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.exc import StaleDataError

from datasync_flask.clock import has_come, too_far, utcnow
from datasync_flask.connections.models import Connection, State
from datasync_flask.extensions import db
from datasync_flask.salesforce.oauth import AppCredentials
from datasync_flask.salesforce_connections.models import (
    APP_SETTINGS,
    AuthMethod,
    AuthorizationAttempt,
    SalesforceConnection,
    SalesforceGrant,
    SecretUse,
    SigningCertificate,
    TrialGrant,
    login_origin_of,
)
from datasync_flask.security.crypto import SecretUnreadable, secret_box

if TYPE_CHECKING:
    from sqlalchemy import Table

T = TypeVar("T")

_TRIES = 6
# The queue may hand out a task a little early; doing it then is better than not at all.
EARLY = timedelta(seconds=0.6)
# For so long Salesforce's servers may disagree whether they know an app; after that a no isn't propagation.
NEW_APP = timedelta(hours=1)
# Statements that every look needs are made once.
_connections = cast("Table", Connection.__table__)
_LOADED = (
    select(SalesforceConnection)
    .where(SalesforceConnection.id.in_(bindparam("ids", expanding=True)))
    .options(
        joinedload(SalesforceConnection.grant),
        joinedload(SalesforceConnection.trial),
        joinedload(SalesforceConnection.certificate),
    )
    .execution_options(populate_existing=True)
)
# No step is put off for longer: a connection that works is looked at daily, one that moves is looked at within minutes.
FURTHEST = timedelta(hours=25)
FURTHEST_WHILE_MOVING = timedelta(minutes=21)
# There is something to do; its parameters come from due_times.
IS_DUE = or_(
    has_come(_connections.c.due_at, bindparam("now"), bindparam("too_far")),
    _connections.c.state.in_([state for state in State if state.is_moving])
    & has_come(_connections.c.due_at, bindparam("now"), bindparam("too_far_while_moving")),
)
# A person has to allow access, and no code waits to be exchanged: watcher.py looks at these, several at once.
_codes = select(AuthorizationAttempt.connection_id).where(AuthorizationAttempt.code_sealed != "")
_WATCHED = select(SalesforceConnection.id).where(
    SalesforceConnection.state == State.WAITING,
    SalesforceConnection.auth_method == AuthMethod.AUTHORIZATION_CODE,
    SalesforceConnection.id.not_in(_codes),
)
_IS_WATCHED = _WATCHED.where(SalesforceConnection.id == bindparam("id"))
_DUE_LOOKS = _WATCHED.where(IS_DUE).order_by(_connections.c.due_at).limit(bindparam("most"))
_DUE_AT = select(_connections.c.due_at).where(_connections.c.id == bindparam("id"))
_CLAIM = update(_connections).where(_connections.c.id == bindparam("of"), IS_DUE).values(due_at=bindparam("until"))


def in_transaction(work: Callable[[], T]) -> T:
    """Run `work` and commit; run it again when another process changed the same rows meanwhile.

    `work` must load what it changes, so that a second run sees the other's change.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            result = work()
            db.session.commit()
            return result
        except (StaleDataError, OperationalError) as error:
            db.session.rollback()
            if attempt == _TRIES or not _is_collision(error):
                raise
            time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 (no secret depends on it)
        except BaseException:
            db.session.rollback()
            raise
    raise AssertionError("unreachable")


def _is_collision(error: Exception) -> bool:
    if isinstance(error, StaleDataError):
        return True
    words = str(error).lower()
    return "locked" in words or "deadlock" in words or "serialize" in words


def due_times(now: datetime) -> dict[str, datetime]:
    """Return the parameters of IS_DUE for a time."""
    limits = {"too_far": too_far(now, FURTHEST), "too_far_while_moving": too_far(now, FURTHEST_WHILE_MOVING)}
    return {"now": now, **limits}


def claim(connection_id: str, now: datetime, lease: timedelta) -> bool:
    """Take over the work that is due for a connection; False when another worker has it or nothing is due.

    A worker that dies keeps the claim for `lease` only.
    """
    return bool(claim_all([connection_id], now + EARLY, now + lease))


def claim_all(connection_ids: Sequence[str], due: datetime, until: datetime) -> list[str]:
    """Claim what is `due`, and return of which connections this worker has the claim, `until` then."""
    parameters = {"until": until, **due_times(due)}

    def claimed() -> list[str]:
        connection = db.session.connection()
        return [each for each in connection_ids if connection.execute(_CLAIM, {"of": each, **parameters}).rowcount]

    return in_transaction(claimed)


def due_looks(due: datetime, most: int) -> list[str]:
    """Return of which watched connections the next look is `due`, the longest due ones first; at most `most`."""
    return list(db.session.scalars(_DUE_LOOKS, {"most": most, **due_times(due)}))


def count_updated(statement: Update) -> int:
    """Run a conditional update in a transaction of its own and return how many rows it changed.

    Objects that are loaded already don't see the change.
    """
    quiet = statement.execution_options(synchronize_session=False)
    # Only the result of an UPDATE has a row count, which the types don't know.
    return in_transaction(lambda: int(db.session.execute(quiet).rowcount))  # type: ignore[attr-defined]


def load(connection_id: str) -> SalesforceConnection | None:
    """Return the connection as it is in the database now, or None when it is gone."""
    return next(iter(load_all([connection_id])), None)


def load_all(connection_ids: Sequence[str]) -> Sequence[SalesforceConnection]:
    """Return the connections as they are in the database now, without those that are gone."""
    return db.session.scalars(_LOADED, {"ids": connection_ids}).all()


def due_at(connection_id: str) -> datetime | None:
    """Return when there is something to do for a connection; None while it rests, or is gone."""
    found: datetime | None = db.session.scalar(_DUE_AT, {"id": connection_id})
    return found


def is_watched(connection_id: str) -> bool:
    """True when the worker's watcher makes the next step of a connection."""
    return db.session.scalar(_IS_WATCHED, {"id": connection_id}) is not None


def app_credentials(connection: SalesforceConnection) -> AppCredentials:
    """Return the connection's app, secret or signing key included. Raises SecretUnreadable when the key is lost."""
    return _credentials(app_settings(connection), connection.client_secret_sealed, connection.app_known_at)


def app_of_tokens(tokens: SalesforceGrant | TrialGrant) -> AppCredentials:
    """Return the app that tokens were got with. Raises SecretUnreadable when the key is lost."""
    since = tokens.granted_at if isinstance(tokens, SalesforceGrant) else tokens.received_at
    return _credentials(tokens.app_settings, tokens.app_secret_sealed, since)


def app_settings(connection: SalesforceConnection) -> dict[str, Any]:
    """Return the settings that tokens are got with, without the secret."""
    return {name: getattr(connection, name) for name in APP_SETTINGS}


def has_new_settings(connection: SalesforceConnection) -> bool:
    """True when the tokens work that were got with other settings than the saved ones, which are unproven as yet."""
    grant = connection.grant
    if grant is None or not grant.works or not grant.app_settings:
        return False
    if _proof_of(app_settings(connection)) != _proof_of(grant.app_settings):
        return True
    if not connection.needs_secret or connection.client_secret_sealed == grant.app_secret_sealed:
        return False
    try:
        box = secret_box()
        return box.open(connection.client_secret_sealed or "") != box.open(grant.app_secret_sealed)
    except SecretUnreadable:
        return True


def _proof_of(settings: Mapping[str, Any]) -> tuple[Any, ...]:
    signs = settings["auth_method"] == AuthMethod.JWT_BEARER
    proof = (settings["username"], settings["certificate_id"]) if signs else (_secret_use(settings),)
    origin = login_origin_of(settings["login_host"], settings["login_url"])
    return (origin, settings["auth_method"], settings["client_id"], *proof)


def _secret_use(settings: Mapping[str, Any]) -> SecretUse:
    # Tokens of before there were apps without a secret don't say.
    return SecretUse(settings.get("client_secret_use", SecretUse.REQUIRED))


def _credentials(settings: Mapping[str, Any], secret_sealed: str, known_since: datetime | None) -> AppCredentials:
    box, signs = secret_box(), settings["auth_method"] == AuthMethod.JWT_BEARER
    certificate = db.session.get(SigningCertificate, settings["certificate_id"]) if settings["certificate_id"] else None
    needs_secret = not signs and _secret_use(settings) is SecretUse.REQUIRED
    return AppCredentials(
        origin=login_origin_of(settings["login_host"], settings["login_url"]),
        client_id=settings["client_id"],
        client_secret=box.open(secret_sealed) if needs_secret else "",
        trusted=current_app.config["SETTINGS"].salesforce_hosts,
        username=settings["username"],
        signing_key=box.open(certificate.private_key_sealed) if certificate is not None and signs else "",
        has_worked=known_since is not None and utcnow() - known_since > NEW_APP,
    )
