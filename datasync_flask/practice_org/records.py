"""Records in REST's JSON: attributes first, then the fields in the order of the SELECT."""

from __future__ import annotations

from typing import Any

from datasync_flask.practice_org.catalog import DEFINITIONS, SObject
from datasync_flask.practice_org.soql_answer import Answer, Column
from datasync_flask.practice_org.values import as_json

Record = dict[str, Any]

_APEX_TYPES = {
    "id": "Id", "reference": "Id", "boolean": "Boolean", "int": "Integer", "double": "Double", "currency": "Double",
    "percent": "Double", "date": "Date", "datetime": "Datetime", "time": "Time", "address": "Address",
}  # fmt: skip


def attributes_of(found: SObject, row: Record, version: str) -> Record:
    """A record's type and address."""
    place = row.get("DurableId") if found.name in DEFINITIONS else row["Id"]
    return {"type": found.name, "url": f"/services/data/v{version}/sobjects/{found.name}/{place}"}


def records_of(answer: Answer, rows: list[Any], version: str) -> list[Record]:
    """Rows as records."""
    return [_record(answer, row, version) for row in rows]


def _record(answer: Answer, row: Any, version: str) -> Record:
    if answer.is_aggregate:
        values = {column.label: as_json(column.read(row)) for column in answer.columns}
        return {"attributes": {"type": "AggregateResult"}, **values}
    record: Record = {"attributes": attributes_of(answer.object, row, version)}
    for column in answer.columns:
        _place(record, column, row, version)
    return record


def _place(record: Record, column: Column, row: Record, version: str) -> None:
    """Put a column's value at its path, which may lead into nested records."""
    for name, (parent, read) in zip(column.path, column.parents, strict=False):
        held = read(row)
        if held is None:
            record.setdefault(name, None)
            return
        url = f"/services/data/v{version}/sobjects/{parent}/{held['Id']}"
        record = record.setdefault(name, {"attributes": {"type": parent, "url": url}})
    value = column.read(row)
    record[column.path[-1]] = page_of(value, version) if isinstance(value, Answer) else as_json(value)


def page_of(answer: Answer, version: str) -> Record:
    """A whole answer as one page."""
    records = records_of(answer, answer.rows, version)
    return {"totalSize": len(answer.rows), "done": True, "records": records}


def column_metadata(answer: Answer) -> Record:
    """The answer to `columns=true`: columns instead of rows."""
    columns = [_described(column, is_aggregate=answer.is_aggregate) for column in answer.columns]
    return {
        "columnMetadata": columns,
        "entityName": answer.object.name,
        "groupBy": answer.is_aggregate,
        "idSelected": any(column.path == ("Id",) for column in answer.columns),
        "keyPrefix": answer.object.prefix,
    }


def _described(column: Column, *, is_aggregate: bool) -> Record:
    name = column.path[-1]
    joined: list[Record] = []
    if column.kind == "children":
        answer: Record = {"columnName": name, "joinColumns": joined}
        return _column(name, column.kind, is_aggregate=is_aggregate) | answer
    described = _column(name, column.kind, is_aggregate=is_aggregate)
    for outer in reversed(column.path[:-1]):
        described = _column(outer, "reference", is_aggregate=False) | {
            "apexType": "SObject", "foreignKeyName": outer, "joinColumns": [described],
        }  # fmt: skip
    return described


def _column(name: str, kind: str, *, is_aggregate: bool) -> Record:
    apex_type = _APEX_TYPES.get(kind, "String")
    return {
        "aggregate": is_aggregate,
        "apexType": apex_type,
        "booleanType": apex_type == "Boolean",
        "columnName": name,
        "custom": name.endswith("__c"),
        "displayName": name,
        "foreignKeyName": None,
        "insertable": kind != "id",
        "joinColumns": [],
        "numberType": apex_type in {"Integer", "Double"},
        "textType": apex_type == "String",
        "updatable": kind != "id",
    }
