"""The list of connections: the query in its address, one page of it with its tabs, and what needs attention."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar

from flask_babel import gettext
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import selectinload

from datasync_flask.connections.history import state_label
from datasync_flask.connections.kinds import KINDS
from datasync_flask.connections.list_query import AddressQuery, page_number
from datasync_flask.connections.models import Connection, Label, State, connection_labels, description_key
from datasync_flask.extensions import db
from datasync_flask.languages import translated

PAGE_SIZE = 50
# The rest is a click away.
SUMMARY_SIZE = 5
# The name in the address for all kinds of destinations.
DESTINATIONS = "destinations"

# These queries use tables, because each query on the models would join every kind's table.
_ALL = Connection.__table__

# The columns of all kinds to sort by; each kind has more in its own table.
SORTINGS: dict[str, Any] = {
    "description": _ALL.c.description_key, "kind": _ALL.c.kind, "state": _ALL.c.state, "activity": _ALL.c.state_since,
}  # fmt: skip
_FIRST_LABEL = (
    select(func.min(Label.key))
    .join(connection_labels, connection_labels.c.label_id == Label.id)
    .where(connection_labels.c.connection_id == _ALL.c.id)
    .correlate(_ALL)
    .scalar_subquery()
)
# Connections without a label come last, on every database.
GROUPINGS: dict[str, tuple[Any, ...]] = {
    "label": (_FIRST_LABEL.is_(None), _FIRST_LABEL.asc()),
    "kind": (_ALL.c.kind.asc(),),
    "state": (_ALL.c.state.asc(),),
}


def _column(sort: str) -> Any:
    """The column that a sorting uses; None: there is no such sorting."""
    name, of_kinds = sort.removeprefix("-"), (kind.in_list.sortings for kind in KINDS.values())
    return next((columns[name] for columns in (SORTINGS, *of_kinds) if name in columns), None)


def _order(sort: str) -> Any:
    return _column(sort).desc() if sort.startswith("-") else _column(sort).asc()


def _kinds_of(name: str) -> list[str]:
    return [key for key, kind in KINDS.items() if not kind.is_source] if name == DESTINATIONS else [name]


@dataclass(frozen=True)
class ListQuery(AddressQuery):
    """What the list shows, according to its address; ignores invalid parts of the address."""

    NAMES: ClassVar[dict[str, str]] = {
        "q": "search", "kind": "kind", "state": "state", "label": "label", "group": "group", "sort": "sort",
        "page": "number",
    }  # fmt: skip

    kind: str = ""
    group: str = ""

    @classmethod
    def from_address(cls, args: Mapping[str, str]) -> ListQuery:
        """Read the query from an address's parameters."""
        state, sort = args.get("state", ""), args.get("sort", "")
        kind, group = args.get("kind", ""), args.get("group", "")
        return cls(
            search=args.get("q", "")[:200],
            kind=kind if kind in KINDS or kind == DESTINATIONS else "",
            state=state if state in set(State) else "",
            label=args.get("label", "")[:200],
            group=group if group in GROUPINGS else "",
            sort=sort if _column(sort) is not None else "description",
            number=page_number(args.get("page", "")),
        )

    @property
    def _searched(self) -> list[Any]:
        """The columns of the kinds' own tables to search, if there is a search."""
        return [column for kind in KINDS.values() for column in kind.in_list.searched] if self._pattern else []

    @property
    def _pattern(self) -> str:
        text = description_key(self.search)
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return f"%{escaped}%" if text else ""

    def source(self) -> Any:
        """The tables to select from: the kinds' own tables only if they affect the rows or their order."""
        found: Any = _ALL
        for table in dict.fromkeys(column.table for column in (*self._searched, _column(self.sort))):
            if table is not _ALL:
                found = found.outerjoin(table, table.c.id == _ALL.c.id)
        return found

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions for showing a connection."""
        yield from self.matches()
        if self.kind:
            yield _ALL.c.kind.in_(_kinds_of(self.kind))
        if self.state:
            yield _ALL.c.state == self.state

    def matches(self) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions besides kind and state, which the tabs choose."""
        if pattern := self._pattern:
            found = (func.lower(column).like(pattern, escape="\\") for column in self._searched)
            yield or_(_ALL.c.description_key.like(pattern, escape="\\"), *found)
        if self.label:
            named = select(connection_labels.c.connection_id).join(Label, Label.id == connection_labels.c.label_id)
            yield _ALL.c.id.in_(named.where(Label.key == description_key(self.label)))

    def heading(self, connection: Connection) -> str:
        """The heading of a connection in a grouped list ('' when the list isn't grouped)."""
        if self.group == "label":
            return connection.labels[0].name if connection.labels else gettext("Without label")
        if self.group == "kind":
            return translated(KINDS[connection.kind].title)
        return state_label(connection.state) if self.group == "state" else ""


@dataclass(frozen=True)
class Page:
    """One page of the list, in groups (heading, connections); a list that isn't grouped is one group.

    `counts` has how many connections of each kind and state match the search.
    """

    groups: list[tuple[str, list[Connection]]]
    number: int
    pages: int
    total: int
    counts: dict[tuple[str, str], int]
    is_empty: bool

    def tabs(self, query: ListQuery, address: Callable[..., str]) -> list[tuple[str, int, str, bool]]:
        """Title, count and address of each tab, and whether it is the current one."""
        found = []
        for title, kind, state in (
            (gettext("All"), "", ""),
            (translated(KINDS["salesforce"].title), "salesforce", ""),
            (gettext("Destinations"), DESTINATIONS, ""),
            (state_label(State.NEEDS_ATTENTION), "", State.NEEDS_ATTENTION.value),
        ):
            count = sum(
                number
                for (its_kind, its_state), number in self.counts.items()
                if (not kind or its_kind in _kinds_of(kind)) and (not state or its_state == state)
            )
            is_current = (query.kind, query.state) == (kind, state)
            found.append((title, count, address(**query.address(kind=kind, state=state, number=1)), is_current))
        return found


def _rows() -> Select[Connection]:
    """The statement for connections with everything that a row shows, in a constant number of queries."""
    own = (option for kind in KINDS.values() for option in kind.in_list.loaded)
    return select(Connection).options(selectinload(Connection.labels), *own)


def page_of_connections(query: ListQuery) -> Page:
    """One page of the connections with everything its rows show."""
    source = query.source()
    counted = select(_ALL.c.kind, _ALL.c.state, func.count()).select_from(source).where(*query.matches())
    counts = {(kind, state): count for kind, state, count in db.session.execute(counted.group_by("kind", "state"))}
    kinds = _kinds_of(query.kind) if query.kind else list(KINDS)
    total = sum(counts[kind, state] for kind, state in counts if kind in kinds and query.state in {"", state})
    order = (*GROUPINGS.get(query.group, ()), _order(query.sort), _ALL.c.description_key)
    chosen = select(_ALL.c.id).select_from(source).where(*query.conditions()).order_by(*order)
    ids = db.session.scalars(chosen.limit(PAGE_SIZE).offset((query.number - 1) * PAGE_SIZE)).all()
    found = {row.id: row for row in db.session.scalars(_rows().where(Connection.id.in_(ids)))}
    rows = [found[row_id] for row_id in ids if row_id in found]
    groups = [(heading, list(members)) for heading, members in groupby(rows, query.heading)]
    is_empty = not counts and db.session.scalar(select(_ALL.c.id).limit(1)) is None
    return Page(groups, query.number, max(1, -(-total // PAGE_SIZE)), total, counts, is_empty)


@dataclass(frozen=True)
class Summary:
    """The connections to show first: a few in each of these states, and their total numbers."""

    counts: dict[str, int]
    attention: list[Connection]
    ready: list[Connection]
    waiting: list[Connection]

    @property
    def is_moving(self) -> bool:
        """True when what is shown changes by itself."""
        return bool(self.waiting)


def summarize() -> Summary:
    """Find connections that need attention, are ready for a person or are waiting, the newest first."""
    rows = db.session.execute(select(_ALL.c.state, func.count()).group_by(_ALL.c.state)).all()
    counts = {str(state): count for state, count in rows}

    def newest(state: State) -> list[Connection]:
        if not counts.get(state):
            return []
        statement = _rows().where(Connection.state == state).order_by(Connection.state_since.desc())
        return list(db.session.scalars(statement.limit(SUMMARY_SIZE)).all())

    return Summary(counts, newest(State.NEEDS_ATTENTION), newest(State.READY), newest(State.WAITING))
