"""The ways that are compared, each run in a process of its own: ``python -m benchmarks.compared NAME …``.

What the limit is made of (download, parse, load by hand) is measured by the code that ours uses, where that can be.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from benchmarks.page_server import FIELDS, VERSION
from benchmarks.peers import dlt_simple_salesforce, singer

RESULTS = f"/services/data/v{VERSION}/jobs/query/all/results"


def pages(origin: str) -> Iterator[bytes]:
    """Yield a bulk result's pages, unpacked."""
    with httpx2.Client(base_url=origin, timeout=60) as client:
        locator = ""
        while locator != "null":
            answer = client.get(RESULTS, params={"locator": locator} if locator else {})
            yield answer.content
            locator = answer.headers["sforce-locator"]


def tables(origin: str) -> Iterator[Any]:
    """Yield the pages as Arrow tables with types."""
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    from datasync_flask.extractions.runs.arrow_types import arrow_schema
    from datasync_flask.extractions.runs.column_types import columns_for
    from datasync_flask.extractions.runs.values import parsed
    from datasync_flask.salesforce.descriptions import Field

    columns, _ = columns_for(tuple(Field(name, name, kind) for name, kind in FIELDS.items()), {})
    schema = arrow_schema(columns.values())
    for page in pages(origin):
        read = pa_csv.read_csv(
            io.BytesIO(page),
            read_options=pa_csv.ReadOptions(block_size=2 << 20, use_threads=False),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(FIELDS, pa.string()), strings_can_be_null=True,
                quoted_strings_can_be_null=True, null_values=[""],
            ),
        )  # fmt: skip
        arrays = [parsed(read.column(name).combine_chunks(), column.type) for name, column in columns.items()]
        yield pa.Table.from_arrays(arrays, schema=schema)


def download(origin: str, *_: str) -> None:
    """Fetch and unpack, nothing else."""
    for _page in pages(origin):
        pass


def parse(origin: str, *_: str) -> None:
    """Fetch and parse with types."""
    for _table in tables(origin):
        pass


def duckdb_by_hand(origin: str, file: str, *_: str) -> None:
    """Fetch, parse, and insert Arrow into DuckDB by hand."""
    import duckdb

    with duckdb.connect(file) as connection:
        for number, table in enumerate(tables(origin)):
            connection.register("page", table)
            connection.execute("CREATE TABLE account AS FROM page" if number == 0 else "INSERT INTO account FROM page")
            connection.unregister("page")


def postgresql_by_hand(origin: str, url: str, *_: str) -> None:
    """Fetch, parse, and copy Arrow into PostgreSQL by ADBC."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        for number, table in enumerate(tables(origin)):
            cursor.adbc_ingest("account_by_hand", table, mode="create" if number == 0 else "append")
        connection.commit()


def dlt_calls(origin: str, kind: str, target: str, folder: str) -> None:
    """Fetch and parse the same pages, and write them with the same dlt calls, in one script."""
    import pyarrow.parquet as pq

    from datasync_flask.destinations.base import Column, ColumnType, Load, Table
    from datasync_flask.destinations.registry import open_destination
    from datasync_flask.extractions.runs.column_types import columns_for
    from datasync_flask.salesforce.descriptions import Field

    columns, _ = columns_for(tuple(Field(name, name, kind) for name, kind in FIELDS.items()), {})
    files, rows = [], 0
    for number, table in enumerate(tables(origin)):
        file = Path(folder) / f"{number}.parquet"
        pq.write_table(table, file, compression="zstd")
        files.append(file)
        rows += table.num_rows
    typed = tuple(Column(column.name, ColumnType(column.type)) for column in columns.values())
    load = Load(Table("script", "account"), typed, tuple(files), rows, replaces=True, work_dir=Path(folder))
    open_destination(kind, settings_of(kind, target), Path(folder)).load(load)


def settings_of(kind: str, target: str) -> dict[str, Any]:
    """A destination's settings for a file's name or a PostgreSQL URL."""
    if kind == "duckdb":
        return {"path": Path(target).name}
    url = urlsplit(target)
    return {"host": url.hostname, "port": url.port, "database": url.path.strip("/"), "username": url.username,
            "password": url.password or ""}  # fmt: skip


METHODS = {
    found.__name__: found
    for found in (download, parse, duckdb_by_hand, postgresql_by_hand, dlt_calls, dlt_simple_salesforce, singer)
}

if __name__ == "__main__":
    METHODS[sys.argv[1]](*sys.argv[2:])
