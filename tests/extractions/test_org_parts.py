"""One table with the rows of two orgs, in each kind of destination: what is done with one leaves the other's alone.

Sandboxes have the Ids of the org that they are copies of, so both orgs have the same ones here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasync_flask.destinations.base import (
    DELETED_COLUMN,
    ORG_ID_COLUMN,
    ORG_NAME_COLUMN,
    VALID_TO,
    VERSION_COLUMN,
    Column,
    ColumnType,
    Destination,
    Load,
    Table,
)
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.destinations.registry import open_destination
from datasync_flask.destinations.service import settings_of
from datasync_flask.extensions import db
from datasync_flask.extractions.runs.arrow_types import arrow_schema
from tests.support.extraction import Extracting

ONE, OTHER = Table("crm", "account", "00D000000000001EAA"), Table("crm", "account", "00D000000000002EAA")
WHOLE = Table("crm", "account")
NAMES = {ONE.org_id: "One", OTHER.org_id: "Other"}


@pytest.fixture
def opened(extracting: Extracting, destination: str) -> Iterator[Destination]:
    with extracting.app.app_context():
        found = db.session.get_one(DestinationConnection, destination)
        folder = extracting.app.config["SETTINGS"].effective_data_dir
        yield open_destination(found.kind, settings_of(found), folder)


class Loads:
    """Writes rows of id and values into one org's part of the table."""

    def __init__(self, opened: Destination, folder: Path) -> None:
        self.opened, self.folder, self.count = opened, folder, 0

    def __call__(self, table: Table, rows: dict[str, dict[str, Any]], *, history: bool = False, **how: Any) -> None:
        self.count += 1
        folder = self.folder / str(self.count)
        folder.mkdir()
        extra = sorted({name for values in rows.values() for name in values} - {"name", DELETED_COLUMN})
        names = ["id", "name", DELETED_COLUMN, *extra, ORG_ID_COLUMN, ORG_NAME_COLUMN]
        names += [VERSION_COLUMN] if history else []
        columns = tuple(Column(name, ColumnType.BOOL if name == DELETED_COLUMN else ColumnType.TEXT) for name in names)
        given = {ORG_ID_COLUMN: table.org_id, ORG_NAME_COLUMN: NAMES[table.org_id], DELETED_COLUMN: False}
        lines = [
            {**given, VERSION_COLUMN: f"{table.org_id}{values['name']}", **values, "id": key}
            for key, values in rows.items()
        ]
        schema = arrow_schema(columns)
        pq.write_table(pa.Table.from_pylist(lines, schema=schema), folder / "rows.parquet")
        self.opened.load(
            Load(
                table, columns, (folder / "rows.parquet",), len(rows), how.pop("replaces", False),
                keeps_history=history, work_dir=folder, name=f"datasync_{table.org_id}", **how,
            )
        )  # fmt: skip


@pytest.fixture
def load(opened: Destination, tmp_path: Path) -> Loads:
    folder = tmp_path / "loads"
    folder.mkdir()
    return Loads(opened, folder)


def named(*keys: str, name: str = "x") -> dict[str, dict[str, Any]]:
    return {key: {"name": name} for key in keys}


def rows(opened: Destination, table: Table = WHOLE) -> list[dict[str, Any]]:
    shown = opened.preview(table, 100)
    names = [name.lower() for name, _ in shown.columns]
    return [dict(zip(names, row, strict=True)) for row in shown.rows]


def seen(opened: Destination, table: Table = WHOLE) -> list[tuple[str, str, str]]:
    """Return org name, id and name of each row that holds now."""
    found = [row for row in rows(opened, table) if row.get(VALID_TO) is None]
    return sorted((row[ORG_NAME_COLUMN], row["id"], row["name"]) for row in found)


def keys(opened: Destination, table: Table) -> list[str]:
    return sorted(key for piece in opened.keys(table, without_deleted=True) for key in piece.to_pylist())


def test_whole_loads_and_merges(opened: Destination, load: Loads) -> None:
    load(ONE, named("a", "b"), replaces=True)
    load(OTHER, named("a", "b", "c"), replaces=True)
    load(ONE, named("b", "c", name="y"))
    both = [("One", "a", "x"), ("One", "b", "y"), ("One", "c", "y"),
            ("Other", "a", "x"), ("Other", "b", "x"), ("Other", "c", "x")]  # fmt: skip
    assert seen(opened) == both
    assert seen(opened, ONE) == both[:3]
    assert [opened.count(each, without_deleted=True) for each in (ONE, OTHER, WHOLE)] == [3, 3, 6]
    assert keys(opened, OTHER) == ["a", "b", "c"]
    assert opened.count_of(ONE, ["a", "z"]) == 1
    assert sorted(row for piece in opened.values(ONE, ("name",), None) for row in piece) == [
        ("a", "x"), ("b", "y"), ("c", "y"),
    ]  # fmt: skip
    load(ONE, named("d", name="z"), replaces=True)
    assert seen(opened) == [("One", "d", "z"), *both[3:]]
    load(ONE, {}, replaces=True)
    assert seen(opened) == both[3:]
    load(ONE, named("a"))
    assert seen(opened) == [("One", "a", "x"), *both[3:]]


def test_the_same_load_twice_changes_nothing(opened: Destination, load: Loads) -> None:
    load(OTHER, named("a"), replaces=True)
    for _ in range(2):
        load(ONE, named("a", "b"), replaces=True)
        load(ONE, named("b", name="y"))
    assert seen(opened) == [("One", "a", "x"), ("One", "b", "y"), ("Other", "a", "x")]


@pytest.mark.parametrize("marks", [False, True])
def test_deletes(opened: Destination, load: Loads, marks: bool) -> None:
    load(ONE, named("a", "b"), replaces=True)
    load(OTHER, named("a", "b"), replaces=True)
    opened.delete(ONE, ["a"], marks=marks)
    assert keys(opened, ONE) == ["b"]
    assert keys(opened, OTHER) == ["a", "b"]
    assert opened.count(WHOLE, without_deleted=False) == (4 if marks else 3)
    load(OTHER, {"b": {"name": "x", DELETED_COLUMN: True}}, removes_deleted=not marks)
    assert keys(opened, ONE) == ["b"]
    assert keys(opened, OTHER) == ["a"]


def test_columns_that_one_org_has(opened: Destination, load: Loads) -> None:
    load(ONE, {"a": {"name": "x", "industry_c": "steel"}}, replaces=True)
    load(OTHER, {"a": {"name": "x", "region_c": "north"}}, replaces=True)
    load(ONE, {"b": {"name": "x", "industry_c": "wood"}})
    found = sorted((row[ORG_NAME_COLUMN], row["id"], row["industry_c"], row["region_c"]) for row in rows(opened))
    assert found == [("One", "a", "steel", None), ("One", "b", "wood", None), ("Other", "a", None, "north")]
    load(ONE, {"b": {"name": "x", "industry_c": "wood"}}, replaces=True)
    assert ("Other", "a", None, "north") in [
        (row[ORG_NAME_COLUMN], row["id"], row["industry_c"], row["region_c"]) for row in rows(opened)
    ]


def test_history(opened: Destination, load: Loads) -> None:
    load(ONE, named("a", "b"), replaces=True, history=True)
    load(OTHER, named("a", "b"), replaces=True, history=True)
    load(ONE, named("a", name="y"), history=True)
    both = [("One", "a", "y"), ("One", "b", "x"), ("Other", "a", "x"), ("Other", "b", "x")]
    assert seen(opened) == both
    assert len(rows(opened)) == 5
    assert opened.count(ONE, without_deleted=True) == 2
    # The same row twice is no new version, and what is absent from a whole load ends.
    load(ONE, named("a", name="y"), replaces=True, history=True)
    assert seen(opened) == [("One", "a", "y"), *both[2:]]
    assert len(rows(opened)) == 5
    opened.delete(OTHER, ["a"], marks=False)
    assert seen(opened) == [("One", "a", "y"), ("Other", "b", "x")]
    assert len(rows(opened)) == 5
    load(OTHER, {}, replaces=True, history=True)
    assert seen(opened) == [("One", "a", "y")]


def test_history_of_one_org_beside_another_without(opened: Destination, load: Loads) -> None:
    load(OTHER, {"a": {"name": "x", "region_c": "north"}, "b": {"name": "x", "region_c": "south"}}, replaces=True)
    load(ONE, named("a", "b"), replaces=True)
    load(ONE, named("a", "b", name="y"), replaces=True, history=True)
    load(ONE, named("a", name="z"), history=True)
    load(OTHER, {"b": {"name": "w", "region_c": "west"}})
    assert seen(opened) == [("One", "a", "z"), ("One", "b", "y"), ("Other", "a", "x"), ("Other", "b", "w")]
    assert sorted((row["id"], row["region_c"]) for row in rows(opened, OTHER)) == [("a", "north"), ("b", "west")]
    # Two versions before history, two that ended or hold, one more.
    assert len(rows(opened, ONE)) == 5
    load(ONE, named("a", name="q"), replaces=True)
    assert seen(opened) == [("One", "a", "q"), ("Other", "a", "x"), ("Other", "b", "w")]
    assert len(rows(opened, ONE)) == 1


@pytest.mark.parametrize("history", [False, True])
def test_taking_one_org_out(opened: Destination, load: Loads, history: bool) -> None:
    load(ONE, named("a", "b"), replaces=True, history=history)
    load(OTHER, named("a"), replaces=True, history=history)
    load(ONE, named("a", name="y"), history=history)
    assert opened.remove_org(ONE) == 2
    assert len(rows(opened)) == 1
    assert seen(opened) == [("Other", "a", "x")]
    assert opened.remove_org(ONE) == 0
    load(ONE, named("a"), replaces=True, history=history)
    assert seen(opened) == [("One", "a", "x"), ("Other", "a", "x")]


def test_renaming_one_org(opened: Destination, load: Loads) -> None:
    load(ONE, named("a", "b"), replaces=True, history=True)
    load(OTHER, named("a"), replaces=True, history=True)
    load(ONE, named("a", name="y"), history=True)
    before = len(rows(opened))
    for _ in range(2):
        opened.rename_org(ONE, "O'Neil")
    assert seen(opened) == [("O'Neil", "a", "y"), ("O'Neil", "b", "x"), ("Other", "a", "x")]
    assert len(rows(opened)) == before
    assert {row[ORG_NAME_COLUMN] for row in rows(opened, ONE)} == {"O'Neil"}
