"""Keeps the values of columns whose fields are no longer read when their rows are written again.

A destination writes whole rows; without this, a field that the user can no longer see would become empty. It knows
neither Flask nor the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from datasync_flask.destinations.base import (
    DECIMAL_PRECISION,
    DECIMAL_SCALE,
    KEY,
    VERSION_COLUMN,
    Column,
    ColumnType,
    Destination,
    Table,
)
from datasync_flask.extractions.runs.arrow_types import ARROW_TYPES, arrow_schema
from datasync_flask.extractions.runs.object_run import ObjectRun
from datasync_flask.extractions.runs.page_files import paths_in

# Up to this many rows are read by their ids; for more, the whole columns are read once.
ROWS_BY_ID = 5_000
KEY_COLUMN = Column(KEY, ColumnType.TEXT)
LARGEST_DECIMAL = Decimal("9" * DECIMAL_PRECISION).scaleb(-DECIMAL_SCALE, Context(prec=DECIMAL_PRECISION))


def bring_along(
    destination: Destination, each: ObjectRun, files: tuple[Path, ...]
) -> tuple[tuple[Path, ...], tuple[Column, ...]]:
    """Files with the kept columns and their values added to the rows that were read, and those columns."""
    names = destination.column_names(each.table) if files else set()
    columns = tuple(column for column in each.kept_columns if column.name in names)
    if not columns:
        return files, ()
    folder = each.folder / "kept"
    found, stored = paths_in(folder, files), folder / "stored.parquet"
    keys = None
    if each.progress.rows <= ROWS_BY_ID:
        keys = [key for file in files for key in pq.read_table(file, columns=[KEY]).column(0).to_pylist()]
    store_values(destination, each.table, columns, keys, stored)
    for file, path in zip(files, found, strict=True):
        pq.write_table(_with_values(pq.read_table(file), stored, columns), path)
    return found, columns


def store_values(
    destination: Destination, table: Table, columns: Sequence[Column], keys: list[str] | None, file: Path
) -> None:
    """Write the keys and values of a table's rows, or of those with these keys, to a file."""
    schema = arrow_schema((KEY_COLUMN, *columns))
    with pq.ParquetWriter(file, schema) as writer:
        for rows in destination.values(table, tuple(column.name for column in columns), keys):
            writer.write_table(_as_arrow(rows, columns, schema))


def _with_values(read: pa.Table, stored: Path, columns: tuple[Column, ...]) -> pa.Table:
    keys = read.column(KEY).combine_chunks()
    found = [
        pa.Table.from_batches([batch.filter(pc.is_in(batch.column(KEY), value_set=keys))])
        for batch in pq.ParquetFile(stored).iter_batches()
    ]
    kept = pa.concat_tables([pq.read_schema(stored).empty_table(), *found])
    places = pc.index_in(keys, value_set=kept.column(KEY).combine_chunks())
    for column in columns:
        read = read.append_column(
            pa.field(column.name, ARROW_TYPES[column.type]), kept.column(column.name).take(places)
        )
    # The destinations expect the version as the last column.
    names = sorted(read.column_names, key=lambda name: name == VERSION_COLUMN)
    return read.select(names)


def _as_arrow(rows: Sequence[Sequence[Any]], columns: Sequence[Column], schema: pa.Schema) -> pa.Table:
    """A key and values per row, as a destination's driver returns them, in the columns' types."""
    kinds = [ColumnType.TEXT, *(column.type for column in columns)]
    return pa.table(
        [pa.array([_typed(row[number], kind) for row in rows], ARROW_TYPES[kind]) for number, kind in enumerate(kinds)],
        schema=schema,
    )


def _decimal(number: Decimal) -> Decimal:
    """A number as its type holds it: as floating point the largest ones come back a little larger."""
    # No minus before it: that would round it to the digits that Python computes with.
    return max(LARGEST_DECIMAL.copy_negate(), min(number, LARGEST_DECIMAL))


def _typed(value: Any, kind: ColumnType) -> Any:
    """A value in Python's type of its column: SQLite has texts and numbers only, MySQL no zones."""
    if value is None:
        return None
    if kind is ColumnType.BOOL:
        return bool(value)
    if kind is ColumnType.DECIMAL:
        return _decimal(Decimal(str(value)))
    if kind is ColumnType.TIMESTAMP:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if kind is ColumnType.DATE and isinstance(value, str):
        return date.fromisoformat(value)
    if kind is ColumnType.TIME and isinstance(value, str):
        return time.fromisoformat(value)
    if kind is ColumnType.TIME and isinstance(value, timedelta):
        return (datetime(2000, 1, 1, tzinfo=UTC) + value).time()
    return value
