"""The one way for a view to get at connections; who may use a view is said by its decorator (accounts/rights.py)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import abort
from sqlalchemy import select

from datasync_flask.accounts.models import User
from datasync_flask.connections.models import Connection, ConnectionEvent, SalesforceConnection
from datasync_flask.extensions import db
from datasync_flask.salesforce_connections import store

HISTORY_SIZE = 30


def get_connection(connection_id: str) -> Connection:
    """Return a connection, source or destination; 404 when there is none."""
    connection = db.session.get(Connection, connection_id, populate_existing=True)
    return connection if connection is not None else abort(404)


def get_salesforce_connection(connection_id: str) -> SalesforceConnection:
    """Return a connection of Salesforce's; 404 when there is none."""
    connection = store.load(connection_id)
    return connection if connection is not None else abort(404)


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
