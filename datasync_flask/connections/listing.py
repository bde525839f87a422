"""The list of connections: what its address asks for, one page of it, and what needs attention at a glance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from flask_babel import gettext
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import selectinload

from datasync_flask.connections.history import state_label
from datasync_flask.connections.kinds import KINDS
from datasync_flask.connections.models import Connection, Label, State, connection_labels, description_key
from datasync_flask.extensions import db
from datasync_flask.languages import translated

PAGE_SIZE = 50
# More than a look takes in: the rest is a click away.
GLANCE_SIZE = 5

# Which rows come is asked of the tables themselves: through the models each question would join every kind's table.
_ALL = Connection.__table__

SORTINGS: dict[str, Any] = {
    "description": _ALL.c.description_key.asc(),
    "-description": _ALL.c.description_key.desc(),
    "kind": _ALL.c.kind.asc(),
    "-kind": _ALL.c.kind.desc(),
    "state": _ALL.c.state.asc(),
    "-state": _ALL.c.state.desc(),
    "activity": _ALL.c.state_since.asc(),
    "-activity": _ALL.c.state_since.desc(),
}
_FIRST_LABEL = (
    select(func.min(Label.key))
    .join(connection_labels, connection_labels.c.label_id == Label.id)
    .where(connection_labels.c.connection_id == _ALL.c.id)
    .correlate(_ALL)
    .scalar_subquery()
)
# What has no label comes last, on every database.
GROUPINGS: dict[str, tuple[Any, ...]] = {
    "label": (_FIRST_LABEL.is_(None), _FIRST_LABEL.asc()),
    "kind": (_ALL.c.kind.asc(),),
    "state": (_ALL.c.state.asc(),),
}


def _column(sort: str) -> Any:
    """Return the column of a kind's own table that a sorting is about, if it is about one."""
    name = sort.removeprefix("-")
    return next((found for kind in KINDS.values() if (found := kind.in_list.sortings.get(name)) is not None), None)


def _order(sort: str) -> Any:
    column = _column(sort)
    if column is None:
        return SORTINGS[sort]
    return column.desc() if sort.startswith("-") else column.asc()


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
            sort=sort if sort in SORTINGS or _column(sort) is not None else "description",
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

    @property
    def _searched(self) -> list[Any]:
        """The columns of the kinds' own tables that are searched in, where there is something to search for."""
        return [column for kind in KINDS.values() for column in kind.in_list.searched] if self._pattern else []

    @property
    def _pattern(self) -> str:
        text = description_key(self.search)
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return f"%{escaped}%" if text else ""

    def source(self) -> Any:
        """Return what to select from: the kinds' own tables only where they decide what is shown, or in which order."""
        sorted_by = _column(self.sort)
        columns = [*self._searched, *([sorted_by] if sorted_by is not None else [])]
        found: Any = _ALL
        for table in dict.fromkeys(column.table for column in columns):
            found = found.outerjoin(table, table.c.id == _ALL.c.id)
        return found

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield what a connection has to meet to be shown."""
        if pattern := self._pattern:
            found = (func.lower(column).like(pattern, escape="\\") for column in self._searched)
            yield or_(_ALL.c.description_key.like(pattern, escape="\\"), *found)
        if self.kind:
            yield _ALL.c.kind == self.kind
        if self.state:
            yield _ALL.c.state == self.state
        if self.label:
            named = select(connection_labels.c.connection_id).join(Label, Label.id == connection_labels.c.label_id)
            yield _ALL.c.id.in_(named.where(Label.key == description_key(self.label)))

    def heading(self, connection: Connection) -> str:
        """Return under which heading a connection stands in a grouped list ('' when the list isn't grouped)."""
        if self.group == "label":
            return connection.labels[0].name if connection.labels else gettext("Without label")
        if self.group == "kind":
            return translated(KINDS[connection.kind].title)
        return state_label(connection.state) if self.group == "state" else ""


@dataclass(frozen=True)
class Page:
    """One page of the list, in groups (heading, connections); a list that isn't grouped is one group."""

    groups: list[tuple[str, list[Connection]]]
    number: int
    pages: int
    total: int


def _rows() -> Select[Connection]:
    """Return the statement for connections with everything that a row shows, in a constant number of queries."""
    own = (option for kind in KINDS.values() for option in kind.in_list.loaded)
    return select(Connection).options(selectinload(Connection.labels), *own)


def page_of_connections(query: ListQuery) -> Page:
    """Return one page of the connections with everything its rows show."""
    number = max(query.number, 1)
    conditions = list(query.conditions())
    source = query.source()
    total = db.session.scalar(select(func.count()).select_from(source).where(*conditions)) or 0
    order = (*GROUPINGS.get(query.group, ()), _order(query.sort), _ALL.c.description_key)
    chosen = select(_ALL.c.id).select_from(source).where(*conditions).order_by(*order)
    ids = db.session.scalars(chosen.limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE)).all()
    found = {row.id: row for row in db.session.scalars(_rows().where(Connection.id.in_(ids)))}
    rows = [found[row_id] for row_id in ids if row_id in found]
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
    rows = db.session.execute(select(_ALL.c.state, func.count()).group_by(_ALL.c.state)).all()
    counts = {str(state): count for state, count in rows}

    def newest(state: State) -> list[Connection]:
        if not counts.get(state):
            return []
        statement = _rows().where(Connection.state == state).order_by(Connection.state_since.desc())
        return list(db.session.scalars(statement.limit(GLANCE_SIZE)).all())

    return Glance(counts, newest(State.NEEDS_ATTENTION), newest(State.READY), newest(State.WAITING))
