"""Resolves names in a query to objects, columns and groups, or refuses them with Salesforce's words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from datasync_flask.practice_org import soql_parser as tree
from datasync_flask.practice_org.catalog import COMPOUND, NUMBERS, UNGROUPED, SObject, relationship_of
from datasync_flask.practice_org.data import Data
from datasync_flask.practice_org.soql_answer import Column
from datasync_flask.practice_org.soql_filters import Operand
from datasync_flask.practice_org.soql_groups import aggregated, date_part, key_of, of_group
from datasync_flask.practice_org.soql_tokens import SoqlError, pointed
from datasync_flask.practice_org.values import address_of, formatted

APPENDIX = "Please reference your WSDL or the describe call for the appropriate names."


@dataclass
class Scope:
    """The meaning of the names in one query."""

    data: Data
    query: tree.Query
    found: SObject
    with_deleted: bool
    # True if the query groups rows.
    is_grouped: bool = False
    # A query inside IN can't contain another one.
    is_inner: bool = False
    number: int = field(default=0)

    def refuse(self, at: int, code: str, words: str) -> SoqlError:
        """The refusal of a part of the query."""
        return SoqlError(code, pointed(self.query.text, at, words))

    def column(self, item: tree.Item) -> Column:
        """The column of a plain path or a converted one."""
        at, names = item.at, list(item.path)
        if len(names) > 1 and names[0].lower() in self.query.aliases:
            names[:1] = self.query.aliases[names[0].lower()]
        current = self.found
        read: Callable[[Any], Any] = _same
        path: list[str] = []
        parents: list[tuple[str, Callable[[Any], Any]]] = []
        for name in names[:-1]:
            reference = current.reference_called(name)
            target = self.data.known(current.target_of(reference)) if reference else None
            if reference is None or target is None:
                words = (
                    f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom "
                    f"relationship, be sure to append the '__r' after the custom relationship name. {APPENDIX}"
                )
                raise self.refuse(at, "INVALID_FIELD", words)
            read, current = _through(read, reference, target), target
            path.append(relationship_of(reference))
            parents.append((target.name, read))
        spelled = current.spelled(names[-1])
        if spelled is None:
            words = (
                f"No such column '{names[-1]}' on entity '{current.name}'. If you are attempting to use a custom "
                f"field, be sure to append the '__c' after the custom field name. {APPENDIX}"
            )
            raise self.refuse(at, "INVALID_FIELD", words)
        kind = current.fields[spelled]
        read = _reading(read, spelled, kind)
        if item.function == "FORMAT":
            written = read
            return Column(
                (*path, spelled), "string", lambda row: formatted(written(row), kind), tuple(parents), "FORMAT"
            )
        return Column((*path, spelled), kind, read, tuple(parents), item.function)

    def owner(self, column: Column) -> SObject:
        """The object that a column's field belongs to."""
        return self.data.object(column.parents[-1][0]) if column.parents else self.found

    def leads_to(self, column: Column) -> str:
        """The object whose ids a column contains; '' if it isn't an id."""
        owner, name = self.owner(column), column.path[-1]
        return owner.name if name == "Id" else owner.target_of(name)

    def operand(self, item: tree.Item) -> Operand:
        """The operand of a comparison or an ORDER BY."""
        if item.function in tree.AGGREGATES:
            if not self.is_grouped:
                raise self.refuse(item.at, "MALFORMED_QUERY", f"unexpected token: '{item.function}'")
            column = self.aggregate(item)
            return Operand(column.label, column.kind, column.read)
        if item.function == "GROUPING":
            raise self.refuse(item.at, "MALFORMED_QUERY", "unexpected token: 'GROUPING'")
        column = self.column(item)
        owner, name, kind, read = self.owner(column), column.path[-1], column.kind, column.read
        if item.function in tree.DATE_FUNCTIONS:
            if kind not in {"date", "datetime"} or (kind == "date" and item.function in {"DAY_ONLY", "HOUR_IN_DAY"}):
                words = f"field {name} does not support date function {item.function}"
                raise self.refuse(item.at, "MALFORMED_QUERY", words)
            kind, read = "date" if item.function == "DAY_ONLY" else "int", date_part(read, item.function)
        is_filterable = name not in owner.unfilterable and kind not in COMPOUND and not owner.is_long(name)
        return Operand(name, kind, self.grouped(item, read), is_filterable, self.leads_to(column))

    def grouped(self, item: tree.Item, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """How to read a value of a group, if the query groups rows."""
        if not self.is_grouped:
            return read
        key = key_of(item)
        if key not in map(key_of, self.query.group_by):
            words = f"Field must be grouped or aggregated: {'.'.join(item.path)}"
            raise self.refuse(item.at, "MALFORMED_QUERY", words)
        return of_group(read, key)

    def grouped_by(self, item: tree.Item) -> Operand:
        """The keys that rows are grouped by."""
        operand = self.operand(item)
        if item.function in tree.CONVERSIONS or (operand.kind in UNGROUPED and not item.function):
            words = f"field '{operand.name}' can not be grouped in a query call"
            raise self.refuse(item.at, "MALFORMED_QUERY", words)
        return operand

    def aggregate(self, item: tree.Item) -> Column:
        """A column with an aggregate of each group."""
        inner = self.column(item) if item.path else None
        alias = item.alias or f"expr{self.number}"
        self.number += not item.alias
        if item.function == "GROUPING":
            key = key_of(item)
            self.grouped(item, _same)
            return Column((alias,), "int", lambda group: int(key in group.totalled))
        kind = "int" if item.function.startswith("COUNT") else inner.kind if inner else "int"
        adds = item.function in {"SUM", "AVG"}
        if inner is not None and (
            not self.owner(inner).is_aggregatable(inner.path[-1]) or (adds and kind not in NUMBERS)
        ):
            words = f"field {'.'.join(item.path)} does not support aggregate operator {item.function}"
            raise self.refuse(item.at, "MALFORMED_QUERY", words)
        read = inner.read if inner else _same
        kind = "double" if adds else kind
        return Column((alias,), kind, lambda group: aggregated(item.function, [read(row) for row in group.rows]))


def _same(row: Any) -> Any:
    return row


def _through(read: Callable[[Any], Any], reference: str, target: SObject) -> Callable[[Any], Any]:
    def parent(row: Any) -> Any:
        held = read(row)
        return target.rows.get(held.get(reference) or "") if held is not None else None

    return parent


def _reading(read: Callable[[Any], Any], name: str, kind: str) -> Callable[[Any], Any]:
    if read is _same:
        return (lambda row: address_of(row, name)) if kind == "address" else (lambda row: row.get(name))

    def value(row: Any) -> Any:
        held = read(row)
        return None if held is None else address_of(held, name) if kind == "address" else held.get(name)

    return value
