"""The one way for a view to get at connections: fetching and authorising belong together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import abort
from flask_login import current_user
from sqlalchemy import func, or_, select
from sqlalchemy.orm import selectinload

from datasync_flask.accounts.models import Role, User
from datasync_flask.connections import store
from datasync_flask.connections.models import Connection, ConnectionEvent, SalesforceConnection, description_key
from datasync_flask.extensions import db

PAGE_SIZE = 50
HISTORY_SIZE = 30


def readable(connection_id: str) -> SalesforceConnection:
    """Return a connection that the person may see; 404 when there is none."""
    connection = store.load(connection_id)
    if connection is None or not current_user.has_role(Role.VIEWER):
        abort(404)
    return connection


def editable(connection_id: str) -> SalesforceConnection:
    """Return a connection that the person may change; 404 when there is none, 403 for people who only read."""
    connection = readable(connection_id)
    if not current_user.has_role(Role.EDITOR):
        abort(403)
    return connection


@dataclass(frozen=True)
class Page:
    """One page of the list."""

    connections: list[SalesforceConnection]
    number: int
    pages: int
    total: int


def page_of_connections(number: int, search: str) -> Page:
    """Return one page of the connections, by description, with everything its rows show."""
    number = min(max(number, 1), 1_000_000)
    statement = select(SalesforceConnection).options(selectinload(SalesforceConnection.grant))
    if words := description_key(search):
        pattern = "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        statement = statement.where(
            or_(
                Connection.description_key.like(pattern, escape="\\"),
                func.lower(SalesforceConnection.login_url).like(pattern, escape="\\"),
            )
        )
    total = db.session.scalar(select(func.count()).select_from(statement.options().subquery())) or 0
    rows = db.session.scalars(
        statement.order_by(Connection.description_key).limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE)
    ).all()
    return Page(list(rows), number, max(1, -(-total // PAGE_SIZE)), total)


@dataclass(frozen=True)
class HistoryLine:
    """One event with the e-mail address of who did it ('' for DataSync itself)."""

    event: ConnectionEvent
    who: str


def history(connection: SalesforceConnection) -> list[HistoryLine]:
    """Return the newest events of a connection."""
    rows = db.session.execute(
        select(ConnectionEvent, User.email)
        .outerjoin(User, User.id == ConnectionEvent.user_id)
        .where(ConnectionEvent.connection_id == connection.id)
        .order_by(ConnectionEvent.id.desc())
        .limit(HISTORY_SIZE)
    ).all()
    return [HistoryLine(event, email or "") for event, email in rows]


def saved_by(connection: SalesforceConnection) -> tuple[str, datetime]:
    """Return who changed the settings last, and when."""
    email = db.session.scalar(
        select(User.email)
        .join(ConnectionEvent, ConnectionEvent.user_id == User.id)
        .where(ConnectionEvent.connection_id == connection.id, ConnectionEvent.event.in_(("created", "changed")))
        .order_by(ConnectionEvent.id.desc())
        .limit(1)
    )
    return email or "", connection.updated_at
