"""The one way for a view to get at connections: fetching and authorising belong together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import abort
from flask_login import current_user
from sqlalchemy import bindparam, select

from datasync_flask.accounts.models import Role, User
from datasync_flask.connections.models import Connection, ConnectionEvent
from datasync_flask.extensions import db
from datasync_flask.salesforce_connections import store
from datasync_flask.salesforce_connections.models import SalesforceConnection

HISTORY_SIZE = 30
_connections, _of_salesforce = Connection.__table__, SalesforceConnection.__table__
# All that an unchanged poll needs of a connection of Salesforce's: row version and Callback URL.
POLLED = (
    select(_connections.c.row_version, _of_salesforce.c.callback_url)
    .join_from(_connections, _of_salesforce)
    .where(_connections.c.id == bindparam("connection_id"))
)


def readable(connection_id: str) -> SalesforceConnection:
    """Return a connection that the person may see; 404 when there is none."""
    connection = store.load(connection_id)
    if connection is None or not current_user.has_role(Role.VIEWER):
        abort(404)
    return connection


def readable_of_any_kind(connection_id: str) -> Connection:
    """Return a connection, source or destination, that the person may see; 404 when there is none."""
    connection = db.session.get(Connection, connection_id, populate_existing=True)
    if connection is None or not current_user.has_role(Role.VIEWER):
        abort(404)
    return connection


def editable_of_any_kind(connection_id: str) -> Connection:
    """Return a connection, source or destination, that the person may change; 403 for people who only read."""
    connection = readable_of_any_kind(connection_id)
    if not current_user.has_role(Role.EDITOR):
        abort(403)
    return connection


def editable(connection_id: str) -> SalesforceConnection:
    """Return a connection that the person may change; 404 when there is none, 403 for people who only read."""
    connection = readable(connection_id)
    if not current_user.has_role(Role.EDITOR):
        abort(403)
    return connection


@dataclass(frozen=True)
class HistoryLine:
    """One event with the e-mail address of who did it ('' for DataSync itself)."""

    event: ConnectionEvent
    who: str


def history(connection: Connection) -> list[HistoryLine]:
    """Return the newest events of a connection."""
    rows = db.session.execute(
        select(ConnectionEvent, User.email)
        .outerjoin(User, User.id == ConnectionEvent.user_id)
        .where(ConnectionEvent.connection_id == connection.id)
        .order_by(ConnectionEvent.id.desc())
        .limit(HISTORY_SIZE)
    ).all()
    return [HistoryLine(event, email or "") for event, email in rows]


def saved_by(connection: Connection) -> tuple[str, datetime]:
    """Return who changed the settings last, and when."""
    email = db.session.scalar(
        select(User.email)
        .join(ConnectionEvent, ConnectionEvent.user_id == User.id)
        .where(ConnectionEvent.connection_id == connection.id, ConnectionEvent.event.in_(("created", "changed")))
        .order_by(ConnectionEvent.id.desc())
        .limit(1)
    )
    return email or "", connection.updated_at
