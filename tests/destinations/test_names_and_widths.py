"""Names that become statements and paths, names that are too long, and rows that are too wide."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasync_flask.destinations.base import Column, ColumnType, DestinationError, Fault, Load, Table, shorten
from datasync_flask.destinations.data_folder import PathRefused, inside
from datasync_flask.destinations.registry import open_destination
from datasync_flask.extractions.note_texts import note_text
from datasync_flask.extractions.runs.column_types import GivenNames, columns_for
from datasync_flask.extractions.runs.notes import NoteKind, note
from datasync_flask.salesforce.descriptions import Field
from tests.support.servers import postgresql_settings

BAD = ["..", "../up", "a/b", "/etc", "a\x00b", "a b", "a;drop", 'a"b', "a`b", "é", "1a", "a.b", "x" * 201, "a\nb"]


@pytest.mark.parametrize("name", BAD)
def test_names_that_are_not_plain_are_refused(name: str) -> None:
    for make in (lambda: Table(name, "account"), lambda: Table("crm", name), lambda: Column(name, ColumnType.TEXT)):
        with pytest.raises(DestinationError) as error:
            make()
        assert error.value.fault is Fault.NAME_REFUSED


@pytest.mark.parametrize("name", ["con", "NUL", "com1", "Lpt9"])
def test_names_of_devices_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DestinationError):
        Table(name, "account")
    for path in (name, f"{name}.duckdb", f"lake/{name}", "lake.", "lake ", "a\x00b"):
        with pytest.raises(PathRefused):
            inside(tmp_path, path.rstrip() + (" x/../" if path.endswith(" ") else ""))


def test_parquet_never_follows_a_link_out_of_its_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "account.parquet").write_bytes(b"mine")
    (tmp_path / "data" / "lake").mkdir(parents=True)
    (tmp_path / "data" / "lake" / "crm").symlink_to(outside)
    destination = open_destination("parquet", {"path": "lake"}, tmp_path / "data")
    pq.write_table(pa.table({"id": ["1"]}), tmp_path / "1.parquet")
    load = Load(Table("crm", "account"), (Column("id", ColumnType.TEXT),), (tmp_path / "1.parquet",), 1, replaces=True)
    for do in (lambda: destination.load(load), lambda: destination.delete(load.table, ["1"], marks=False),
               lambda: destination.preview(load.table, 1)):  # fmt: skip
        with pytest.raises(DestinationError) as error:
            do()
        assert error.value.fault is Fault.NAME_REFUSED
    assert [file.name for file in outside.iterdir()] == ["account.parquet"]
    assert (outside / "account.parquet").read_bytes() == b"mine"


def test_long_names_are_shortened_the_same_way_each_time() -> None:
    long = "npsp_opportunity_payment_schedule_recurring_donation_and_more_of_it_c"
    assert shorten("short", 64) == "short"
    assert len(shorten(long, 63)) <= 63
    assert shorten(long, 63) == shorten(shorten(long, 63), 63)
    assert shorten(long, 63) != shorten(long.replace("more", "less"), 63)
    assert "is called" in note_text(note(NoteKind.SHORTENED, "Long__c", shorten(long, 63)))


def settings_of(request: pytest.FixtureRequest, kind: str) -> dict[str, Any]:
    if kind == "mysql":
        return dict(request.getfixturevalue("new_mysql_database")())
    make: Callable[[], str] = request.getfixturevalue("new_postgresql_database")
    return postgresql_settings(make())


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_long_names_of_tables_and_columns_are_loaded(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    destination = open_destination(kind, settings_of(request, kind), tmp_path)
    api_names = [f"npsp__OpportunityPaymentScheduleRecurringDonationInstallment{letter}__c" for letter in "AB"]
    fields = [Field("Id", "Id", "id"), *(Field(name, name, "string") for name in api_names)]
    given: GivenNames = {}
    columns, _ = columns_for(fields, given, limit=destination.max_name_length)
    again, retyped = columns_for(fields, given, limit=destination.max_name_length)
    assert again == columns
    assert retyped == []
    assert len({each.name for each in columns.values()}) == 3
    table = Table(
        "salesforce_of_the_whole_company_and_more",
        shorten("npsp_opportunity_payment_schedule_recurring_donation_c", 63),
    )
    values = {column.name: ["1"] for column in columns.values()}
    pq.write_table(pa.table(values), tmp_path / "1.parquet")
    for replaces in (True, False, True):
        destination.load(
            Load(table, tuple(columns.values()), (tmp_path / "1.parquet",), 1, replaces=replaces, work_dir=tmp_path)
        )
    assert destination.count(table, without_deleted=False) == 1
    shown = [name for name, _ in destination.preview(table, 1).columns]
    assert {column.name for column in columns.values()} <= set(shown)


@pytest.mark.parametrize(("kind", "count"), [("postgresql", 1700), ("mysql", 1100), ("mysql", 800)])
def test_a_table_that_is_too_wide_is_told_before_anything_is_read(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, count: int
) -> None:
    destination = open_destination(kind, settings_of(request, kind), tmp_path)
    columns = (
        Column("id", ColumnType.TEXT),
        *(Column(f"field_{number}_c", ColumnType.TEXT) for number in range(count)),
    )
    with pytest.raises(DestinationError) as error:
        destination.check_width(columns)
    assert error.value.fault is Fault.ROW_TOO_WIDE
    destination.check_width(columns[:100])


@pytest.mark.parametrize(("kind", "count"), [("postgresql", 800), ("mysql", 300)])
def test_a_row_that_is_too_wide_is_told_as_that(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, count: int
) -> None:
    destination = open_destination(kind, settings_of(request, kind), tmp_path)
    columns = (
        Column("id", ColumnType.TEXT),
        *(Column(f"field_{number}_c", ColumnType.TEXT) for number in range(count)),
    )
    destination.check_width(columns)
    values = {column.name: ["1"] for column in columns[:1]} | {
        column.name: [f"text of {column.name} " + "x" * 15] for column in columns[1:]
    }
    pq.write_table(pa.table(values), tmp_path / "1.parquet")
    with pytest.raises(DestinationError) as error:
        destination.load(
            Load(Table("crm", "wide"), columns, (tmp_path / "1.parquet",), 1, replaces=True, work_dir=tmp_path)
        )
    assert error.value.fault is Fault.ROW_TOO_WIDE, error.value
