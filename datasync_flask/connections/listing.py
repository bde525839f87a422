"""The list of connections: what its address asks for, one page of it, and what needs attention at a glance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from flask_babel import gettext
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import selectinload

from datasync_flask.connections.kinds import KINDS
from datasync_flask.connections.models import (
    Connection,
    Label,
    SalesforceConnection,
    State,
    connection_labels,
    description_key,
)
from datasync_flask.connections.words import state_words
from datasync_flask.extensions import db

PAGE_SIZE = 50
# More than a look takes in: the rest is a click away.
GLANCE_SIZE = 5

SORTINGS: dict[str, Any] = {
    "description": Connection.description_key.asc(),
    "-description": Connection.description_key.desc(),
    "kind": Connection.kind.asc(),
    "-kind": Connection.kind.desc(),
    "tracking_type": SalesforceConnection.tracking_type.asc(),
    "-tracking_type": SalesforceConnection.tracking_type.desc(),
    "state": Connection.state.asc(),
    "-state": Connection.state.desc(),
    "activity": Connection.state_since.asc(),
    "-activity": Connection.state_since.desc(),
}
_FIRST_LABEL = (
    select(func.min(Label.key))
    .join(connection_labels, connection_labels.c.label_id == Label.id)
    .where(connection_labels.c.connection_id == Connection.id)
    .correlate(Connection)
    .scalar_subquery()
)
# What has no label comes last, on every database.
GROUPINGS: dict[str, tuple[Any, ...]] = {
    "label": (_FIRST_LABEL.is_(None), _FIRST_LABEL.asc()),
    "kind": (Connection.kind.asc(),),
    "state": (Connection.state.asc(),),
}


@dataclass(frozen=True)
class ListQuery:
    """What the list shows, as its address says; anything odd in the address counts as not said."""

    search: str = ""
    kind: str = ""
    state: str = ""
    label: str = ""
    group: str = ""
    sort: str = "description"
    number: int = 1

    @classmethod
    def from_address(cls, args: Mapping[str, str]) -> ListQuery:
        """Read the query from an address's parameters."""
        number, state, sort = args.get("page", ""), args.get("state", ""), args.get("sort", "")
        kind, group = args.get("kind", ""), args.get("group", "")
        return cls(
            search=args.get("q", "")[:200],
            kind=kind if kind in KINDS else "",
            state=state if state in set(State) else "",
            label=args.get("label", "")[:200],
            group=group if group in GROUPINGS else "",
            sort=sort if sort in SORTINGS else "description",
            number=int(number) if number.isascii() and number.isdigit() and len(number) < 7 else 1,
        )

    def address(self, **changes: Any) -> dict[str, Any]:
        """Return the parameters of the address with changes; what is as usual is left out."""
        query = replace(self, **changes)
        return {
            "q": query.search or None,
            "kind": query.kind or None,
            "state": query.state or None,
            "label": query.label or None,
            "group": query.group or None,
            "sort": query.sort if query.sort != "description" else None,
            "page": query.number if query.number > 1 else None,
        }

    def toggled(self, column: str) -> str:
        """Return the sorting after a click on a column's head."""
        return f"-{column}" if self.sort == column else column

    def direction(self, column: str) -> str:
        """Return what aria-sort says of a column."""
        return {column: "ascending", f"-{column}": "descending"}.get(self.sort, "none")

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield what a connection has to meet to be shown."""
        if words := description_key(self.search):
            pattern = "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            address = func.lower(SalesforceConnection.login_url).like(pattern, escape="\\")
            yield or_(Connection.description_key.like(pattern, escape="\\"), address)
        if self.kind:
            yield Connection.kind == self.kind
        if self.state:
            yield Connection.state == self.state
        if self.label:
            yield Connection.labels.any(Label.key == description_key(self.label))

    def heading(self, connection: Connection) -> str:
        """Return under which heading a connection stands in a grouped list ('' when the list isn't grouped)."""
        if self.group == "label":
            return connection.labels[0].name if connection.labels else gettext("Without label")
        if self.group == "kind":
            return KINDS[connection.kind].title
        return state_words(connection.state) if self.group == "state" else ""


@dataclass(frozen=True)
class Page:
    """One page of the list, in groups (heading, connections); a list that isn't grouped is one group."""

    groups: list[tuple[str, list[Connection]]]
    number: int
    pages: int
    total: int


def _rows() -> Select[Connection]:
    """Return the statement for connections with everything that a row shows, in a constant number of queries."""
    return select(Connection).options(
        selectinload(SalesforceConnection.grant),
        selectinload(Connection.labels),
    )


def page_of_connections(query: ListQuery) -> Page:
    """Return one page of the connections with everything its rows show."""
    number = max(query.number, 1)
    conditions = list(query.conditions())
    total = db.session.scalar(select(func.count()).select_from(Connection).where(*conditions)) or 0
    order = (*GROUPINGS.get(query.group, ()), SORTINGS[query.sort], Connection.description_key)
    statement = _rows().where(*conditions).order_by(*order)
    rows = db.session.scalars(statement.limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE)).all()
    groups = [(heading, list(members)) for heading, members in groupby(rows, query.heading)]
    return Page(groups, number, max(1, -(-total // PAGE_SIZE)), total)


@dataclass(frozen=True)
class Glance:
    """What somebody should know of first: a few of the connections in these states, and how many there are in all."""

    counts: dict[str, int]
    attention: list[Connection]
    ready: list[Connection]
    waiting: list[Connection]

    @property
    def is_moving(self) -> bool:
        """True when what is shown changes by itself."""
        return bool(self.waiting)

    @property
    def tag(self) -> str:
        """What changes whenever the glance would look different."""
        shown = (*self.attention, *self.ready, *self.waiting)
        versions = ".".join(f"{connection.id}{connection.row_version}" for connection in shown)
        return f"{sorted(self.counts.items())}-{versions}"


def at_a_glance() -> Glance:
    """Return what needs attention, what is ready for a person, and what is waiting, the newest first."""
    rows = db.session.execute(select(Connection.state, func.count()).group_by(Connection.state)).all()
    counts = {str(state): count for state, count in rows}

    def newest(state: State) -> list[Connection]:
        if not counts.get(state):
            return []
        statement = _rows().where(Connection.state == state).order_by(Connection.state_since.desc())
        return list(db.session.scalars(statement.limit(GLANCE_SIZE)).all())

    return Glance(counts, newest(State.NEEDS_ATTENTION), newest(State.READY), newest(State.WAITING))
