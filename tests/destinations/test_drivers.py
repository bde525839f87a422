"""Every kind of destination does the same with the same rows, on the real thing."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
import pytest

from datasync_flask.destinations.base import (
    VALID_TO,
    VERSION_COLUMN,
    Column,
    ColumnType,
    Destination,
    DestinationError,
    Fault,
    Load,
    Table,
)
from datasync_flask.destinations.data_folder import PathRefused, inside
from datasync_flask.destinations.registry import DESTINATIONS, open_destination
from tests.support.servers import ObjectStore, postgresql_settings

pytestmark = pytest.mark.checks_apart

TABLE = Table("crm", "account")
ARROW = {
    ColumnType.TEXT: pa.string(),
    ColumnType.BIGINT: pa.int64(),
    ColumnType.DOUBLE: pa.float64(),
    ColumnType.DECIMAL: pa.decimal128(38, 9),
    ColumnType.BOOL: pa.bool_(),
    ColumnType.DATE: pa.date32(),
    ColumnType.TIMESTAMP: pa.timestamp("us", "UTC"),
    ColumnType.TIME: pa.time64("us"),
}
COLUMNS = (
    Column("id", ColumnType.TEXT),
    Column("name", ColumnType.TEXT),
    Column("is_deleted", ColumnType.BOOL),
)
EVERYTHING = (
    *COLUMNS,
    Column("employees", ColumnType.BIGINT),
    Column("share", ColumnType.DOUBLE),
    Column("revenue", ColumnType.DECIMAL),
    Column("founded", ColumnType.DATE),
    Column("system_modstamp", ColumnType.TIMESTAMP),
    Column("opens", ColumnType.TIME),
)


# A bucket's tables have two formats.
KINDS = [*sorted(DESTINATIONS), "object_storage delta"]


# DuckDB's tables are written by dlt, whose start alone takes seconds.
@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.slow if kind == "duckdb" else ()) for kind in KINDS])
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> Destination:
    settings: dict[str, Any] = {"path": "warehouse", "schema": ""}
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_postgresql_database")
        settings |= postgresql_settings(make())
    if request.param == "mysql":
        settings |= request.getfixturevalue("new_mysql_database")()
    kind, _, table_format = request.param.partition(" ")
    if kind == "object_storage":
        store: ObjectStore = request.getfixturevalue("store")
        settings = dict(store.settings(table_format=table_format or "parquet"))
    found = open_destination(kind, settings, tmp_path)
    found.check()
    return found


class Loader:
    """Loads rows given as tuples."""

    def __init__(self, destination: Destination, folder: Path) -> None:
        self.destination, self.folder = destination, folder
        self.known: tuple[Column, ...] = ()

    def load(self, rows: list[tuple[Any, ...]], columns: tuple[Column, ...] = COLUMNS, **how: Any) -> None:
        work = self.folder / uuid.uuid4().hex
        work.mkdir()
        how.setdefault("replaces", False)
        arrays = {
            column.name: pa.array([row[position] for row in rows], ARROW[column.type])
            for position, column in enumerate(columns)
        }
        pq.write_table(pa.table(arrays), work / "1.parquet")
        load = Load(TABLE, columns, (work / "1.parquet",), len(rows), known_columns=self.known, work_dir=work, **how)
        self.destination.load(load)
        self.known = tuple(dict.fromkeys((*self.known, *columns)))

    def rows(self) -> list[tuple[Any, ...]]:
        """Return id, name and is_deleted of all rows."""
        preview = self.destination.preview(TABLE, 1000)
        names = [name.lower() for name, _ in preview.columns]
        picked = [names.index(name) for name in ("id", "name", "is_deleted")]
        return sorted((row[picked[0]], row[picked[1]], bool(row[picked[2]])) for row in preview.rows)


@pytest.fixture
def loader(destination: Destination, tmp_path: Path) -> Loader:
    return Loader(destination, tmp_path)


@pytest.mark.slow
def test_replaced_as_a_whole_and_twice_is_once(loader: Loader) -> None:
    assert not loader.destination.has_table(TABLE)
    for _ in range(2):
        loader.load([("1", "one", False), ("2", "two", False)], replaces=True)
        assert loader.rows() == [("1", "one", False), ("2", "two", False)]
    loader.load([("3", "three", False)], replaces=True)
    assert loader.rows() == [("3", "three", False)]
    loader.load([], replaces=True)
    assert loader.rows() == []
    assert loader.destination.has_table(TABLE)


def test_merged_by_id(loader: Loader) -> None:
    loader.load([("1", "one", False), ("2", "two", False), ("aB", "case", False)], replaces=True)
    for _ in range(2):
        loader.load([("2", "zwei", False), ("3", "drei", False), ("Ab", "case too", False)])
        assert loader.rows() == [
            ("1", "one", False), ("2", "zwei", False), ("3", "drei", False), ("Ab", "case too", False), ("aB", "case", False),
        ]  # fmt: skip


def test_a_first_load_may_be_a_merge(loader: Loader) -> None:
    loader.load([("1", "one", False)])
    assert loader.rows() == [("1", "one", False)]


@pytest.mark.parametrize("removes", [True, False])
@pytest.mark.slow
def test_deleted_rows_are_removed_or_marked(loader: Loader, removes: bool) -> None:
    loader.load([("1", "one", False), ("2", "two", False)], replaces=True)
    loader.load([("1", "one", True), ("9", "never seen", True)], removes_deleted=removes)
    if removes:
        assert loader.rows() == [("2", "two", False)]
    else:
        assert loader.rows() == [("1", "one", True), ("2", "two", False), ("9", "never seen", True)]
    assert loader.destination.count(TABLE, without_deleted=True) == 1
    keys = [key for piece in loader.destination.keys(TABLE, without_deleted=True) for key in piece.to_pylist()]
    assert keys == ["2"]
    # Undeleted.
    loader.load([("1", "one again", False)], removes_deleted=removes)
    assert ("1", "one again", False) in loader.rows()


def test_taken_out_by_id(loader: Loader) -> None:
    loader.load([(f"{number:04}", "x", False) for number in range(1200)], replaces=True)
    gone = [f"{number:04}" for number in range(0, 1200, 2)]
    assert loader.destination.delete(TABLE, gone, marks=False) == 600
    assert loader.destination.count(TABLE, without_deleted=False) == 600
    assert loader.destination.delete(TABLE, ["0001", "0003"], marks=True) == 2
    assert loader.destination.count(TABLE, without_deleted=True) == 598


def test_values_come_through_as_they_are(loader: Loader) -> None:
    odd = 'line\nbreak, "quotes", tab\t, emoji 🦆, ümlaut, \\ back' + "x" * 131_000
    moment = datetime(2101, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)
    rows = [
        (
            "1",
            odd,
            False,
            2**53,
            0.1 + 0.2,
            Decimal("9999999999999999.990000000"),
            date(1850, 1, 2),
            moment,
            time(23, 59, 58),
        ),
        ("2", None, None, None, None, None, None, None, None),
    ]
    for replaces in (True, False):
        loader.load(rows, EVERYTHING, replaces=replaces)
        preview = loader.destination.preview(TABLE, 10)
        names = [name.lower() for name, _ in preview.columns]
        by_id = {row[names.index("id")]: dict(zip(names, row, strict=True)) for row in preview.rows}
        first, second = by_id["1"], by_id["2"]
        assert first["name"] == odd
        assert int(first["employees"]) == 2**53
        assert float(first["share"]) == 0.1 + 0.2
        assert str(first["founded"]) == "1850-01-02"
        assert str(first["system_modstamp"]).startswith("2101-02-03 04:05:06.789")
        assert "23:59:58" in str(first["opens"])
        if type(loader.destination).__name__ != "Sqlite":
            # SQLite has no decimals: it keeps 15 digits.
            assert Decimal(first["revenue"]) == Decimal("9999999999999999.99")
        assert all(value is None for name, value in second.items() if name != "id" and not name.startswith("_dlt"))


@pytest.mark.slow
def test_a_new_column_and_a_column_that_is_gone(loader: Loader) -> None:
    loader.load([("1", "one", False)], replaces=True)
    loader.load([("2", "two", False, 7)], EVERYTHING[:4])
    loader.load([("3", None, False)], (COLUMNS[0], COLUMNS[1], COLUMNS[2]))
    preview = loader.destination.preview(TABLE, 10)
    names = [name.lower() for name, _ in preview.columns]
    found = {row[names.index("id")]: row[names.index("employees")] for row in preview.rows}
    assert found == {"1": None, "2": 7, "3": None}
    loader.load([("4", "four", False)], replaces=True)
    assert "employees" in [name.lower() for name, _ in loader.destination.preview(TABLE, 1).columns]


@pytest.mark.slow
def test_history_keeps_every_version(loader: Loader) -> None:
    versioned = (*COLUMNS, Column(VERSION_COLUMN, ColumnType.TEXT))

    def versions() -> list[tuple[Any, ...]]:
        preview = loader.destination.preview(TABLE, 100)
        names = [name.lower() for name, _ in preview.columns]
        at = [names.index(name) for name in ("id", "name", VALID_TO)]
        return sorted((row[at[0]], row[at[1]], row[at[2]] is None) for row in preview.rows)

    loader.load([("1", "a", False, "1-v1"), ("2", "b", False, "2-v1")], versioned, replaces=True, keeps_history=True)
    for _ in range(2):
        loader.load([("1", "a2", False, "1-v2"), ("3", "c", False, "3-v1")], versioned, keeps_history=True)
        assert versions() == [("1", "a", False), ("1", "a2", True), ("2", "b", True), ("3", "c", True)]
    assert loader.destination.count(TABLE, without_deleted=False) == 3
    loader.load([("1", "a2", False, "1-v2")], versioned, replaces=True, keeps_history=True)
    assert versions() == [("1", "a", False), ("1", "a2", True), ("2", "b", False), ("3", "c", False)]
    loader.destination.delete(TABLE, ["1"], marks=False)
    assert loader.destination.count(TABLE, without_deleted=False) == 0


def test_snippets_name_the_table_and_no_password(destination: Destination) -> None:
    for snippet in destination.snippets(TABLE).values():
        assert "account" in snippet


REFUSED_PATHS = [
    "", "  ", "/etc/passwd", "../outside", "a/../../b", "~/x", "C:\\x", "..\\x", "a\\b", "a/b/c/d/e/f", ".hidden", "x" * 101, "a\nb",
]  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_PATHS)
def test_paths_outside_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PathRefused):
        inside(tmp_path, name)


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path)
    with pytest.raises(PathRefused):
        inside(tmp_path / "data", "link/x.duckdb")
    assert inside(tmp_path / "data", "sub/x.duckdb") == tmp_path / "data" / "sub" / "x.duckdb"


FAULTS = [
    ("postgresql", {"host": "no-such-host.invalid"}, Fault.HOST_NOT_FOUND, "host"),
    ("postgresql", {"port": 1}, Fault.NOT_REACHABLE, "host"),
    ("postgresql", {"database": "no_such_db"}, Fault.NO_DATABASE, "database"),
    ("postgresql", {"username": "nobody_here"}, Fault.PASSWORD_REFUSED, "username"),
    ("mysql", {"host": "no-such-host.invalid"}, Fault.HOST_NOT_FOUND, "host"),
    ("mysql", {"port": 1}, Fault.NOT_REACHABLE, "host"),
    ("mysql", {"database": "no_such_db"}, Fault.NO_DATABASE, "database"),
    ("mysql", {"password": "wrong", "username": "nobody_here"}, Fault.PASSWORD_REFUSED, "password"),
]


@pytest.mark.parametrize(("kind", "changes", "fault", "field"), FAULTS)
def test_what_is_wrong_with_a_server_is_found(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, changes: dict[str, Any], fault: Fault, field: str
) -> None:
    if kind == "postgresql":
        host, _, port = request.getfixturevalue("postgresql_address").rpartition("@")[2].partition(":")
        settings = {"host": host, "port": int(port), "database": "postgres", "username": "postgres", "password": ""}
    else:
        settings = request.getfixturevalue("new_mysql_database")()
    with pytest.raises(DestinationError) as error:
        open_destination(kind, settings | changes, tmp_path).check()
    assert (error.value.fault, error.value.field) == (fault, field)


def test_a_check_that_was_refused_in_the_middle_works_once_the_right_is_there(
    new_mysql_database: Callable[[], dict[str, Any]], tmp_path: Path
) -> None:
    settings = new_mysql_database()
    user, database = settings["database"], settings["database"]
    with pymysql.connect(host=settings["host"], port=settings["port"], user="root", autocommit=True) as connection:
        admin = connection.cursor()
        admin.execute(f"CREATE USER {user}@'%' IDENTIFIED BY 'secret'")
        try:
            destination = open_destination("mysql", settings | {"username": user, "password": "secret"}, tmp_path)
            admin.execute(f"GRANT CREATE, DROP ON {database}.* TO {user}@'%'")
            with pytest.raises(DestinationError) as error:
                destination.check()
            assert error.value.fault is Fault.NO_RIGHT
            admin.execute(f"GRANT ALL ON {database}.* TO {user}@'%'")
            destination.check()
        finally:
            admin.execute(f"DROP USER {user}@'%'")


def test_a_file_of_something_else_is_not_touched(tmp_path: Path) -> None:
    for kind in ("duckdb", "sqlite"):
        (tmp_path / kind).write_text("my letters, " * 500)
        with pytest.raises(DestinationError) as error:
            open_destination(kind, {"path": kind}, tmp_path).check()
        assert error.value.fault is Fault.NOT_OURS
        assert (tmp_path / kind).read_text().startswith("my letters")
