"""The time of a load grows with the number of rows, not with its square."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
import pytest

from datasync_flask.destinations.base import (
    ORG_ID_COLUMN,
    ORG_NAME_COLUMN,
    VERSION_COLUMN,
    Column,
    ColumnType,
    Destination,
    Load,
    Table,
)
from datasync_flask.destinations.registry import open_destination
from datasync_flask.destinations.staged import StagedDestination
from tests.support.servers import postgresql_settings

TABLE = Table("crm", "account")
COLUMNS = (Column("id", ColumnType.TEXT), Column("name", ColumnType.TEXT), Column(VERSION_COLUMN, ColumnType.TEXT))


@pytest.fixture(params=["mysql", "sqlite"])
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> StagedDestination:
    settings = {"path": "w.sqlite"} if request.param == "sqlite" else request.getfixturevalue("new_mysql_database")()
    found = open_destination(request.param, settings, tmp_path)
    assert isinstance(found, StagedDestination)
    return found


def load(destination: StagedDestination, folder: Path, version: str, **how: Any) -> None:
    file = folder / "rows.parquet"
    ids = [f"001{number:012}AAA" for number in range(500)]
    pq.write_table(
        pa.table({"id": ids, "name": [version] * 500, VERSION_COLUMN: [f"{version}{key}" for key in ids]}), file
    )
    destination.load(Load(TABLE, COLUMNS, (file,), 500, keeps_history=True, work_dir=folder, **how))


def index_of_one_id(destination: StagedDestination) -> str:
    """The index by which the database finds the versions of one id, '' when it reads the whole table."""
    explain = "EXPLAIN" if destination.quote_sign == "`" else "EXPLAIN QUERY PLAN"
    with destination.transaction() as cursor:
        cursor.execute(f"{explain} SELECT name FROM crm_account WHERE id = '001000000000007AAA'")
        (row,) = cursor.fetchall()
        if destination.quote_sign == "`":
            return str(dict(zip([each[0] for each in cursor.description], row, strict=True))["key"] or "")
        return str(row[3]).partition("USING INDEX ")[2].partition(" ")[0]


@pytest.mark.parametrize("replaces", [True, False])
def test_versions_are_found_by_their_id(destination: StagedDestination, tmp_path: Path, replaces: bool) -> None:
    load(destination, tmp_path, "a", replaces=replaces)
    load(destination, tmp_path, "b", replaces=replaces)
    name = index_of_one_id(destination)
    assert name in {"ids", "crm_account__ids"}
    # A table of an earlier version has none; the next load creates it.
    with destination.transaction() as cursor:
        cursor.execute(f"DROP INDEX {name}{' ON crm_account' if name == 'ids' else ''}")
    assert index_of_one_id(destination) == ""
    load(destination, tmp_path, "c", replaces=replaces)
    assert index_of_one_id(destination) == name
    assert destination.count(TABLE, without_deleted=False) == 500


def test_a_table_that_begins_to_keep_history_gets_the_index(destination: StagedDestination, tmp_path: Path) -> None:
    file = tmp_path / "plain.parquet"
    pq.write_table(pa.table({"id": ["001000000000007AAA"], "name": ["plain"]}), file)
    for _ in range(2):
        destination.load(Load(TABLE, COLUMNS[:2], (file,), 1, replaces=True, work_dir=tmp_path))
        load(destination, tmp_path, "a", replaces=False)
        assert index_of_one_id(destination) in {"ids", "crm_account__ids"}


def test_mysql_needs_no_right_to_create_indexes(
    new_mysql_database: Callable[[], dict[str, Any]], tmp_path: Path
) -> None:
    settings = new_mysql_database()
    name = settings["database"]
    admin = pymysql.connect(host=settings["host"], port=settings["port"], user="root", autocommit=True)
    with admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE USER '{name}'@'%' IDENTIFIED BY 'pw'")
        rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER"
        cursor.execute(f"GRANT {rights} ON {name}.* TO '{name}'@'%'")
        try:
            destination = open_destination("mysql", {**settings, "username": name, "password": "pw"}, tmp_path)
            assert isinstance(destination, StagedDestination)
            load(destination, tmp_path, "a", replaces=True)
            assert index_of_one_id(destination) == "ids"
        finally:
            cursor.execute(f"DROP USER '{name}'@'%'")


ROWS = 20_000
# A load takes about a second; where each row is compared with all others, half a minute.
MOST_SECONDS = 10.0


@pytest.fixture(params=["duckdb", "mysql", "postgresql", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Destination:
    settings: dict[str, Any] = {"path": "warehouse", "schema": ""}
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_postgresql_database")
        settings |= postgresql_settings(make())
    if request.param == "mysql":
        settings |= request.getfixturevalue("new_mysql_database")()
    return open_destination(request.param, settings, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("org_id", ["", "00DA0000000001AAAA"])
@pytest.mark.parametrize("keeps_history", [True, False])
def test_loads_of_many_rows(database: Destination, tmp_path: Path, keeps_history: bool, org_id: str) -> None:
    values = {"id": [f"001{number:012}AAA" for number in range(ROWS)], "name": ["x"] * ROWS}
    if org_id:
        values |= {ORG_ID_COLUMN: [org_id] * ROWS, ORG_NAME_COLUMN: ["Acme"] * ROWS}
    table, seconds = Table("crm", "account", org_id), list[float]()
    for version, replaces in enumerate((True, False, True)):
        if keeps_history:
            values |= {VERSION_COLUMN: [f"{version}-{key}" for key in values["id"]]}
        work = tmp_path / str(version)
        work.mkdir()
        schema = pa.schema([pa.field(name, pa.string(), nullable=name != "id") for name in values])
        pq.write_table(pa.table(values, schema=schema), work / "rows.parquet")
        columns, files = tuple(Column(name, ColumnType.TEXT) for name in values), (work / "rows.parquet",)
        began = time.monotonic()
        database.load(Load(table, columns, files, ROWS, replaces, keeps_history=keeps_history, work_dir=work))
        seconds.append(time.monotonic() - began)
        assert database.count(table, without_deleted=True) == ROWS
    assert max(seconds) < MOST_SECONDS, seconds
