"""Loading through dlt: staging, atomic replacement, merging by id, history, schema changes."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from datasync_flask.destinations.base import (
    DECIMAL_PRECISION,
    DECIMAL_SCALE,
    DELETED_COLUMN,
    KEY,
    ORG_ID_COLUMN,
    VERSION_COLUMN,
    Column,
    ColumnType,
    Load,
)

ROWS_AT_ONCE = 100_000
FILES_AT_ONCE = 2

# A self-hosted tool sends no telemetry; dlt reads these when it is imported.
_QUIET = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
    "LOAD__WORKERS": str(FILES_AT_ONCE),
    # Each load says all that dlt has to know. Otherwise it would read back what all loads of the extraction said, which
    # takes a tenth of a second, and with forty objects half a second for each.
    "RESTORE_FROM_DESTINATION": "false",
}


def load_library() -> None:
    """Import dlt and everything that it imports at first use."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import dlt

    dlt.current.run_context()


def schema_name(load: Load) -> str:
    """The name under which dlt records what it creates for a load."""
    from dlt.common.schema.utils import normalize_schema_name

    return normalize_schema_name(load.name)


def run(load: Load, destination: Any, *, empty_format: Any = "parquet", has_versions: bool = False) -> None:
    """Write `load` through dlt into `destination` (a dlt destination). Raises the driver's error.

    `has_versions` says that the table has the version column, even if from an earlier load.
    """
    load_library()
    import dlt
    from dlt.pipeline.exceptions import PipelineStepFailed

    logging.getLogger("dlt").setLevel(logging.CRITICAL)
    pipeline = dlt.pipeline(
        load.name,
        destination=destination,
        dataset_name=load.table.dataset,
        pipelines_dir=str(load.work_dir / "dlt"),
    )
    # Discard what an earlier try left behind; the files are still there.
    pipeline.drop()
    hints = {column.name: _hints(column, load) for column in load.columns}
    if has_versions and not load.keeps_history:
        # The table once had history: the version column stays, with an empty text.
        hints[VERSION_COLUMN] = {"data_type": "text", "nullable": False, "x-row-version": False}
    resource = dlt.resource(
        # To find a generator's module, dlt searches all modules; another iterator saves a tenth of a second.
        chain(_files(load, adds_version=has_versions and not load.keeps_history)),
        name=load.table.name,
        columns=hints,
        write_disposition=_disposition(load),
        primary_key=load.table.key,
        file_format="parquet" if load.rows else empty_format,
        max_table_nesting=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            pipeline.run(resource)
        except PipelineStepFailed as failure:
            raise _root_of(failure) from failure
        finally:
            pipeline.deactivate()


def _files(load: Load, *, adds_version: bool) -> Iterator[Any]:
    import dlt
    import pyarrow.parquet as pq

    for file in load.files:
        if load.keeps_history or adds_version or not load.rows:
            # dlt has to see the version column, and that there are no rows; it doesn't read imported files.
            for table in _tables(file):
                yield table.append_column(VERSION_COLUMN, [[""] * table.num_rows]) if adds_version else table
            continue
        yield dlt.mark.with_file_import(str(file), "parquet", pq.ParquetFile(file).metadata.num_rows)


def _tables(file: Path) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = pq.ParquetFile(file)
    if not found.metadata.num_rows:
        yield found.schema_arrow.empty_table()
    for batch in found.iter_batches(ROWS_AT_ONCE):
        yield pa.Table.from_batches([batch])


def _hints(column: Column, load: Load) -> Any:
    hints: dict[str, Any] = {"data_type": column.type.value}
    if column.type is ColumnType.DECIMAL:
        hints |= {"precision": DECIMAL_PRECISION, "scale": DECIMAL_SCALE}
    if column.name == KEY:
        # With a merge key, only versions of rows in the load are closed; a full snapshot closes all that are absent.
        is_merge_key = load.keeps_history and not load.replaces and not load.table.org_id
        hints |= {"nullable": False, "merge_key": is_merge_key}
    if column.name == ORG_ID_COLUMN:
        hints["nullable"] = False
    if column.name == DELETED_COLUMN and load.removes_deleted and not load.replaces and not load.keeps_history:
        hints["hard_delete"] = True
    elif column.name == DELETED_COLUMN:
        hints["hard_delete"] = False
    if column.name == VERSION_COLUMN and load.keeps_history:
        hints |= {"x-row-version": True, "nullable": False}
    return hints


def _disposition(load: Load) -> Any:
    merge: dict[str, Any] = {"disposition": "merge", "strategy": "delete-insert", "deduplicated": True}
    if load.keeps_history:
        merge = {"disposition": "merge", "strategy": "scd2", "row_version_column_name": VERSION_COLUMN}
    elif load.replaces and not load.table.org_id:
        return "replace"
    if load.table.org_id:
        # Delete these rows before writing the new ones or, with history, close the versions that differ.
        scope = f"\"{ORG_ID_COLUMN}\" = '{load.table.org_id}'"
        come = "" if load.replaces else f' AND "{KEY}" IN (SELECT "{KEY}" FROM {{staging_table}})'
        merge["destination_scope"] = scope + come
    return merge


def _root_of(failure: BaseException) -> Exception:
    """The driver's own error, which dlt wraps several times."""
    error: BaseException = failure
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error if isinstance(error, Exception) else Exception(str(failure))
