"""Encrypts all stored secrets again, row by row, without blocking other work."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import InstrumentedAttribute

from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.extensions import db
from datasync_flask.extractions.models import HashingKey
from datasync_flask.notices.models import Channel
from datasync_flask.salesforce_connections.models import (
    AuthorizationAttempt,
    Revocation,
    SalesforceConnection,
    SalesforceGrant,
    SigningCertificate,
    TrialGrant,
)
from datasync_flask.security.crypto import SecretUnreadable, secret_box
from datasync_flask.transactions import count_updated

SEALED_COLUMNS: tuple[tuple[InstrumentedAttribute[Any], InstrumentedAttribute[str]], ...] = (
    (SalesforceConnection.id, SalesforceConnection.client_secret_sealed),
    (SigningCertificate.id, SigningCertificate.private_key_sealed),
    (SalesforceGrant.connection_id, SalesforceGrant.access_token_sealed),
    (SalesforceGrant.connection_id, SalesforceGrant.refresh_token_sealed),
    (SalesforceGrant.connection_id, SalesforceGrant.app_secret_sealed),
    (TrialGrant.connection_id, TrialGrant.access_token_sealed),
    (TrialGrant.connection_id, TrialGrant.refresh_token_sealed),
    (TrialGrant.connection_id, TrialGrant.app_secret_sealed),
    (AuthorizationAttempt.state_hash, AuthorizationAttempt.code_verifier_sealed),
    (AuthorizationAttempt.state_hash, AuthorizationAttempt.code_sealed),
    (Revocation.id, Revocation.token_sealed),
    (DestinationConnection.id, DestinationConnection.password_sealed),
    (Channel.id, Channel.target_sealed),
    (Channel.id, Channel.signing_key_sealed),
    (HashingKey.id, HashingKey.key_sealed),
)


def rotate_all() -> tuple[int, int]:
    """How many secrets were encrypted with the first key, and how many no key can read."""
    done = unreadable = 0
    box = secret_box()
    for key, sealed in SEALED_COLUMNS:
        rows = db.session.execute(select(key, sealed).where(sealed != "")).all()
        db.session.commit()
        for row_key, old in rows:
            try:
                new = box.rotate(old)
            except SecretUnreadable:
                unreadable += 1
                continue
            done += _replace(key, sealed, row_key, old, new)
    return done, unreadable


def count_readable() -> tuple[int, int]:
    """How many stored secrets can be read with the current keys, and how many can't."""
    readable = unreadable = 0
    box = secret_box()
    for _, sealed in SEALED_COLUMNS:
        for text in db.session.scalars(select(sealed).where(sealed != "")):
            try:
                box.open(text)
                readable += 1
            except SecretUnreadable:
                unreadable += 1
    db.session.commit()
    return readable, unreadable


def _replace(
    key: InstrumentedAttribute[Any], sealed: InstrumentedAttribute[str], row_key: Any, old: str, new: str
) -> int:
    table = sealed.property.columns[0].table
    columns = table.c
    statement = (
        update(table)
        # Skip a secret that changed meanwhile: it is already encrypted with the first key.
        .where(columns[key.key] == row_key, columns[sealed.key] == old)
        .values({sealed.key: new})
    )
    return count_updated(statement)
