"""Compares source and table by their counts and Ids. It knows neither Flask nor the database."""

from __future__ import annotations

from collections import deque

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from datasync_flask.destinations.base import Column, ColumnType, Destination
from datasync_flask.extractions.runs.loading import delete
from datasync_flask.extractions.runs.object_run import ObjectRun
from datasync_flask.extractions.runs.reading import Reader
from datasync_flask.salesforce import query
from datasync_flask.salesforce.api import SalesforceApi

NOT_COUNTED = "The rows are loaded, but Salesforce didn’t count this object’s rows in time to compare them."
IDS_BROKE_OFF = (
    "Salesforce sent fewer Ids than it had announced, so this run removed no rows. The next run compares them again."
)


def compare(api: SalesforceApi, destination: Destination, each: ObjectRun) -> None:
    """Count on both sides; if deletes are tracked and the table has too many rows, find them by their Ids."""
    plan, outcome = each.plan, each.outcome
    outcome.source_count = query.count(api, plan.count_tail)
    if outcome.source_count is None:
        outcome.notes.append(NOT_COUNTED)
    outcome.target_count = destination.count(each.table, without_deleted=True)
    are_too_many = outcome.source_count is not None and outcome.target_count > outcome.source_count
    if plan.loaded_as.tracking_type == "date_deletes" and (plan.compares_ids or are_too_many):
        gone = _ids_gone(api, destination, each)
        if gone is None:
            outcome.notes.append(IDS_BROKE_OFF)
            return
        outcome.deleted += delete(destination, each, gone)
        outcome.compared_ids = True
        outcome.target_count = destination.count(each.table, without_deleted=True)


def _ids_gone(api: SalesforceApi, destination: Destination, each: ObjectRun) -> list[str] | None:
    """The Ids that the table has but Salesforce no longer has; None if Salesforce sent fewer than it announced."""
    columns = {"Id": Column("id", ColumnType.TEXT)}
    reader = Reader(api, each.plan.of_all_rows(), columns, each.folder / "ids", calls_left=each.calls_left)
    deque(reader.read(), maxlen=0)
    if reader.progress.rows < (reader.progress.expected or 0):
        return None
    there = pa.chunked_array(
        [pq.read_table(file, columns=["id"]).column(0).combine_chunks() for file in reader.files()]
    ).combine_chunks()
    gone: list[str] = []
    for keys in destination.keys(each.table, without_deleted=True):
        gone += keys.filter(pc.invert(pc.is_in(keys, value_set=there))).to_pylist()
    return gone
