"""The one way for a view to get at connections: fetching and authorising belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import abort
from flask_login import current_user
from sqlalchemy import func, or_, select
from sqlalchemy.orm import selectinload

from datasync_flask.accounts.models import Role, User
from datasync_flask.connections import store
from datasync_flask.connections.models import Connection, ConnectionEvent, SalesforceConnection, State, description_key
from datasync_flask.extensions import db

PAGE_SIZE = 50
HISTORY_SIZE = 30


def readable(connection_id: str) -> SalesforceConnection:
    """Return a connection that the person may see; 404 when there is none."""
    connection = store.load(connection_id)
    if connection is None or not current_user.has_role(Role.VIEWER):
        abort(404)
    return connection


def poll_values(connection_id: str) -> tuple[int, str]:
    """Return (row version, Callback URL), all that an unchanged poll needs of a connection; 404 when there is none."""
    row = db.session.execute(
        select(SalesforceConnection.row_version, SalesforceConnection.callback_url).where(
            SalesforceConnection.id == connection_id
        )
    ).one_or_none()
    if row is None or not current_user.has_role(Role.VIEWER):
        abort(404)
    return row.row_version, row.callback_url


def editable(connection_id: str) -> SalesforceConnection:
    """Return a connection that the person may change; 404 when there is none, 403 for people who only read."""
    connection = readable(connection_id)
    if not current_user.has_role(Role.EDITOR):
        abort(403)
    return connection


SORTINGS: dict[str, Any] = {
    "description": Connection.description_key.asc(),
    "-description": Connection.description_key.desc(),
    "tracking_type": SalesforceConnection.tracking_type.asc(),
    "-tracking_type": SalesforceConnection.tracking_type.desc(),
    "state": Connection.state.asc(),
    "-state": Connection.state.desc(),
    "activity": Connection.state_since.asc(),
    "-activity": Connection.state_since.desc(),
}


@dataclass(frozen=True)
class ListQuery:
    """What the list shows, as its address says; anything odd in the address counts as not said."""

    search: str = ""
    state: str = ""
    sort: str = "description"
    number: int = 1

    @classmethod
    def from_address(cls, args: Mapping[str, str]) -> ListQuery:
        """Read the query from an address's parameters."""
        number, state, sort = args.get("page", ""), args.get("state", ""), args.get("sort", "")
        return cls(
            search=args.get("q", "")[:200],
            state=state if state in set(State) else "",
            sort=sort if sort in SORTINGS else "description",
            number=int(number) if number.isascii() and number.isdigit() and len(number) < 7 else 1,
        )

    def address(self, **changes: Any) -> dict[str, Any]:
        """Return the parameters of the address with changes; what is as usual is left out."""
        query = replace(self, **changes)
        return {
            "q": query.search or None,
            "state": query.state or None,
            "sort": query.sort if query.sort != "description" else None,
            "page": query.number if query.number > 1 else None,
        }

    def toggled(self, column: str) -> str:
        """Return the sorting after a click on a column's head."""
        return f"-{column}" if self.sort == column else column

    def direction(self, column: str) -> str:
        """Return what aria-sort says of a column."""
        return {column: "ascending", f"-{column}": "descending"}.get(self.sort, "none")


@dataclass(frozen=True)
class Page:
    """One page of the list."""

    connections: list[SalesforceConnection]
    number: int
    pages: int
    total: int


def page_of_connections(query: ListQuery) -> Page:
    """Return one page of the connections with everything its rows show."""
    number = max(query.number, 1)
    statement = select(SalesforceConnection).options(selectinload(SalesforceConnection.grant))
    if words := description_key(query.search):
        pattern = "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        statement = statement.where(
            or_(
                Connection.description_key.like(pattern, escape="\\"),
                func.lower(SalesforceConnection.login_url).like(pattern, escape="\\"),
            )
        )
    if query.state:
        statement = statement.where(Connection.state == query.state)
    total = db.session.scalar(select(func.count()).select_from(statement.options().subquery())) or 0
    ordered = statement.order_by(SORTINGS[query.sort], Connection.description_key)
    rows = db.session.scalars(ordered.limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE)).all()
    return Page(list(rows), number, max(1, -(-total // PAGE_SIZE)), total)


def count_by_state() -> dict[str, int]:
    """Return how many connections are in each state that somebody should know of."""
    rows = db.session.execute(select(Connection.state, func.count()).group_by(Connection.state)).all()
    return {str(state): count for state, count in rows}


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
