"""A table has one owner: decided when an extraction is saved, and again when a run begins, for every destination."""

from __future__ import annotations

import multiprocessing
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import delete, select

from datasync_flask.clock import utcnow
from datasync_flask.destinations.base import Table
from datasync_flask.destinations.registry import DESTINATIONS
from datasync_flask.extensions import db
from datasync_flask.extractions import service, tables
from datasync_flask.extractions.models import DestinationTable, Extraction, ExtractionObject
from datasync_flask.extractions.tables import keys_of, place_of
from tests.support.extraction import Extracting, Org


@pytest.fixture
def first(extracting: Extracting, org: Org, warehouse: str) -> Extracting:
    """An extraction of Account, called To the warehouse."""
    org.do("Account", "generate", count=3)
    extracting.make(["Account"], warehouse)
    return extracting


def form(extracting: Extracting, destination: str, **fields: Any) -> dict[str, Any]:
    return {"description": "Second", "source": extracting.walk.id, "destination": destination, "dataset": "crm",
            "objects": ["Account"], "schedule": "", "timezone": "UTC", **fields}  # fmt: skip


def refused(extracting: Extracting, destination: str, **fields: Any) -> str:
    """Try to make another extraction, and return what stands at its dataset."""
    visitor = extracting.walk.visitor
    assert visitor.post("/extractions/new", form(extracting, destination, **fields)).status_code == 422
    return str(visitor.error_at("dataset"))


def test_a_second_one_is_refused_at_its_field_on_every_destination(
    extracting: Extracting, org: Org, destination: str
) -> None:
    extracting.make(["Account"], destination)
    assert "“To the warehouse”" in refused(extracting, destination)
    assert "“To the warehouse”" in refused(extracting, destination, dataset="CRM", objects=["Contact", "ACCOUNT"])
    visitor = extracting.walk.visitor
    answer = visitor.post("/extractions/new", form(extracting, destination, dataset="other"))
    assert answer.status_code == 303
    second = answer.headers["Location"]
    # Moving it there is the same.
    assert visitor.post(f"{second}/edit", form(extracting, destination)).status_code == 422
    assert "“To the warehouse”" in visitor.error_at("dataset")
    # And so is taking an object in.
    answer = visitor.post(f"{second}/edit", form(extracting, destination, objects=["Contact"]))
    assert answer.status_code == 303
    assert (
        visitor.post(f"{second}/edit", form(extracting, destination, objects=["Contact", "Account"])).status_code == 422
    )
    assert "“To the warehouse”" in visitor.error_at("objects")


def test_who_lets_go_of_a_table_frees_it(first: Extracting, warehouse: str) -> None:
    visitor, address = first.walk.visitor, f"/extractions/{first.id}"
    # Renaming keeps it, and the new name is told.
    first.edit(description="Nightly")
    assert "“Nightly”" in refused(first, warehouse)
    first.edit(objects=["Contact"])
    answer = visitor.post("/extractions/new", form(first, warehouse))
    assert answer.status_code == 303
    visitor.post(f"{address}/edit", form(first, warehouse, description="Nightly", objects=["Contact", "Account"]))
    assert "“Second”" in visitor.error_at("objects")
    visitor.post(f"{answer.headers['Location']}/delete")
    first.edit(objects=["Contact", "Account"])
    first.edit(dataset="elsewhere")
    assert visitor.post("/extractions/new", form(first, warehouse)).status_code == 303


def test_two_connections_to_one_place(first: Extracting) -> None:
    visitor = first.walk.visitor
    answer = visitor.post("/connections/new/sqlite", {"description": "Again", "path": "./w.sqlite"})
    assert answer.status_code == 303
    other = answer.headers["Location"].rsplit("/", 1)[-1]
    assert "“To the warehouse”" in refused(first, other)


def test_copies_get_datasets_of_their_own(first: Extracting) -> None:
    with first.app.app_context():
        for _ in range(3):
            assert service.copy_along(first.walk.id, first.walk.id, by=None) in {1, 2, 4}
        datasets = list(db.session.scalars(select(Extraction.dataset)))
    assert len(set(datasets)) == len(datasets) == 8


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("duckdb", {"path": "w.duckdb"}, {"path": "./w.duckdb"}),
        ("parquet", {"path": "lake/raw"}, {"path": "lake//raw/"}),
        ("sqlite", {"path": "W.sqlite"}, {"path": "w.sqlite"}),
        ("postgresql", {"host": "localhost", "port": 5432, "database": "d"}, {"host": "127.0.0.1", "database": "d"}),
        ("postgresql", {"host": "Db.Example.com.", "database": "d"}, {"host": "db.example.com", "database": "d"}),
        ("postgresql", {"host": "2001:db8:0:0::1", "database": "d"}, {"host": "[2001:DB8::1]", "database": "d"}),
        ("postgresql", {"host": "::ffff:10.0.0.5", "database": "d"}, {"host": "10.0.0.5", "database": "d"}),
        ("postgresql", {"host": "::ffff:127.0.0.1", "database": "d"}, {"host": "localhost", "database": "d"}),
        ("postgresql", {"host": "0.0.0.0", "database": "d"}, {"host": "localhost", "database": "d"}),
        ("postgresql", {"host": "2130706433", "database": "d"}, {"host": "127.0.0.1", "database": "d"}),
        ("postgresql", {"host": "0x7f.1", "database": "d"}, {"host": "localhost", "database": "d"}),
        ("mysql", {"host": "10.5", "database": "d"}, {"host": "10.0.0.5", "database": "d"}),
        ("mysql", {"host": socket.gethostname(), "database": "d"}, {"host": "localhost", "database": "d"}),
        ("mysql", {"host": "::1", "database": "Shop"}, {"host": "localhost", "port": 3306, "database": "shop"}),
        (
            "object_storage",
            {"bucket": "lake", "prefix": "a", "endpoint": "https://s3.eu-west-1.amazonaws.com", "access_key": "x"},
            {"bucket": "lake", "prefix": "a", "endpoint": "", "region": "eu-west-1", "table_format": "delta"},
        ),
        (
            "object_storage",
            {"bucket": "lake", "endpoint": "http://localhost:80"},
            {"bucket": "lake", "prefix": "", "endpoint": "http://127.0.0.1"},
        ),
    ],
)
def test_places_that_are_one(kind: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    assert place_of(kind, one) == place_of(kind, other)


def test_this_machine_is_one_place_at_each_of_its_addresses() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        # Nothing is sent: it only tells the address that this machine has towards others.
        asked.connect(("192.0.2.200", 9))
        own = asked.getsockname()[0]
    assert place_of("mysql", {"host": own, "database": "d"}) == place_of(
        "mysql", {"host": "localhost", "database": "d"}
    )


def test_links_in_the_data_folder_are_followed(first: Extracting) -> None:
    with first.app.app_context():
        folder = first.app.config["SETTINGS"].effective_data_dir
        (folder / "lake").mkdir(parents=True)
        (folder / "same").symlink_to(folder / "lake")
        (folder / "also.duckdb").symlink_to(folder / "w.duckdb")
        assert place_of("parquet", {"path": "same/raw"}) == place_of("parquet", {"path": "lake/raw"})
        assert place_of("duckdb", {"path": "also.duckdb"}) == place_of("duckdb", {"path": "w.duckdb"})


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("duckdb", {"path": "w.duckdb"}, {"path": "x/w.duckdb"}),
        ("postgresql", {"host": "a", "database": "d"}, {"host": "a", "database": "D"}),
        ("postgresql", {"host": "a", "port": 5433, "database": "d"}, {"host": "a", "database": "d"}),
    ],
)
def test_places_that_are_two(kind: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    assert place_of(kind, one) != place_of(kind, other)


@pytest.mark.parametrize("kind", sorted(DESTINATIONS))
def test_tables_that_meet_in_the_destination_meet_here(kind: str) -> None:
    prefixes = DESTINATIONS[kind].dataset_is == "prefix"
    meet = not set(keys_of(kind, "crm", "big_account")).isdisjoint(keys_of(kind, "crm_big", "account"))
    assert meet == prefixes
    # dlt stages in a schema beside, and spells schemas in its own way.
    is_dlt = kind in {"duckdb", "postgresql"}
    assert set(keys_of(kind, "crm", "a")).isdisjoint(keys_of(kind, "crm_staging", "a")) != is_dlt
    assert set(keys_of(kind, "crm__x", "a")).isdisjoint(keys_of(kind, "crm_x", "a")) != is_dlt


def make_as_before(extracting: Extracting, destination: str, description: str) -> str:
    """Put an extraction into the database that shares a table with another, as older versions let people save it."""
    with extracting.app.app_context():
        stored = Extraction(
            description=description, description_key=description.lower(), source_id=extracting.walk.id,
            destination_id=destination, dataset="crm", created_at=utcnow(),
        )  # fmt: skip
        stored.objects = [ExtractionObject(name=name, columns={}, field_columns={}) for name in ("Account", "Contact")]
        stored.objects[1].name = f"Contact{description}__c"
        db.session.add(stored)
        db.session.commit()
        return stored.id


def claim(settings: Any, extraction_id: str, ready: Any, results: Any) -> None:
    """Be a process whose run begins."""
    from datasync_flask import create_app

    app = create_app(settings)
    with app.app_context():
        ready.wait(30)
        found = tables.reserve_for_run(extraction_id)
        results.put((extraction_id, dict(found.taken)))
        db.session.remove()


def test_of_two_runs_that_begin_at_once_one_has_the_table(first: Extracting, org: Org, warehouse: str) -> None:
    ids = [make_as_before(first, warehouse, name) for name in ("One", "Two", "Three")]
    with first.app.app_context():
        db.session.execute(delete(DestinationTable))
        db.session.commit()
        settings = first.app.config["SETTINGS"]
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(3), context.Queue()
    processes = [context.Process(target=claim, args=(settings, each, ready, results)) for each in ids]
    for process in processes:
        process.start()
    taken = dict(results.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(30)
    owners = [each for each in ids if not taken[each]]
    assert len(owners) == 1
    assert sorted(name for each in ids for name in taken[each]) == ["Account", "Account"]


def test_the_other_of_two_that_shared_a_table_stops_and_says_so(first: Extracting, org: Org, warehouse: str) -> None:
    first.done()
    other = make_as_before(first, warehouse, "Other")
    org.do("ContactOther__c", "object", fields={})
    org.do("ContactOther__c", "insert", rows=[{"Name": "x"}])
    mine, first.id = first.id, other
    run = first.run()
    assert (run.state, run.problem) == ("failed", "run.table_taken")
    assert {each.name: each.step for each in run.objects} == {"Account": "failed", "ContactOther__c": "done"}
    visitor = first.walk.visitor
    visitor.get(f"/extractions/{other}/runs/{run.id}")
    assert "Another extraction already loads this table" in visitor.text
    assert "To the warehouse" in visitor.text
    first.id = mine
    first.done()
    first.assert_same("Account")


def taken_out(first: Extracting) -> None:
    first.edit(objects=["Contact"])


def taken_out_and_in_again(first: Extracting) -> None:
    first.edit(objects=["Contact"])
    first.edit(objects=["Account"])


def into_another_dataset(first: Extracting) -> None:
    first.edit(dataset="elsewhere")


def into_another_destination(first: Extracting) -> None:
    first.edit(destination=first.make_destination("duckdb", {"path": "other.duckdb", "description": "Other"}))


def destination_leads_elsewhere(first: Extracting) -> None:
    with first.app.app_context():
        address = f"/connections/{db.session.get_one(Extraction, first.id).destination_id}/edit"
    answer = first.walk.visitor.post(address, {"description": "duckdb", "path": "moved.duckdb"})
    assert answer.status_code == 303, first.walk.visitor.text


CHANGES: list[Callable[[Extracting], None]] = [
    taken_out, taken_out_and_in_again, into_another_dataset, into_another_destination, destination_leads_elsewhere,
]  # fmt: skip


@pytest.fixture
def changing(monkeypatch: pytest.MonkeyPatch, first: Extracting) -> Callable[[str, Callable[[Extracting], None]], None]:
    """Have somebody change the extraction once, when its next run has `read`, or has `written`."""
    # Imported here: the processes of another test import this file, and these are slow.
    from datasync_flask.extractions.runs import loading
    from datasync_flask.extractions.runs.reading import Reader

    def arrange(when: str, change: Callable[[Extracting], None]) -> None:
        read, write = Reader.read, loading.write

        def change_once() -> None:
            monkeypatch.setattr(Reader, "read", read)
            monkeypatch.setattr(loading, "write", write)
            change(first)

        def read_and_change(reader: Reader) -> Iterator[None]:
            yield from read(reader)
            change_once()

        def write_and_change(*arguments: Any) -> None:
            write(*arguments)
            change_once()

        if when == "read":
            monkeypatch.setattr(Reader, "read", read_and_change)
        else:
            monkeypatch.setattr(loading, "write", write_and_change)

    return arrange


@pytest.mark.parametrize("change", CHANGES)
def test_a_table_that_was_let_go_while_it_was_read_is_not_written(
    first: Extracting,
    changing: Callable[[str, Callable[[Extracting], None]], None],
    change: Callable[[Extracting], None],
) -> None:
    old, _ = first.open()
    changing("read", change)
    run = first.run()
    assert (run.state, run.problem, run.problem_detail) == ("failed", "run.table_given_back", "Account")
    assert not old.has_table(Table("crm", "account"))
    if change is not taken_out:
        # What was read for the old table says nothing about the new one.
        assert first.done().objects[0].is_whole
        first.assert_same("Account")


@pytest.mark.parametrize("change", [into_another_dataset, destination_leads_elsewhere])
def test_what_was_written_to_a_table_says_nothing_about_the_next_one(
    first: Extracting,
    changing: Callable[[str, Callable[[Extracting], None]], None],
    change: Callable[[Extracting], None],
) -> None:
    changing("write", change)
    run = first.run()
    assert (run.state, run.problem) == ("failed", "run.table_given_back")
    assert first.done().objects[0].is_whole
    first.assert_same("Account")


def test_a_table_that_was_let_go_while_a_run_waited_for_its_turn_is_not_written(
    first: Extracting, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasync_flask.extractions.runs import turns

    take = turns._take

    def take_later(*arguments: Any) -> bool:
        monkeypatch.setattr(turns, "_take", take)
        first.edit(dataset="elsewhere")
        return False

    monkeypatch.setattr(turns, "_take", take_later)
    monkeypatch.setattr(turns, "ASK_AGAIN_SECONDS", 0)
    old, _ = first.open()
    assert first.run().problem == "run.table_given_back"
    assert not old.has_table(Table("crm", "account"))


def delete_it(first: Extracting) -> None:
    assert first.walk.visitor.post(f"/extractions/{first.id}/delete").status_code == 303


def test_a_run_whose_extraction_is_deleted_waits_for_nothing(
    first: Extracting, changing: Callable[[str, Callable[[Extracting], None]], None]
) -> None:
    old, _ = first.open()
    changing("read", delete_it)
    first.work_on(first.start())
    assert not old.has_table(Table("crm", "account"))


def test_a_run_whose_extraction_is_deleted_while_it_writes_is_no_fault(
    first: Extracting,
    changing: Callable[[str, Callable[[Extracting], None]], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    changing("write", delete_it)
    first.work_on(first.start())
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
