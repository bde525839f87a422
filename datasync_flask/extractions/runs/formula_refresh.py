"""Formula fields, and others that move without their record's date, refreshed: of all rows only Id and these fields are
read, and only rows that have another value here are written.

A destination writes whole rows, so the other values are brought along from the table. Rows that aren't there, or are
deleted there, come with the changes or not at all. It knows neither Flask nor the database.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
from datasync_flask.extractions.runs import loading
from datasync_flask.extractions.runs.column_types import ARROW_TYPES, arrow_schema
from datasync_flask.extractions.runs.kept_values import ROWS_BY_ID, as_arrow
from datasync_flask.extractions.runs.object_run import ObjectRun
from datasync_flask.extractions.runs.page_files import versions_of
from datasync_flask.extractions.runs.reading import Reader
from datasync_flask.salesforce.api import SalesforceApi

ROWS_AT_ONCE = 20_000
_KEY_COLUMN = Column(KEY, ColumnType.TEXT)


def refresh(api: SalesforceApi, destination: Destination, each: ObjectRun) -> None:
    """Bring an object's self-moving fields up to date. Raises SalesforceError, DestinationError; then nothing changed."""
    work = _Refresh(destination, each)
    reader = work.reader(api)
    deque(reader.read(), maxlen=0)
    work.store_values()
    rows = work.find_changed(reader.files())
    if rows:
        work.bring_whole_rows(rows)
        files = work.write_changed()
        destination.load(loading.load_of(each, work.written, files, rows))
    each.outcome.notes.append(f"formulas:{rows}:{','.join(each.plan.formulas)}")


@dataclass
class _Refresh:
    """One object's refresh, step by step; a try that was killed is begun again over its files."""

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
        self.columns = (*own, *(column for column in self.each.kept_columns if column.name in there))
        self.there = [column for column in self.columns if column.name in there and column.name != KEY]
        self.written = self.columns
        if self.each.plan.keeps_history:
            self.written = (*self.columns, Column(VERSION_COLUMN, ColumnType.TEXT))

    def reader(self, api: SalesforceApi) -> Reader:
        """Return what reads Id and the fields of all rows."""
        plan = self.each.plan
        names = ["Id", *plan.formulas]
        alone = replace(
            plan,
            fields=tuple(found for found in plan.fields if found.name in names),
            soql=f"SELECT {', '.join(names)} FROM {plan.count_tail}",  # noqa: S608 (SOQL, of our own names)
            with_deleted=False,
            is_whole=True,
            keeps_history=False,
        )
        columns = {name: self.each.columns[name] for name in names}
        found = Reader(api, alone, columns, self.folder / "pages")
        # About as many as here: by that it is decided whether a bulk job is cheaper.
        found.progress.expected = self.destination.count(self.each.table, without_deleted=True)
        return found

    def store_values(self) -> None:
        """Write down which values the table has, with the mark of deleted rows."""
        wanted = {column.name for column in self.moving} | {DELETED_COLUMN}
        self._store(self.stored, [column for column in self.there if column.name in wanted], None)

    def _store(self, file: Path, columns: Sequence[Column], keys: list[str] | None) -> None:
        schema = arrow_schema((_KEY_COLUMN, *columns))
        with pq.ParquetWriter(file, schema) as writer:
            for rows in self.destination.values(self.each.table, tuple(column.name for column in columns), keys):
                writer.write_table(as_arrow(rows, columns, schema))

    def find_changed(self, read: Iterable[Path]) -> int:
        """Write down the rows whose values differ, with the new ones; return how many."""
        stored = pq.read_schema(self.stored).names
        differ = " OR ".join(
            f"{self._comparable('n', column, stored)} IS DISTINCT FROM {self._comparable('s', column, stored)}"
            for column in self.moving
        )
        is_here = f"NOT coalesce(s.{quoted(DELETED_COLUMN)}, false)" if DELETED_COLUMN in stored else "true"
        query = (
            f"SELECT n.* FROM ({rows_of(read)}) n JOIN ({rows_of([self.stored])}) s USING ({KEY}) "
            f"WHERE {is_here} AND ({differ}) QUALIFY row_number() OVER (PARTITION BY n.{KEY}) = 1"
        )
        self._write(query, (_KEY_COLUMN, *self.moving), self.changed)
        return int(pq.read_metadata(self.changed).num_rows)

    def _comparable(self, side: str, column: Column, stored: Sequence[str]) -> str:
        if side == "s" and column.name not in stored:
            return "NULL"
        name = f"{side}.{quoted(column.name)}"
        is_inexact = column.type is ColumnType.DECIMAL and not self.destination.keeps_decimals
        return f"CAST({name} AS DOUBLE)" if is_inexact else name

    def bring_whole_rows(self, rows: int) -> None:
        """Write down what else the changed rows have in the table."""
        keys = pq.read_table(self.changed, columns=[KEY]).column(0).to_pylist() if rows <= ROWS_BY_ID else None
        self._store(self.whole, self.there, keys)

    def write_changed(self) -> tuple[Path, ...]:
        """Return a file with the changed rows, whole; with their versions, where history is kept."""
        moving = {column.name for column in self.moving}
        there = {column.name for column in self.there}
        values = ", ".join(self._value(column, moving, there) for column in self.columns)
        query = f"SELECT {values} FROM ({rows_of([self.whole])}) w JOIN ({rows_of([self.changed])}) n USING ({KEY})"  # noqa: S608
        target = self.folder / "rows.parquet"
        self._write(query, self.columns, target, has_versions=self.each.plan.keeps_history)
        return (target,)

    def _value(self, column: Column, moving: set[str], there: set[str]) -> str:
        name = quoted(column.name)
        if column.name in moving or column.name == KEY:
            return f"n.{name}"
        return f"w.{name}" if column.name in there else f"CAST(NULL AS {SQL_TYPES[column.type]}) AS {name}"

    def _write(self, query: str, columns: Sequence[Column], target: Path, *, has_versions: bool = False) -> None:
        schema = arrow_schema(columns)
        whole = schema.append(pa.field(VERSION_COLUMN, pa.string(), nullable=False)) if has_versions else schema
        with (
            bounded(self.folder / "spill") as connection,
            pq.ParquetWriter(target, whole, compression="zstd") as writer,
        ):
            for batch in connection.sql(query).to_arrow_reader(ROWS_AT_ONCE):
                table = pa.Table.from_batches([batch]).cast(schema)
                writer.write_table(self._with_versions(table, whole) if has_versions else table)

    def _with_versions(self, table: pa.Table, schema: pa.Schema) -> pa.Table:
        """Return rows with their versions, told by the fields that are read."""
        own = table.select([column.name for column in self.each.columns.values()]).combine_chunks()
        versions = [versions_of(batch) for batch in own.to_batches()]
        return table.append_column(schema.field(VERSION_COLUMN), pa.chunked_array(versions, pa.string()))
