"""Hand-off links: somebody with Setup rights in Salesforce enters one connection's app values, nothing else."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from flask import g
from sqlalchemy import delete, select

from datasync_flask.accounts.models import Role, SignedIn, User, hash_token
from datasync_flask.audit import trail
from datasync_flask.clock import utcnow
from datasync_flask.connections.history import audit_subject
from datasync_flask.extensions import db
from datasync_flask.salesforce_connections import service, settings
from datasync_flask.salesforce_connections.models import HandOffLink, SalesforceConnection

LIFETIME = timedelta(days=7)
# How the audit log names whoever holds a link; its maker's address follows.
ACTOR = "hand-off link made by "
# Whoever created a link may have lost the right to do so.
_OPEN = select(HandOffLink).join(User, HandOffLink.made_by_id == User.id).where(User.role != Role.VIEWER)


def make(connection: SalesforceConnection, *, by: SignedIn) -> str:
    """Create a link for a connection and return its token, which is shown once; commits."""
    token, now = secrets.token_urlsafe(32), utcnow()
    link = HandOffLink(
        token_hash=hash_token(token), connection_id=connection.id, made_by=by.email, made_by_id=by.id, created_at=now,
        expires_at=now + LIFETIME,
    )  # fmt: skip
    db.session.add(link)
    trail.record("hand_off_made", audit_subject(connection), until=link.expires_at.isoformat())
    db.session.commit()
    return token


def open_links(connection: SalesforceConnection) -> Sequence[HandOffLink]:
    """A connection's links that are still valid."""
    return db.session.scalars(
        _OPEN.where(HandOffLink.connection_id == connection.id, HandOffLink.expires_at > utcnow()).order_by(
            HandOffLink.created_at
        )
    ).all()


def link_of(token: str) -> HandOffLink | None:
    """The link of a token, or None when it is revoked or expired. Records its first use; commits."""
    link = db.session.scalar(
        _OPEN.where(HandOffLink.token_hash == hash_token(token), HandOffLink.expires_at > utcnow())
    )
    if link is not None:
        g.acting_as = f"{ACTOR}{link.made_by}"
        if link.opened_at is None:
            link.opened_at = utcnow()
            trail.record("hand_off_opened", audit_subject(link.connection))
            db.session.commit()
    return link


def withdraw(connection: SalesforceConnection, link_id: str) -> None:
    """Revoke a connection's link; commits."""
    db.session.execute(delete(HandOffLink).where(HandOffLink.id == link_id, HandOffLink.connection_id == connection.id))
    trail.record("hand_off_withdrawn", audit_subject(connection))
    db.session.commit()


def take_in(link: HandOffLink, client_id: str, client_secret: str) -> SalesforceConnection:
    """Store the values that somebody entered through a link, and start propagation; commits."""
    connection = link.connection
    changes: dict[str, object] = {"client_id": [connection.client_id, client_id]}
    if client_secret:
        changes["client_secret"] = "changed"
    link.used_at = utcnow()
    trail.record("hand_off_used", audit_subject(connection), changes=changes)
    data = replace(settings.SalesforceSettings.of(connection), client_id=client_id, client_secret=client_secret)
    return service.save(connection, data, by=None)
