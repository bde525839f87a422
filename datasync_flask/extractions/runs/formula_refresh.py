"""Refreshes formula fields and others that change without their record's date: reads only Id and these fields of all
rows, and writes only rows whose values differ.

A destination writes whole rows, so the other values come from the table. Rows that are missing or deleted there are
left to the run's changes. It knows neither Flask nor the database.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from datasync_flask.destinations.base import (
    DELETED_COLUMN,
    KEY,
    VERSION_COLUMN,
    Column,
    ColumnType,
    Destination,
)
from datasync_flask.destinations.parquet_queries import SQL_TYPES, bounded, quoted, rows_of
from datasync_flask.extractions.forecast import rows_per_page
from datasync_flask.extractions.runs import loading
from datasync_flask.extractions.runs.arrow_types import arrow_schema
from datasync_flask.extractions.runs.calls_left import WaitsForBulk
from datasync_flask.extractions.runs.kept_values import KEY_COLUMN, ROWS_BY_ID, store_values
from datasync_flask.extractions.runs.notes import NoteKind, note, without_repeated
from datasync_flask.extractions.runs.object_run import ObjectRun
from datasync_flask.extractions.runs.page_files import versions_of
from datasync_flask.extractions.runs.reading import Reader
from datasync_flask.extractions.runs.reading_notes import notes_of
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.errors import SalesforceError

log = logging.getLogger(__name__)

NOT_REFRESHED = (
    "Salesforce refused to return the formula fields on their own, so they weren’t refreshed. The next run tries again."
)
NO_CALLS_LEFT = (
    "Salesforce’s limit for the Bulk API was reached, and too few API calls are left for reading the formula fields by "
    "REST, so they weren’t refreshed. The next run tries again."
)


def refresh(api: SalesforceApi, destination: Destination, each: ObjectRun) -> None:
    """Bring an object's self-moving fields up to date; if Salesforce refuses or it takes more API calls than are left,
    they stay as they were.

    Raises DestinationError, and SalesforceError for errors that aren't about this query.
    """
    work = _Refresh(destination, each)
    reader = work.reader(api)
    try:
        deque(reader.read(), maxlen=0)
    except SalesforceError as error:
        if not error.is_about_the_request:
            raise
        log.info("formula fields of %s: %s", each.plan.name, error)
        each.outcome.notes.append(NOT_REFRESHED)
        return
    except WaitsForBulk as reason:
        # The rows themselves are loaded: they don't wait for this.
        log.info("formula fields of %s: %s", each.plan.name, reason)
        each.outcome.notes.append(NO_CALLS_LEFT)
        return
    work.store_values()
    rows = work.find_changed(reader.files())
    if rows:
        work.bring_whole_rows(rows)
        files = work.write_changed()
        destination.load(loading.load_of(each, work.columns, files, rows))
    each.outcome.refreshed_formulas = True
    # It read all rows, also those whose changes the run read before.
    each.outcome.notes = without_repeated(each.outcome.notes, notes_of(reader.progress))
    each.outcome.notes.append(note(NoteKind.FORMULAS, rows, ",".join(each.plan.formulas)))


@dataclass
class _Refresh:
    """One object's refresh, step by step; a killed attempt starts again over its files."""

    destination: Destination
    each: ObjectRun

    def __post_init__(self) -> None:
        self.folder = self.each.folder / "formulas"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.stored, self.whole, self.changed = (
            self.folder / f"{name}.parquet" for name in ("stored", "whole", "changed")
        )
        self.moving = [self.each.columns[name] for name in self.each.plan.formulas]
        there = self.destination.column_names(self.each.table)
        own = tuple(self.each.columns.values())
        # Columns of fields that are no longer read, and of fields that once had another type.
        others = {column.name: column for column in self.each.known_columns if column.name in there}
        for column in own:
            others.pop(column.name, None)
        self.columns = (*own, *others.values())
        self.there = [column for column in self.columns if column.name in there and column.name != KEY]

    def reader(self, api: SalesforceApi) -> Reader:
        """The reader of Id and the fields of all rows."""
        plan = self.each.plan
        columns = {name: self.each.columns[name] for name in ("Id", *plan.formulas)}
        alone, pages = plan.of_all_rows(*plan.formulas), self.folder / "pages"
        found = Reader(api, alone, columns, pages, calls_left=self.each.calls_left, hashing=self.each.hashing)
        # About as many rows as the table has; this decides whether a bulk job is cheaper.
        found.progress.expected = self.destination.count(self.each.table, without_deleted=True)
        return found

    def store_values(self) -> None:
        """Store the table's values in a file, with the mark of deleted rows."""
        wanted = {column.name for column in self.moving} | {DELETED_COLUMN}
        columns = [column for column in self.there if column.name in wanted]
        store_values(self.destination, self.each.table, columns, None, self.stored)

    def find_changed(self, read: Iterable[Path]) -> int:
        """Store the rows whose values differ, with the new values; return how many."""
        stored = pq.read_schema(self.stored).names
        differ = " OR ".join(
            f"{self._comparable('n', column, stored)} IS DISTINCT FROM {self._comparable('s', column, stored)}"
            for column in self.moving
        )
        is_here = f"NOT coalesce(s.{quoted(DELETED_COLUMN)}, false)" if DELETED_COLUMN in stored else "true"
        query = (
            f"SELECT n.* FROM ({rows_of(read)}) n JOIN ({rows_of([self.stored])}) s USING ({KEY}) "  # noqa: S608 (our own)
            f"WHERE {is_here} AND ({differ}) QUALIFY row_number() OVER (PARTITION BY n.{KEY}) = 1"
        )
        columns = (KEY_COLUMN, *self.moving)
        with pq.ParquetWriter(self.changed, arrow_schema(columns)) as writer:
            for table in self._tables(query, columns):
                writer.write_table(table)
        return int(pq.read_metadata(self.changed).num_rows)

    def _comparable(self, side: str, column: Column, stored: Sequence[str]) -> str:
        if side == "s" and column.name not in stored:
            return "NULL"
        name = f"{side}.{quoted(column.name)}"
        is_inexact = column.type is ColumnType.DECIMAL and not self.destination.keeps_decimals
        return f"CAST({name} AS DOUBLE)" if is_inexact else name

    def bring_whole_rows(self, rows: int) -> None:
        """Store the changed rows' other values from the table."""
        keys = pq.read_table(self.changed, columns=[KEY]).column(0).to_pylist() if rows <= ROWS_BY_ID else None
        store_values(self.destination, self.each.table, self.there, keys, self.whole)

    def write_changed(self) -> tuple[Path, ...]:
        """Files with the complete changed rows, with versions if history is kept."""
        moving = {column.name for column in self.moving}
        there = {column.name for column in self.there}
        values = ", ".join(self._value(column, moving, there) for column in self.columns)
        query = f"SELECT {values} FROM ({rows_of([self.whole])}) w JOIN ({rows_of([self.changed])}) n USING ({KEY})"  # noqa: S608
        files = []
        for number, table in enumerate(self._tables(query, self.columns)):
            files.append(self.folder / f"rows-{number:06}.parquet")
            pq.write_table(self._with_versions(table) if self.each.plan.keeps_history else table, files[-1])
        return tuple(files)

    def _value(self, column: Column, moving: set[str], there: set[str]) -> str:
        name = quoted(column.name)
        if column.name in moving or column.name == KEY:
            return f"n.{name}"
        return f"w.{name}" if column.name in there else f"CAST(NULL AS {SQL_TYPES[column.type]}) AS {name}"

    def _tables(self, query: str, columns: Sequence[Column]) -> Iterator[pa.Table]:
        """Yield the rows of a query in pieces as large as a page."""
        schema = arrow_schema(columns)
        with bounded(self.folder / "spill") as connection:
            for batch in connection.sql(query).to_arrow_reader(rows_per_page(len(columns))):
                yield pa.Table.from_batches([batch]).cast(schema)

    def _with_versions(self, table: pa.Table) -> pa.Table:
        """Rows with their versions, computed from the fields that are read."""
        own = table.select([column.name for column in self.each.columns.values()]).combine_chunks()
        versions = [versions_of(batch) for batch in own.to_batches()]
        field = pa.field(VERSION_COLUMN, pa.string(), nullable=False)
        return table.append_column(field, pa.chunked_array(versions, pa.string()))
