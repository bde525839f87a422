"""Writes what was read of an object to its table. It knows neither Flask nor the database."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from datasync_flask.destinations.base import DELETED_COLUMN, KEY, VERSION_COLUMN, Column, ColumnType, Destination, Load
from datasync_flask.extractions.runs import deletions, inexact, kept_values, org_columns
from datasync_flask.extractions.runs.notes import NoteKind, names_note
from datasync_flask.extractions.runs.object_run import ObjectRun
from datasync_flask.extractions.runs.page_files import paths_in

DELETES_AT_ONCE = 5_000


def write(destination: Destination, each: ObjectRun, files: tuple[Path, ...]) -> None:
    """Write what was read. Raises DestinationError, and then leaves the table as it was."""
    plan, outcome, rows = each.plan, each.outcome, each.progress.rows
    outcome.rows = rows
    closed: list[str] = []
    if plan.keeps_history and plan.removes_deleted and plan.with_deleted:
        # With history, a delete closes the current version.
        files, rows, closed = _without_deleted(each.folder / "versions", files)
    _empty(destination, each)
    _rename_org(destination, each)
    if rows == 0 and not plan.is_whole:
        outcome.deleted = deletions.count_new(destination, each.table, (), closed)
        delete(destination, each, closed)
        return
    kept_columns: tuple[Column, ...] = ()
    if each.kept_columns:
        files, kept_columns = kept_values.bring_along(destination, each, files)
    columns = (*each.columns.values(), *kept_columns)
    if plan.with_deleted:
        outcome.deleted = deletions.count_new(destination, each.table, files, closed)
    # Free the memory that reading no longer uses: writing needs its own.
    pa.default_memory_pool().release_unused()
    if not destination.keeps_decimals:
        outcome.notes += inexact.notes(files, each.columns)
    destination.load(load_of(each, columns, files, rows))
    delete(destination, each, closed)


def load_of(each: ObjectRun, columns: tuple[Column, ...], files: tuple[Path, ...], rows: int) -> Load:
    """The load for the destination: files with an object's columns, the org and the version."""
    plan = each.plan
    if each.table.org_id:
        files = org_columns.add(files, each.folder / "org", each.table.org_id, each.org_name)
        columns = (*columns, *org_columns.COLUMNS)
    if plan.keeps_history:
        columns = (*columns, Column(VERSION_COLUMN, ColumnType.TEXT))
    return Load(
        table=each.table,
        columns=columns,
        files=files,
        rows=rows,
        replaces=plan.is_whole,
        removes_deleted=plan.removes_deleted,
        keeps_history=plan.keeps_history,
        known_columns=each.known_columns,
        work_dir=each.folder,
        name=each.load_name,
    )


def _empty(destination: Destination, each: ObjectRun) -> None:
    """Empty the columns of fields that are now hashed or left out, before writing a row with the new treatment."""
    there = destination.column_names(each.table) if each.emptied_columns else set()
    if names := tuple(name for name in each.emptied_columns if name in there):
        destination.empty(each.table, names)
        each.outcome.notes.append(names_note(NoteKind.EMPTIED, names))


def _rename_org(destination: Destination, each: ObjectRun) -> None:
    """Write the org's new name into the rows that this load doesn't write again."""
    is_replaced = each.plan.is_whole and not each.plan.keeps_history
    if each.is_renamed and not is_replaced and destination.has_table(each.table):
        destination.rename_org(each.table, each.org_name)


def delete(destination: Destination, each: ObjectRun, keys: list[str]) -> int:
    """Delete rows of an object's table, or mark them as deleted; return how many."""
    deleted = 0
    for start in range(0, len(keys), DELETES_AT_ONCE):
        chunk = keys[start : start + DELETES_AT_ONCE]
        deleted += destination.delete(each.table, chunk, marks=not each.plan.removes_deleted)
    return deleted


def _without_deleted(folder: Path, files: tuple[Path, ...]) -> tuple[tuple[Path, ...], int, list[str]]:
    """Files without the rows deleted in Salesforce, their number of rows, and the ids of the deleted ones."""
    rows, gone, found = 0, list[str](), paths_in(folder, files)
    for file, path in zip(files, found, strict=True):
        table = pq.read_table(file)
        is_deleted = pc.fill_null(table.column(DELETED_COLUMN), False)
        gone += table.filter(is_deleted).column(KEY).to_pylist()
        kept = table.filter(pc.invert(is_deleted))
        rows += kept.num_rows
        pq.write_table(kept, path)
    return found, rows, gone
