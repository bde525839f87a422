"""Reading and writing connections: loaders, leases, and concurrent transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import Select, select, update
from sqlalchemy.orm import joinedload

from datasync_flask.clock import utcnow
from datasync_flask.connections.models import Connection, State
from datasync_flask.extensions import db
from datasync_flask.salesforce.oauth import AppCredentials
from datasync_flask.salesforce.oauth_refusals import Asked
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
from datasync_flask.transactions import in_transaction

# The queue may deliver a task a little early; doing it then is better than not at all.
EARLY = timedelta(seconds=0.6)
# For this long Salesforce's servers may disagree about an app; after that a "no" isn't propagation.
NEW_APP = timedelta(hours=1)
# No step is further away: a working connection is checked daily, one that moves within minutes.
LONGEST_REST = timedelta(hours=25)
LONGEST_REST_WHILE_MOVING = timedelta(minutes=21)


def claim(connection_id: str, now: datetime, lease: timedelta) -> bool:
    """Lease the due work of a connection; False when another worker has it or nothing is due.

    If a worker dies, its lease ends after `lease`.
    """
    return bool(claim_all([connection_id], now + EARLY, now + lease))


def claim_all(connection_ids: Sequence[str], due: datetime, until: datetime) -> list[str]:
    """Lease all that are `due` until then; return the connections that this worker got."""
    # The table, not the class: open pages needn't show a lease.
    is_due = update(Connection.__table__).where(Connection.due_at <= due)  # type: ignore[arg-type]

    def claimed() -> list[str]:
        execute = db.session.connection().execute
        return [
            each
            for each in connection_ids
            if execute(is_due.where(Connection.id == each).values(due_at=until)).rowcount
        ]

    return in_transaction(claimed)


def _probed() -> Select[str]:
    """Select the connections where a person has to allow access and no code is waiting for an exchange.

    propagation_loop.py probes for these, several at once.
    """
    codes = select(AuthorizationAttempt.connection_id).where(AuthorizationAttempt.code_sealed != "")
    return select(SalesforceConnection.id).where(
        SalesforceConnection.state == State.WAITING,
        SalesforceConnection.auth_method == AuthMethod.AUTHORIZATION_CODE,
        SalesforceConnection.id.not_in(codes),
    )


def due_probes(due: datetime, most: int) -> list[str]:
    """The connections whose next probe is `due`, the most overdue ones first; at most `most`."""
    is_due = SalesforceConnection.due_at <= due
    return list(db.session.scalars(_probed().where(is_due).order_by(SalesforceConnection.due_at).limit(most)))


def load(connection_id: str) -> SalesforceConnection | None:
    """The connection as it is in the database now, or None when it is gone."""
    return next(iter(load_all([connection_id])), None)


def load_all(connection_ids: Sequence[str]) -> Sequence[SalesforceConnection]:
    """The connections as they are in the database now, without those that are gone."""
    return db.session.scalars(
        select(SalesforceConnection)
        .where(SalesforceConnection.id.in_(connection_ids))
        .options(
            joinedload(SalesforceConnection.grant),
            joinedload(SalesforceConnection.trial),
            joinedload(SalesforceConnection.certificate),
        )
        .execution_options(populate_existing=True)
    ).all()


def due_at(connection_id: str) -> datetime | None:
    """When a connection is due; None while it rests, or when it is gone."""
    return db.session.scalar(select(Connection.due_at).where(Connection.id == connection_id))


def is_probed(connection_id: str) -> bool:
    """True when the propagation loop does the next step of a connection."""
    return db.session.scalar(_probed().where(SalesforceConnection.id == connection_id)) is not None


def app_credentials(connection: SalesforceConnection) -> AppCredentials:
    """The connection's app with its secret or signing key. Raises SecretUnreadable when the key is lost."""
    return _credentials(app_settings(connection), connection.client_secret_sealed, connection.app_known_at)


def asked_of_person(connection: SalesforceConnection) -> Asked:
    """What a refusal that a person comes back with has to be read by."""
    return Asked(app_has_worked=_has_worked(connection.app_known_at), sends_secret=connection.needs_secret)


def app_of_tokens(tokens: SalesforceGrant | TrialGrant) -> AppCredentials:
    """The app that tokens were obtained with. Raises SecretUnreadable when the key is lost."""
    since = tokens.granted_at if isinstance(tokens, SalesforceGrant) else tokens.received_at
    return _credentials(tokens.app_settings, tokens.app_secret_sealed, since)


def app_settings(connection: SalesforceConnection) -> dict[str, Any]:
    """The settings for getting tokens, without the secret."""
    return {name: getattr(connection, name) for name in APP_SETTINGS}


def has_new_settings(connection: SalesforceConnection) -> bool:
    """True when the tokens work, but were obtained with other settings than the saved, still unproven ones."""
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
    # Tokens from before DataSync had apps without a secret don't have this.
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
        has_worked=_has_worked(known_since),
    )


def _has_worked(known_since: datetime | None) -> bool:
    return known_since is not None and utcnow() - known_since > NEW_APP
