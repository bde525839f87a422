"""Adds the org to rows for a table of several orgs. It knows neither Flask nor the database."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from datasync_flask.destinations.base import ORG_ID_COLUMN, ORG_NAME_COLUMN, VERSION_COLUMN, Column, ColumnType
from datasync_flask.extractions.runs.page_files import WRITTEN, paths_in

COLUMNS = (Column(ORG_ID_COLUMN, ColumnType.TEXT), Column(ORG_NAME_COLUMN, ColumnType.TEXT))


def add(files: tuple[Path, ...], folder: Path, org_id: str, org_name: str) -> tuple[Path, ...]:
    """Files with the org's columns added to what was read."""
    found = paths_in(folder, files)
    for file, path in zip(files, found, strict=True):
        source = pq.ParquetFile(file)
        schema = _with_org(source.schema_arrow.empty_table(), org_id, org_name).schema
        with pq.ParquetWriter(path, schema, **WRITTEN) as writer:
            for batch in source.iter_batches():
                writer.write_table(_with_org(pa.Table.from_batches([batch]), org_id, org_name))
    return found


def _with_org(rows: pa.Table, org_id: str, org_name: str) -> pa.Table:
    versions = rows.column(VERSION_COLUMN) if VERSION_COLUMN in rows.column_names else None
    found = rows.drop_columns([VERSION_COLUMN]) if versions is not None else rows
    for name, value in ((ORG_ID_COLUMN, org_id), (ORG_NAME_COLUMN, org_name)):
        column = pa.repeat(pa.scalar(value, pa.string()), rows.num_rows)
        found = found.append_column(pa.field(name, pa.string(), nullable=name != ORG_ID_COLUMN), column)
    if versions is None:
        return found
    # A sandbox has its production org's rows, so the org is part of a version.
    told = [f"{org_id}{version}" for version in versions.to_pylist()]
    return found.append_column(pa.field(VERSION_COLUMN, pa.string(), nullable=False), pa.array(told, pa.string()))
