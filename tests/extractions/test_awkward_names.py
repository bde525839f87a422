"""Names that are words of SQL, or that differ only beyond a database's limit: as tables, columns and datasets."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_flask.destinations.base import VALID_TO, Table
from datasync_flask.destinations.sql import SqlDestination
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction
from tests.support.extraction import Extracting, Org

# Words of SQL, and what statements of ours or of dlt call their tables and columns.
WORDS = (
    "Table", "Values", "Index", "Key", "User", "Case", "Default", "Column", "Check", "Primary", "Unique", "Rank", "Grant",
    "Rowid", "Version", "Fresh", "Old", "Piece", "Ids", "Ctid", "Xmin", "Tableoid", "Select__c", "Order__c", "Group__c",
)  # fmt: skip
LONG = "npsp__OpportunityPaymentScheduleRecurringDonationInstallment"
FIELDS = (*WORDS, f"{LONG}One__c", f"{LONG}Two__c")
HISTORY, MARKED, PLAIN = OBJECTS = ("Order", f"{LONG}A__c", f"{LONG}B__c")


def rows_in(extracting: Extracting, name: str, *, all_versions: bool = False) -> dict[str, list[dict[str, Any]]]:
    """An object's rows in the destination by id, under the names of its fields."""
    destination, dataset = extracting.open()
    with extracting.app.app_context():
        objects = db.session.get_one(Extraction, extracting.id).objects
        (chosen,) = [each for each in objects if each.name == name]
        table, columns = (
            chosen.table_name,
            {field: next(iter(own.values())) for field, own in chosen.field_columns.items()},
        )
    shown = destination.preview(Table(dataset, table), 100)
    names = [column.lower() for column, _ in shown.columns]
    found: dict[str, list[dict[str, Any]]] = {}
    for values in shown.rows:
        row = dict(zip(names, values, strict=True))
        if all_versions or row.get(VALID_TO) is None:
            found.setdefault(row["id"], []).append({field: row[column] for field, column in columns.items()})
    return found


def test_as_datasets_tables_and_columns(extracting: Extracting, org: Org, destination: str) -> None:
    for name in OBJECTS:
        org.do(name, "object", fields=dict.fromkeys(FIELDS, "string"))
        org.do(name, "insert", rows=[{field: f"{row} {field}" for field in FIELDS} for row in "abc"])
    tracking = {f"tracking_type-{name}": "date_deletes" for name in OBJECTS}
    extracting.make(
        list(OBJECTS), destination, dataset="order", **tracking, **{f"history-{HISTORY}": "on", f"mark-{MARKED}": "on"}
    )
    extracting.done()
    ids = {name: org.ids(name) for name in OBJECTS}
    for name in OBJECTS:
        org.do(name, "update", ids=ids[name][:1], values={field: f"changed {field}" for field in FIELDS})
        org.do(name, "delete", ids=ids[name][1:2])
    run = extracting.done()
    assert [row.is_whole for row in run.objects] == [False] * len(OBJECTS)
    for name in OBJECTS:
        here = rows_in(extracting, name)
        there = {row["Id"]: row for row in org.rows(name, with_deleted=name == MARKED)}
        assert here.keys() == there.keys()
        for key, (row,) in here.items():
            assert {field: row[field] for field in FIELDS} == {field: there[key][field] for field in FIELDS}
    kept = rows_in(extracting, HISTORY, all_versions=True)
    assert [len(kept[key]) for key in ids[HISTORY]] == [2, 1, 1]
    assert [bool(row["IsDeleted"]) for row in rows_in(extracting, MARKED)[ids[MARKED][1]]] == [True]
    opened, dataset = extracting.open()
    if isinstance(opened, SqlDestination):
        with opened.transaction() as cursor:
            cursor.execute(opened.snippets(Table(dataset, "order"))["SQL"])
            assert len(cursor.fetchall()) == 4


@pytest.mark.parametrize(("kind", "dataset"), [("duckdb", "temp"), ("duckdb", "system"), ("sqlite", "sqlite_crm")])
def test_a_dataset_that_the_database_has_itself_is_refused(extracting: Extracting, kind: str, dataset: str) -> None:
    destination, visitor = extracting.make_destination(kind, {"path": "w"}), extracting.walk.visitor
    values = {"description": "One", "source": extracting.walk.id, "destination": destination, "objects": ["Account"]}
    assert visitor.post("/extractions/new", {**values, "dataset": dataset}).status_code == 422
    assert "keeps for itself" in str(visitor.error_at("dataset"))
    assert visitor.post("/extractions/new", {**values, "dataset": f"{dataset[:4]}orary"}).status_code == 303
