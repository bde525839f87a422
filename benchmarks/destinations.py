"""Merging into SQLite and MySQL: our way beside dlt's own, the same rows, in one run."""

from __future__ import annotations

import os
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pymysql

from datasync_flask.destinations.base import Column, ColumnType, Load, Table
from datasync_flask.destinations.registry import open_destination
from tests.support.servers import mysql_server

COLUMNS = (
    Column("id", ColumnType.TEXT),
    Column("name", ColumnType.TEXT),
    Column("score", ColumnType.DOUBLE),
    Column("is_deleted", ColumnType.BOOL),
)


@dataclass(frozen=True)
class Timing:
    """Rows per second of one way into one destination."""

    kind: str
    ours: float
    dlts: float


def _rows(folder: Path, rows: int) -> Path:
    file = folder / f"{uuid.uuid4().hex}.parquet"
    numbers = range(rows)
    pq.write_table(
        pa.table(
            {
                "id": [f"{number:018}" for number in numbers],
                "name": [f"name {number}" for number in numbers],
                "score": [number / 8 for number in numbers],
                "is_deleted": [False] * rows,
            }
        ),
        file,
    )
    return file


def _per_second(rows: int, work: Callable[[], None]) -> float:
    work()
    begun = time.perf_counter()
    work()
    return rows / (time.perf_counter() - begun)


def _ours(kind: str, settings: dict[str, Any], folder: Path, rows: int) -> float:
    destination = open_destination(kind, settings, folder)
    file = _rows(folder, rows)
    return _per_second(
        rows,
        lambda: destination.load(
            Load(Table("ours", "account"), COLUMNS, (file,), rows, replaces=False, work_dir=folder)
        ),
    )


def _dlts(url: str, dataset: str, folder: Path, rows: int) -> float:
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"
    import dlt

    file = _rows(folder, rows)

    def load() -> None:
        pipeline = dlt.pipeline(
            "merge",
            # Without the key each merge compares every row with every other one.
            destination=dlt.destinations.sqlalchemy(url, create_primary_keys=True),
            dataset_name=dataset,
            pipelines_dir=str(folder / "dlt"),
        )
        resource = dlt.resource(
            lambda: iter([pq.read_table(file)]), name="dlts_account", primary_key="id",
            # MySQL takes no text without a length for a key.
            columns={"id": {"data_type": "text", "precision": 18, "nullable": False}},
            write_disposition={"disposition": "merge", "strategy": "delete-insert"},
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pipeline.run(resource)

    return _per_second(rows, load)


def measure(rows: int) -> list[Timing]:
    """Merge `rows` rows into a table that has them, on both ways."""
    found = []
    with tempfile.TemporaryDirectory() as name, mysql_server() as (host, port):
        folder = Path(name)
        file = folder / "dlts.sqlite"
        ours = _ours("sqlite", {"path": "ours.sqlite"}, folder, rows)
        found.append(Timing("SQLite", ours, _dlts(f"sqlite:///{file}", "main", folder, rows)))
        database = f"bench_{uuid.uuid4().hex[:8]}"
        admin = pymysql.connect(host=host, port=port, user="root", autocommit=True)
        admin.cursor().execute(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
        try:
            settings = {"host": host, "port": port, "database": database, "username": "root", "password": ""}
            ours = _ours("mysql", settings, folder, rows)
            url = f"mysql+pymysql://root@{host}:{port}/{database}"
            found.append(Timing("MariaDB", ours, _dlts(url, database, folder, rows)))
        finally:
            for made in (database, f"{database}_staging"):
                admin.cursor().execute(f"DROP DATABASE IF EXISTS {made}")
            admin.close()
    return found


def report(rows: int, timings: list[Timing]) -> str:
    """The section of the report."""
    lines = [
        "## Merging into SQLite and MariaDB",
        f"{rows:,} rows of 4 columns merged by id into a table that has them, rows per second:",
        "| destination | ours | dlt's | ratio |\n|---|---|---|---|",
    ]
    lines[-1] += "".join(
        f"\n| {each.kind} | {each.ours:,.0f} | {each.dlts:,.0f} | {each.ours / each.dlts:,.1f} |" for each in timings
    )
    return "\n\n".join(lines)
