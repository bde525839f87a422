"""The work of a load grows with the number of rows, not with its square: the database's steps are counted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
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
from datasync_flask.destinations.dlt_loading import load_library
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


FEW, MANY = 1_000, 4_000
# In proportion it would be 4; where each row is compared with all others, it is 16.
MOST_TIMES = 5
# What EXPLAIN ANALYZE can be put before.
CHANGE = re.compile(r"\s*(INSERT|UPDATE|DELETE|CREATE\b.*\bTABLE\b.*\bAS\b)", re.IGNORECASE | re.DOTALL)
EXPLAINED = "EXPLAIN (ANALYZE, FORMAT JSON)"


class Counted:
    """A destination that counts what its database does."""

    def __init__(self, destination: Destination) -> None:
        self.destination, self.steps = destination, 0

    def sqlite_step(self) -> None:
        self.steps += 1

    def sqlite_connect(self, connect: Callable[[], Any]) -> Any:
        """Count the instructions of SQLite's machine, by tens."""
        connection = connect()
        connection.set_progress_handler(self.sqlite_step, 10)
        return connection

    def mysql_connect(self, connect: Callable[[], Any]) -> Any:
        """Count the rows that MySQL reads, of tables and of indexes."""
        connection = connect()
        close = connection.close

        def count_and_close() -> None:
            with connection.cursor() as cursor:
                cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
                self.steps += sum(int(value) for _, value in cursor.fetchall())
            close()

        connection.close = count_and_close
        return connection

    def execute_many(self, client: Any, statements: Sequence[str]) -> None:
        """Execute dlt's statements, and look at how the database did it."""
        for statement in statements:
            if not CHANGE.match(statement):
                client.execute_sql(statement)
            elif type(client).__name__ == "DuckDbSqlClient":
                ((_, plan),) = client.execute_sql(f"{EXPLAINED} {statement}")
                # It counts no comparisons; these are the operators that compare all with all.
                assert not re.search("NESTED_LOOP|BLOCKWISE|CROSS_PRODUCT", plan), statement
                for node in nodes(json.loads(plan)["operator"][0], "children"):
                    self.steps += node["intermediate_rows"]
            else:
                (((explained,),),) = client.execute_sql(f"{EXPLAINED} {statement}")
                for node in nodes(explained["Plan"], "Plans"):
                    removed = sum(count for name, count in node.items() if name.startswith("Rows Removed by"))
                    self.steps += int((node["Actual Rows"] + removed) * node["Actual Loops"])


def nodes(plan: dict[str, Any], below: str) -> Iterator[dict[str, Any]]:
    """Yield a plan's steps."""
    yield plan
    for each in plan.get(below, ()):
        yield from nodes(each, below)


# DuckDB's tables are written by dlt, whose start alone takes seconds.
@pytest.fixture(params=[pytest.param("duckdb", marks=pytest.mark.slow), "mysql", "postgresql", "sqlite"])
def counted(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counted:
    settings: dict[str, Any] = {"path": "warehouse", "schema": ""}
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_postgresql_database")
        settings |= postgresql_settings(make())
    if request.param == "mysql":
        settings |= request.getfixturevalue("new_mysql_database")()
    destination = open_destination(request.param, settings, tmp_path)
    found = Counted(destination)
    if isinstance(destination, StagedDestination):
        count = found.mysql_connect if request.param == "mysql" else found.sqlite_connect
        monkeypatch.setattr(destination, "connect", partial(count, destination.connect))
    else:
        load_library()
        from dlt.destinations.sql_client import SqlClientBase

        monkeypatch.setattr(
            SqlClientBase, "execute_many", lambda client, statements: found.execute_many(client, statements)
        )
    return found


def steps_of_loads(counted: Counted, folder: Path, rows: int, *, keeps_history: bool, org_id: str) -> list[int]:
    """Load as many rows three times: all, those that changed, all again."""
    values = {"id": [f"001{number:012}AAA" for number in range(rows)], "name": ["x"] * rows}
    if org_id:
        values |= {ORG_ID_COLUMN: [org_id] * rows, ORG_NAME_COLUMN: ["Acme"] * rows}
    table, steps = Table("crm", f"account_{rows}", org_id), list[int]()
    for version, replaces in enumerate((True, False, True)):
        if keeps_history:
            values |= {VERSION_COLUMN: [f"{version}-{key}" for key in values["id"]]}
        work = folder / f"{rows}-{version}"
        work.mkdir()
        schema = pa.schema([pa.field(name, pa.string(), nullable=name != "id") for name in values])
        pq.write_table(pa.table(values, schema=schema), work / "rows.parquet")
        columns, files = tuple(Column(name, ColumnType.TEXT) for name in values), (work / "rows.parquet",)
        counted.steps = 0
        counted.destination.load(
            Load(table, columns, files, rows, replaces, keeps_history=keeps_history, work_dir=work)
        )
        steps.append(counted.steps)
        assert counted.destination.count(table, without_deleted=True) == rows
    return steps


@pytest.mark.parametrize("org_id", ["", "00DA0000000001AAAA"])
@pytest.mark.parametrize("keeps_history", [True, False])
def test_steps_grow_with_the_rows(counted: Counted, tmp_path: Path, keeps_history: bool, org_id: str) -> None:
    few = steps_of_loads(counted, tmp_path, FEW, keeps_history=keeps_history, org_id=org_id)
    many = steps_of_loads(counted, tmp_path, MANY, keeps_history=keeps_history, org_id=org_id)
    assert max(few) > FEW
    for steps_of_few, steps_of_many in zip(few, many, strict=True):
        assert steps_of_many <= MOST_TIMES * max(steps_of_few, FEW), (few, many)
