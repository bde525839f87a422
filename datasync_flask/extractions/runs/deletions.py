"""How many rows a run deletes. Runs overlap by some minutes, and a row deleted in the overlap counts only once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from datasync_flask.destinations.base import DELETED_COLUMN, KEY, Destination, Table


def count_new(destination: Destination, table: Table, files: Iterable[Path], keys: Iterable[str] = ()) -> int:
    """How many of the rows deleted in Salesforce (in the files, and `keys`) are still in the table."""
    gone = [*keys]
    for file in files:
        if DELETED_COLUMN in pq.read_schema(file).names:
            rows = pq.read_table(file, columns=[KEY, DELETED_COLUMN])
            gone += rows.filter(pc.fill_null(rows.column(DELETED_COLUMN), False)).column(KEY).to_pylist()
    return destination.count_of(table, gone) if gone and destination.has_table(table) else 0
