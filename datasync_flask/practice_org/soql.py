"""Answers queries: objects, columns, rows. soql_parser.py makes the tree, soql_scope.py resolves names, and
soql_filters.py has the filters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from datasync_flask.practice_org import soql_parser as tree
from datasync_flask.practice_org.catalog import Row, SObject, child_relationship
from datasync_flask.practice_org.data import Data
from datasync_flask.practice_org.soql_answer import Answer, Column
from datasync_flask.practice_org.soql_filters import Filter, Operand, normal
from datasync_flask.practice_org.soql_groups import Group, groups_of, key_of
from datasync_flask.practice_org.soql_scope import APPENDIX, Scope
from datasync_flask.practice_org.soql_tokens import SoqlError, pointed

__all__ = ["Answer", "Column", "SoqlError", "run_soql"]

MAX_OFFSET = 2000
MAX_FIELDS_LIMIT = 200


def run_soql(data: Data, text: str, *, with_deleted: bool) -> Answer:
    """Answer a query. Raises SoqlError with Salesforce's code."""
    query = tree.parse(text)
    with data.lock:
        return _answer(_scope(data, query, with_deleted=with_deleted))


def read_records(data: Data, name: str, fields: list[str], ids: list[str]) -> Answer:
    """Fields of the records with these ids, including deleted ones. Raises SoqlError."""
    unlike = {each.lower(): each for each in reversed(fields)}
    paths = [each for each in fields if unlike.get(each.lower()) is each and unlike.pop(each.lower())]
    query = tree.Query("", [tree.Item(tuple(each.split(".")), 0) for each in paths], name, 0)
    with data.lock:
        found = data.object(name)
        data.refresh(found, set())
        wanted = {each[:15] for each in ids}
        rows = [dict(row) for row_id, row in found.rows.items() if row_id[:15] in wanted]
        return Answer(found, _columns(Scope(data, query, found, with_deleted=True)), rows)


def _scope(data: Data, query: tree.Query, *, with_deleted: bool, is_inner: bool = False) -> Scope:
    found = data.known(query.object)
    if found is None:
        words = (
            f"sObject type '{query.object}' is not supported. If you are attempting to use a custom object, be sure to "
            f"append the '__c' after the entity name. {APPENDIX}"
        )
        raise SoqlError("INVALID_TYPE", pointed(query.text, query.object_at, words))
    return Scope(data, query, found, with_deleted, is_inner=is_inner)


def _ids_of(scope: Scope, query: tree.Query, left: Operand) -> set[Any]:
    """The values of a query inside IN, ids by their first 15 characters."""
    at = query.object_at
    if scope.is_inner:
        raise scope.refuse(at, "MALFORMED_QUERY", "Nesting of semi join sub-selects is not supported")
    if not left.leads_to:
        words = f"The left operand field in the where expression for outer query should be an id field: '{left.name}'"
        raise scope.refuse(at, "MALFORMED_QUERY", words)
    inner = _scope(scope.data, query, with_deleted=scope.with_deleted, is_inner=True)
    answer = _answer(inner)
    if len(answer.columns) != 1 or answer.is_aggregate:
        raise scope.refuse(at, "MALFORMED_QUERY", "A semi join sub-select must select exactly one field")
    column = answer.columns[0]
    if inner.leads_to(column) != left.leads_to:
        words = (
            f"The selected field '{column.label}' in the subquery and the left operand field '{left.name}' in the "
            "where expression in the outer query should point to the same object type"
        )
        raise scope.refuse(at, "MALFORMED_QUERY", words)
    return {str(value)[:15] for value in map(column.read, answer.rows) if value is not None}


def _answer(scope: Scope) -> Answer:
    query, found = scope.query, scope.found
    if not found.is_queryable:
        raise SoqlError("INVALID_TYPE_FOR_OPERATION", f"entity type {found.name} does not support query")
    asked = _filtered_by(query.where)
    if found.needs_filter and not set(map(str.lower, found.needs_filter)) & asked.keys():
        raise SoqlError("MALFORMED_QUERY", _needed(found))
    scope.data.refresh(found, set().union(*asked.values()))
    first = query.items[0]
    is_plain = first.function == "COUNT" and not first.path
    if is_plain and (len(query.items) > 1 or query.group_by):
        raise scope.refuse(first.at, "MALFORMED_QUERY", "COUNT() must be the only element in the SELECT list")
    is_aggregate = not is_plain and (
        bool(query.group_by) or any(item.function in tree.AGGREGATES for item in query.items)
    )
    rows = _rows(scope)
    if is_aggregate:
        keys = {key_of(item): scope.grouped_by(item).read for item in query.group_by}
        scope.is_grouped = True
        rows = _having(scope, groups_of(rows, keys, query.totals))
    columns = [] if is_plain else _columns(scope)
    rows = _ordered(scope, rows)
    if query.offset > MAX_OFFSET:
        raise SoqlError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
    return Answer(found, columns, query.part_of(rows), is_aggregate)


def _needed(found: SObject) -> str:
    if found.name.endswith("Definition"):
        return f"{found.name}: a filter on a reified column is required [{','.join(found.needs_filter[:2])}]"
    names = " or ".join(found.needs_filter)
    return (
        f"Implementation restriction: {found.name} requires a filter by a single Id on {names} using the equals "
        "operator or multiple Id's using the IN operator."
    )


def _filtered_by(node: tree.Condition | tree.Logic | None) -> dict[str, set[str]]:
    """What a filter requires with = or IN: field (the last name of its path) to values, all in lower case."""
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


def _columns(scope: Scope) -> list[Column]:
    columns = [column for item in scope.query.items for column in _selected(scope, item)]
    seen: set[tuple[str, ...]] = set()
    for column in columns:
        if column.path in seen:
            raise SoqlError("MALFORMED_QUERY", f"duplicate field selected: {column.label}")
        seen.add(column.path)
    return columns


def _selected(scope: Scope, item: tree.Item) -> list[Column]:
    """The columns of one item in the SELECT."""
    if scope.is_grouped and (item.children or item.function in {"FIELDS", "TYPEOF"}):
        raise scope.refuse(item.at, "MALFORMED_QUERY", "Field must be grouped or aggregated")
    if item.children is not None:
        return [_children(scope, item.children)]
    if item.function == "FIELDS":
        return _all_fields(scope, item)
    if item.function == "TYPEOF":
        return _branch(scope, item)
    if item.function in tree.AGGREGATES or (item.function == "GROUPING" and scope.query.totals):
        return [scope.aggregate(item)]
    if item.function in tree.DATE_FUNCTIONS and scope.is_grouped:
        operand = scope.operand(item)
        label = item.alias or f"expr{scope.number}"
        scope.number += not item.alias
        return [Column((label,), operand.kind, operand.read)]
    if item.function in tree.DATE_FUNCTIONS | {"GROUPING"}:
        raise scope.refuse(item.at, "MALFORMED_QUERY", f"Field must be grouped or aggregated: {'.'.join(item.path)}")
    column = scope.column(item)
    if scope.is_grouped:
        return [Column((item.alias or column.path[-1],), column.kind, scope.grouped(item, column.read))]
    if item.alias and not item.function:
        raise scope.refuse(item.at, "MALFORMED_QUERY", f"unexpected token: '{item.alias}'")
    return [Column((item.alias,), column.kind, column.read, function=item.function) if item.alias else column]


def _branch(scope: Scope, item: tree.Item) -> list[Column]:
    """The columns of TYPEOF: of the branch for the relationship's object, or else of ELSE."""
    for name, _ in item.branches:
        if name and scope.data.known(name) is None:
            raise scope.refuse(item.at, "INVALID_TYPE", f"sObject type '{name}' is not supported.")
    target = scope.column(tree.Item((*item.path, "Id"), item.at)).parents[-1][0]
    for name, paths in item.branches:
        if name.lower() in {target.lower(), ""}:
            return [scope.column(tree.Item((*item.path, *path), item.at)) for path in paths]
    return [Column(item.path, "reference", lambda row: None)]


def _all_fields(scope: Scope, item: tree.Item) -> list[Column]:
    limit = scope.query.limit
    if item.path != ("STANDARD",) and (limit is None or limit > MAX_FIELDS_LIMIT):
        words = f"The SOQL FIELDS function must have a LIMIT of at most {MAX_FIELDS_LIMIT}"
        raise SoqlError("MALFORMED_QUERY", words)
    wanted = {"ALL": (True, False), "CUSTOM": (True,), "STANDARD": (False,)}[item.path[0]]
    names = [name for name in scope.found.fields if name.endswith("__c") in wanted]
    return [scope.column(tree.Item((name,), item.at)) for name in names]


def _children(scope: Scope, query: tree.Query) -> Column:
    """The column of a query inside SELECT: the children of a relationship."""
    for child, name in scope.data.children_of(scope.found.name):
        if child.is_accessible and child_relationship(child, name).lower() == query.object.lower():
            # The limit for each parent applies once they are grouped by parent.
            inner = tree.Query(**{**vars(query), "object": child.name, "limit": None, "offset": 0})
            answer = _answer(_scope(scope.data, inner, with_deleted=scope.with_deleted))
            return Column((child_relationship(child, name),), "children", _of_parent(answer, name, query))
    words = (
        f"Didn't understand relationship '{query.object}' in FROM part of query call. If you are attempting to use a "
        f"custom relationship, be sure to append the '__r' after the custom relationship name. {APPENDIX}"
    )
    raise scope.refuse(query.object_at, "INVALID_TYPE", words)


def _of_parent(answer: Answer, reference: str, query: tree.Query) -> Callable[[Row], Answer | None]:
    by_parent: dict[str, list[Row]] = {}
    for row in answer.rows:
        by_parent.setdefault(str(row.get(reference) or "")[:15], []).append(row)

    def read(row: Row) -> Answer | None:
        held = query.part_of(by_parent.get(row["Id"][:15], []))
        return Answer(answer.object, answer.columns, held) if held else None

    return read


def _rows(scope: Scope) -> list[Any]:
    where = scope.query.where
    test = Filter(scope.query.text, scope.operand, partial(_ids_of, scope)).test(where) if where is not None else None
    return [
        dict(row)
        for row in scope.found.rows.values()
        if (scope.with_deleted or not row.get("IsDeleted")) and (test is None or test(row))
    ]


def _having(scope: Scope, groups: list[Group]) -> list[Group]:
    having = scope.query.having
    test = Filter(scope.query.text, scope.operand, partial(_ids_of, scope)).test(having) if having is not None else None
    return [group for group in groups if test is None or test(group)]


def _ordered(scope: Scope, rows: list[Any]) -> list[Any]:
    for order in reversed(scope.query.order_by):
        operand = scope.operand(order.item)
        if not operand.is_filterable or operand.kind == "multipicklist":
            words = f"field '{operand.name}' can not be sorted in a query call"
            raise scope.refuse(order.item.at, "INVALID_FIELD", words)
        key = normal(operand)
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
