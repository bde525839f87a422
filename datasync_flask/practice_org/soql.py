"""Answers queries: objects, columns, rows. The tree is from soql_parser.py, the filters are in soql_filters.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from datasync_flask.practice_org import soql_parser as tree
from datasync_flask.practice_org.catalog import (
    COMPOUND,
    NUMBERS,
    Row,
    SObject,
    child_relationship,
    relationship_of,
)
from datasync_flask.practice_org.data import Data
from datasync_flask.practice_org.soql_answer import Answer, Column
from datasync_flask.practice_org.soql_filters import Filter, Operand, sort_key
from datasync_flask.practice_org.soql_parser import SoqlError, pointed
from datasync_flask.practice_org.values import address_of

MAX_OFFSET = 2000
MAX_FIELDS_LIMIT = 200
_APPENDIX = "Please reference your WSDL or the describe call for the appropriate names."


@dataclass
class _Scope:
    """One query while it is answered."""

    data: Data
    query: tree.Query
    found: SObject
    with_deleted: bool
    # Where rows are groups of rows.
    is_grouped: bool = False
    number: int = field(default=0)

    def refuse(self, at: int, code: str, words: str) -> SoqlError:
        return SoqlError(code, pointed(self.query.text, at, words))

    def column(self, item: tree.Item) -> Column:
        """Return the column that a plain path, or a conversion of one, is."""
        at, names = item.at, list(item.path)
        if len(names) > 1 and names[0].lower() in {self.query.alias.lower(), self.found.name.lower()} - {""}:
            names = names[1:]
        current = self.found
        read: Callable[[Any], Any] = _same
        path: list[str] = []
        parents: list[tuple[str, Callable[[Any], Any]]] = []
        for name in names[:-1]:
            reference = _reference(current, name)
            target = self.data.known(current.target_of(reference)) if reference else None
            if reference is None or target is None:
                words = (
                    f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom "
                    f"relationship, be sure to append the '__r' after the custom relationship name. {_APPENDIX}"
                )
                raise self.refuse(at, "INVALID_FIELD", words)
            read, current = _through(read, reference, target), target
            path.append(relationship_of(reference))
            parents.append((target.name, read))
        spelled = current.spelled(names[-1])
        if spelled is None:
            words = (
                f"No such column '{names[-1]}' on entity '{current.name}'. If you are attempting to use a custom "
                f"field, be sure to append the '__c' after the custom field name. {_APPENDIX}"
            )
            raise self.refuse(at, "INVALID_FIELD", words)
        kind = current.fields[spelled]
        return Column((*path, spelled), kind, _reading(read, spelled, kind), tuple(parents), item.function)

    def operand(self, item: tree.Item) -> Operand:
        """Return what is compared or ordered by."""
        if item.function in tree.AGGREGATES:
            column = self.aggregate(item)
            return Operand(column.label, column.kind, column.read)
        column = self.column(item)
        if item.function in tree.DATE_FUNCTIONS:
            kind = "date" if item.function == "DAY_ONLY" else "int"
            return Operand(column.label, kind, _dated(column, item.function))
        owner = self.data.object(column.parents[-1][0]) if column.parents else self.found
        name = column.path[-1]
        is_filterable = name not in owner.unfilterable and column.kind not in COMPOUND and not owner.is_long(name)
        read = column.read
        if self.is_grouped:
            inner, read = read, lambda group: inner(group[0]) if group else None
        return Operand(name, column.kind, read, is_filterable)

    def aggregate(self, item: tree.Item) -> Column:
        """Return a column that counts or adds up groups of rows."""
        inner = self.column(item) if item.path else None
        alias = item.alias or f"expr{self.number}"
        self.number += not item.alias
        kind = "int" if item.function.startswith("COUNT") else inner.kind if inner else "int"
        if item.function in {"SUM", "AVG"}:
            if inner is None or inner.kind not in NUMBERS:
                words = f"field {'.'.join(item.path)} does not support aggregate operator {item.function}"
                raise self.refuse(item.at, "MALFORMED_QUERY", words)
            kind = "double"
        read = inner.read if inner else lambda row: True
        return Column((alias,), kind, lambda group: _aggregated(item.function, [read(row) for row in group]))

    def ids_of(self, query: tree.Query) -> set[Any]:
        """Return the values of a query inside IN, ids by their 15 letters."""
        answer = _answer(self.data, query, with_deleted=self.with_deleted)
        if len(answer.columns) != 1:
            raise self.refuse(query.object_at, "MALFORMED_QUERY", "Nesting of semi join sub-selects takes one field")
        values = (answer.columns[0].read(row) for row in answer.rows)
        return {str(value)[:15] for value in values if value is not None}


def _same(row: Any) -> Any:
    return row


def _reference(found: SObject, name: str) -> str | None:
    names = (each for each, kind in found.fields.items() if kind == "reference")
    return next((each for each in names if relationship_of(each).lower() == name.lower()), None)


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


def _dated(column: Column, function: str) -> Callable[[Any], Any]:
    parts: dict[str, Callable[[datetime], Any]] = {
        "CALENDAR_YEAR": lambda day: day.year,
        "CALENDAR_QUARTER": lambda day: (day.month + 2) // 3,
        "CALENDAR_MONTH": lambda day: day.month,
        "DAY_IN_MONTH": lambda day: day.day,
        "DAY_IN_WEEK": lambda day: day.isoweekday() % 7 + 1,
        "DAY_ONLY": lambda day: day.date().isoformat(),
        "HOUR_IN_DAY": lambda day: day.hour,
    }

    def value(row: Any) -> Any:
        held = column.read(row)
        moment = datetime.fromisoformat(held) if isinstance(held, str) else held
        return parts[function](moment) if isinstance(moment, datetime) else None

    return value


def _aggregated(function: str, values: list[Any]) -> Any:
    held = [value for value in values if value is not None]
    if function == "COUNT":
        return len(held)
    if function == "COUNT_DISTINCT":
        return len({str(value).casefold() for value in held})
    if not held:
        return None
    if function in {"SUM", "AVG"}:
        total = float(sum(held))
        return total if function == "SUM" else total / len(held)
    return min(held) if function == "MIN" else max(held)


def run_soql(data: Data, text: str, *, with_deleted: bool) -> Answer:
    """Answer a query. Raises SoqlError with Salesforce's code."""
    query = tree.parse(text)
    with data.lock:
        return _answer(data, query, with_deleted=with_deleted)


def read_records(data: Data, name: str, fields: list[str], ids: list[str]) -> Answer:
    """Return fields of the records with these ids, deleted ones too. Raises SoqlError."""
    query = tree.Query("", [tree.Item(tuple(each.split(".")), 0) for each in dict.fromkeys(fields)], name, 0)
    with data.lock:
        found = data.object(name)
        data.refresh(found, set())
        wanted = {each[:15] for each in ids}
        rows = [dict(row) for row_id, row in found.rows.items() if row_id[:15] in wanted]
        return Answer(found, _columns(_Scope(data, query, found, with_deleted=True), is_aggregate=False), rows)


def _answer(data: Data, query: tree.Query, *, with_deleted: bool) -> Answer:
    found = data.known(query.object)
    if found is None:
        words = (
            f"sObject type '{query.object}' is not supported. If you are attempting to use a custom object, be sure to "
            f"append the '__c' after the entity name. {_APPENDIX}"
        )
        raise SoqlError("INVALID_TYPE", pointed(query.text, query.object_at, words))
    if not found.is_queryable:
        raise SoqlError("INVALID_TYPE_FOR_OPERATION", f"entity type {found.name} does not support query")
    scope = _Scope(data, query, found, with_deleted)
    asked = _filtered_by(query.where)
    if found.needs_filter and not set(map(str.lower, found.needs_filter)) & asked.keys():
        raise SoqlError("MALFORMED_QUERY", _needed(found))
    data.refresh(found, set().union(*asked.values()))
    is_plain = [item.path for item in query.items] == [()] and not query.items[0].children
    is_aggregate = not is_plain and (
        bool(query.group_by) or any(item.function in tree.AGGREGATES for item in query.items)
    )
    columns = [] if is_plain else _columns(scope, is_aggregate=is_aggregate)
    rows = _rows(scope)
    if is_aggregate:
        rows = _groups(scope, rows)
    rows = _ordered(scope, rows, is_grouped=is_aggregate)
    if query.offset > MAX_OFFSET:
        raise SoqlError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
    rows = rows[query.offset : None if query.limit is None else query.offset + query.limit]
    return Answer(found, columns, rows, is_aggregate, query.where is not None)


def _needed(found: SObject) -> str:
    if found.name.endswith("Definition"):
        return f"{found.name}: a filter on a reified column is required [{','.join(found.needs_filter[:2])}]"
    names = " or ".join(found.needs_filter)
    return (
        f"Implementation restriction: {found.name} requires a filter by a single Id on {names} using the equals "
        "operator or multiple Id's using the IN operator."
    )


def _filtered_by(node: tree.Condition | tree.Logic | None) -> dict[str, set[str]]:
    """Return what a filter asks for by = or IN: field (the last name of its path) to values, all in small letters."""
    found: dict[str, set[str]] = {}
    if isinstance(node, tree.Condition):
        if node.sign in {"=", "IN"} and node.item.path:
            values = {token.text.strip("'").lower().split(".")[0] for token in node.values}
            found[".".join(node.item.path).lower()] = found[node.item.path[0].lower()] = values
    elif node is not None and node.word != "NOT":
        for part in node.parts:
            for name, values in _filtered_by(part).items():
                found[name] = found.get(name, set()) | values
    return found


def _columns(scope: _Scope, *, is_aggregate: bool) -> list[Column]:
    columns: list[Column] = []
    for item in scope.query.items:
        if item.children is not None:
            columns.append(_children(scope, item.children))
        elif item.function == "FIELDS":
            columns += _all_fields(scope, item)
        elif item.function in tree.AGGREGATES:
            columns.append(scope.aggregate(item))
        elif item.function in tree.DATE_FUNCTIONS:
            operand = scope.operand(item)
            label = item.alias or f"expr{scope.number}"
            scope.number += not item.alias
            columns.append(_of_group(Column((label,), operand.kind, operand.read)))
        else:
            column = scope.column(item)
            if is_aggregate:
                grouped = {tuple(part.lower() for part in group.path) for group in scope.query.group_by}
                if tuple(part.lower() for part in item.path) not in grouped:
                    words = f"Field must be grouped or aggregated: {'.'.join(item.path)}"
                    raise scope.refuse(item.at, "MALFORMED_QUERY", words)
                column = _of_group(Column((item.alias or column.path[-1],), column.kind, column.read))
            elif item.alias and item.function:
                column = Column((item.alias,), column.kind, column.read, function=item.function)
            elif item.alias:
                raise scope.refuse(item.at, "MALFORMED_QUERY", f"unexpected token: '{item.alias}'")
            columns.append(column)
    seen: set[tuple[str, ...]] = set()
    for column in columns:
        if column.path in seen:
            raise SoqlError("MALFORMED_QUERY", f"duplicate field selected: {column.label}")
        seen.add(column.path)
    return columns


def _of_group(column: Column) -> Column:
    return Column(column.path, column.kind, lambda group: column.read(group[0]) if group else None)


def _all_fields(scope: _Scope, item: tree.Item) -> list[Column]:
    limit = scope.query.limit
    if item.path != ("STANDARD",) and (limit is None or limit > MAX_FIELDS_LIMIT):
        words = f"The SOQL FIELDS function must have a LIMIT of at most {MAX_FIELDS_LIMIT}"
        raise SoqlError("MALFORMED_QUERY", words)
    wanted = {"ALL": (True, False), "CUSTOM": (True,), "STANDARD": (False,)}[item.path[0]]
    names = [name for name in scope.found.fields if name.endswith("__c") in wanted]
    return [scope.column(tree.Item((name,), item.at)) for name in names]


def _children(scope: _Scope, query: tree.Query) -> Column:
    """Return the column of a query inside SELECT: the children that a relationship has."""
    for child, name in scope.data.children_of(scope.found.name):
        if child.is_accessible and child_relationship(child, name).lower() == query.object.lower():
            inner = tree.Query(**{**vars(query), "object": child.name})
            answer = _answer(scope.data, inner, with_deleted=scope.with_deleted)
            return Column((child_relationship(child, name),), "children", _of_parent(answer, name))
    words = (
        f"Didn't understand relationship '{query.object}' in FROM part of query call. If you are attempting to use a "
        f"custom relationship, be sure to append the '__r' after the custom relationship name. {_APPENDIX}"
    )
    raise scope.refuse(query.object_at, "INVALID_TYPE", words)


def _of_parent(answer: Answer, reference: str) -> Callable[[Row], Answer | None]:
    by_parent: dict[str, list[Row]] = {}
    for row in answer.rows:
        by_parent.setdefault(row.get(reference) or "", []).append(row)

    def read(row: Row) -> Answer | None:
        held = by_parent.get(row["Id"])
        return Answer(answer.object, answer.columns, held) if held else None

    return read


def _rows(scope: _Scope) -> list[Any]:
    where = scope.query.where
    test = Filter(scope.query.text, scope.operand, scope.ids_of).test(where) if where is not None else None
    return [
        dict(row)
        for row in scope.found.rows.values()
        if (scope.with_deleted or not row.get("IsDeleted")) and (test is None or test(row))
    ]


def _groups(scope: _Scope, rows: list[Any]) -> list[Any]:
    keys = [scope.operand(item).read for item in scope.query.group_by]
    groups: dict[tuple[Any, ...], list[Any]] = {} if keys else {(): []}
    for row in rows:
        groups.setdefault(tuple(key(row) for key in keys), []).append(row)
    scope.is_grouped = True
    having = scope.query.having
    test = Filter(scope.query.text, scope.operand, scope.ids_of).test(having) if having is not None else None
    return [group for group in groups.values() if test is None or test(group)]


def _ordered(scope: _Scope, rows: list[Any], *, is_grouped: bool) -> list[Any]:
    scope.is_grouped = is_grouped
    for order in reversed(scope.query.order_by):
        operand = scope.operand(order.item)
        if not operand.is_filterable or operand.kind == "multipicklist":
            words = f"field '{operand.name}' can not be sorted in a query call"
            raise scope.refuse(order.item.at, "INVALID_FIELD", words)
        key = sort_key(operand)
        empty = [row for row in rows if key(row) is None]
        full = [row for row in rows if key(row) is not None]
        try:
            full.sort(key=key, reverse=order.is_descending)
        except TypeError:
            # A script put values of another type into some rows.
            full.sort(key=lambda row: str(key(row)), reverse=order.is_descending)
        nulls_first = order.nulls == "FIRST" if order.nulls else not order.is_descending
        rows = empty + full if nulls_first else full + empty
    return rows
