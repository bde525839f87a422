"""One object, from its plan to the table: read, written, counts compared. It knows neither Flask nor the database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from datasync_flask.destinations.base import (
    DELETED_COLUMN,
    KEY,
    VERSION_COLUMN,
    Column,
    ColumnType,
    Destination,
    Load,
    Table,
)
from datasync_flask.extractions.runs import deletions
from datasync_flask.extractions.runs.plan import Plan
from datasync_flask.extractions.runs.reading import Progress, Reader
from datasync_flask.salesforce.data import DataApi
from datasync_flask.salesforce.descriptions import Field

# How many rows without a place in Salesforce are taken out in one step.
TAKE_OUT_AT_ONCE = 5_000
NOT_COUNTED = "Salesforce didn't count this object's rows in time, so they weren't compared. The rows are loaded."

IDS_BROKE_OFF = (
    "Salesforce sent fewer Ids than it said it has, so no row was removed this time. The next run compares them again."
)


@dataclass
class Outcome:
    """What became of an object."""

    rows: int = 0
    deleted: int = 0
    source_count: int | None = None
    target_count: int | None = None
    compared_ids: bool = False
    notes: list[str] = field(default_factory=list)


@dataclass
class Work:
    """Everything that one object's way needs."""

    api: DataApi
    destination: Destination
    plan: Plan
    columns: dict[str, Column]
    known_columns: tuple[Column, ...]
    table: Table
    folder: Path
    name: str
    pause: Callable[[float], None]

    def reader(self, progress: Progress, changed: Callable[[], None]) -> Reader:
        """Return what reads the object."""
        return Reader(self.api, self.plan, self.columns, self.folder / "pages", progress, changed, self.pause)

    def write(self, reader: Reader) -> Outcome:
        """Write what was read. Raises DestinationError; the table is then as it was before."""
        outcome = Outcome(rows=reader.progress.rows, notes=[*reader.notes, *reader.odd_notes()])
        files, rows = reader.files(), reader.progress.rows
        ended: list[str] = []
        if self.plan.keeps_history and self.plan.removes_deleted and self.plan.with_deleted:
            # With history a deleted row is no version: the one that held ends.
            files, rows, ended = self._without_deleted(files)
        if rows == 0 and not self.plan.is_whole:
            outcome.deleted = deletions.count_new(self.destination, self.table, (), ended)
            self._take_out(ended)
            return outcome
        columns = tuple(self.columns.values())
        if self.plan.keeps_history:
            columns = (*columns, Column(VERSION_COLUMN, ColumnType.TEXT))
        if self.plan.with_deleted:
            outcome.deleted = deletions.count_new(self.destination, self.table, files, ended)
        # What reading left unused goes back to the system: writing needs its own.
        pa.default_memory_pool().release_unused()
        self.destination.load(
            Load(
                table=self.table,
                columns=columns,
                files=files,
                rows=rows,
                replaces=self.plan.is_whole,
                removes_deleted=self.plan.removes_deleted,
                keeps_history=self.plan.keeps_history,
                known_columns=self.known_columns,
                work_dir=self.folder,
                name=self.name,
            )
        )
        self._take_out(ended)
        return outcome

    def _without_deleted(self, files: tuple[Path, ...]) -> tuple[tuple[Path, ...], int, list[str]]:
        """Return files without the rows that are deleted in Salesforce, their number of rows, and the others' ids."""
        folder, rows, gone = self.folder / "versions", 0, list[str]()
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            table = pq.read_table(file)
            is_deleted = pc.fill_null(table.column(DELETED_COLUMN), False)
            gone += table.filter(is_deleted).column(KEY).to_pylist()
            kept = table.filter(pc.invert(is_deleted))
            rows += kept.num_rows
            pq.write_table(kept, folder / file.name)
        return tuple(folder / file.name for file in files), rows, gone

    def compare(self, outcome: Outcome, *, removes: bool) -> None:
        """Count on both sides; where rows are to be removed and there are too many, find out which by their Ids."""
        outcome.source_count = self.api.count(self.plan.count_tail)
        if outcome.source_count is None:
            outcome.notes.append(NOT_COUNTED)
        outcome.target_count = self.destination.count(self.table, without_deleted=True)
        are_too_many = outcome.source_count is not None and outcome.target_count > outcome.source_count
        if removes and (self.plan.compares_ids or are_too_many):
            taken = self.take_out_gone()
            if taken is None:
                outcome.notes.append(IDS_BROKE_OFF)
                return
            outcome.deleted += taken
            outcome.compared_ids = True
            outcome.target_count = self.destination.count(self.table, without_deleted=True)

    def take_out_gone(self) -> int | None:
        """Remove (or mark) rows whose Ids Salesforce doesn't have any more; return how many, None where it sent fewer
        Ids than it said: nothing is removed then.
        """
        ids = Plan(
            name=self.plan.name,
            fields=(Field("Id", "Id", "id"),),
            soql=f"SELECT Id FROM {self.plan.count_tail}",  # noqa: S608 (SOQL, of our own names)
            with_deleted=False,
            is_whole=True,
            cursor="",
            since=None,
            removes_deleted=False,
            keeps_history=False,
            compares_ids=False,
            made_by="",
        )
        column = {"Id": Column("id", ColumnType.TEXT)}
        reader = Reader(self.api, ids, column, self.folder / "ids", Progress(), lambda: None, self.pause)
        reader.read()
        if reader.progress.rows < (reader.progress.expected or 0):
            return None
        there = pa.chunked_array(
            [pq.read_table(file, columns=["id"]).column(0).combine_chunks() for file in reader.files()]
        )
        gone: list[str] = []
        for keys in self.destination.keys(self.table, without_deleted=True):
            gone += keys.filter(pc.invert(pc.is_in(keys, value_set=there.combine_chunks()))).to_pylist()
        return self._take_out(gone)

    def _take_out(self, gone: list[str]) -> int:
        taken = 0
        for start in range(0, len(gone), TAKE_OUT_AT_ONCE):
            chunk = gone[start : start + TAKE_OUT_AT_ONCE]
            taken += self.destination.take_out(self.table, chunk, marks=not self.plan.removes_deleted)
        return taken


def expected_counts(api: DataApi, names: list[str]) -> dict[str, int]:
    """Return about how many rows objects have, for the forecast and the choice of the way; nothing hangs on it."""
    return api.record_counts(names) if names else {}


def server_time_of(api: DataApi, fallback: datetime) -> datetime:
    """Return Salesforce's clock, or ours where it didn't tell."""
    return api.server_time or fallback
