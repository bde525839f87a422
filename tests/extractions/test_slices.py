"""A large object is read by several bulk jobs side by side, over ranges of its Ids: nothing is lost and nothing doubled."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Generator, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import time_machine

from datasync_flask.clock import utcnow
from datasync_flask.destinations.base import ORG_ID_COLUMN
from datasync_flask.extensions import db
from datasync_flask.extractions import forecast
from datasync_flask.extractions.models import Run
from datasync_flask.extractions.runs import abandoned_jobs, slices
from datasync_flask.extractions.runs.calls_left import WaitsForBulk
from datasync_flask.extractions.runs.endings import BULK_PAUSE
from datasync_flask.extractions.runs.reading import Reader
from datasync_flask.extractions.source_api import source_api
from datasync_flask.salesforce import bulk
from tests.extractions.test_bulk_limit import leave
from tests.extractions.test_faults import make_silent
from tests.support.combined_orgs import FIRST
from tests.support.extraction import Extracting, Org
from tests.support.killed import Killed, killed_at

ROWS, SLICES = 7000, 4


@pytest.fixture
def ready(extracting: Extracting, org: Org, warehouse: str, monkeypatch: pytest.MonkeyPatch) -> Extracting:
    """7,000 rows, in four slices of two pages."""
    monkeypatch.setattr(forecast, "SLICE_ROWS", 2000)
    extracting.walk.practice.change_org(result_page_rows=1000)
    org.do("Account", "generate", count=ROWS)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date_deletes"})
    return extracting


def asked(extracting: Extracting) -> tuple[int, int]:
    """How many jobs were made, and how many pages were asked for."""
    requests = extracting.walk.practice.requests()
    return requests.get("jobs", 0), requests.get("results", 0)


def jobs_in(extracting: Extracting, run_id: str) -> list[Any]:
    """The jobs that the org still has."""
    source_id = extracting.stored(run_id).extraction.source_id
    with extracting.app.app_context(), source_api(source_id) as api:
        found: list[Any] = api.request("GET", f"{api.base}/jobs/query")["records"]
        return found


def test_a_large_object_is_read_by_several_jobs_and_shows_each(
    ready: Extracting, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, shown = Reader._read_slices, list[str]()
    run_id = ready.start()

    def read(reader: Reader) -> Iterator[None]:
        for _ in original(reader):
            yield
            ready.walk.visitor.get(f"/extractions/{ready.id}/runs/{run_id}/progress")
            shown.append(ready.walk.visitor.text)

    monkeypatch.setattr(Reader, "_read_slices", read)
    ready.work_on(run_id)
    run = ready.stored(run_id)
    assert (run.state, run.objects[0].rows) == ("done", ROWS)
    ready.assert_same("Account")
    assert asked(ready) == (SLICES, 2 * SLICES)
    assert jobs_in(ready, run_id) == []
    assert (run.forecast_jobs, run.objects[0].source_count) == (SLICES, ROWS)
    assert any("Slice 2 of 4: 1,000 of 1,750 rows" in text for text in shown)
    assert any("1 of 4 slices read" in text or "2 of 4 slices read" in text for text in shown)
    ready.walk.visitor.get(f"/extractions/{ready.id}/runs/{run_id}")
    assert re.search(r"First rows after\s*\d+ s", ready.walk.visitor.text)


def kill_at_page(ready: Extracting, monkeypatch: pytest.MonkeyPatch, number: int) -> str:
    """A run that was killed before it read this page, counted over all slices."""
    original, pages = Reader._read_page, count(1)
    monkeypatch.setattr(slices, "AT_ONCE", 1)

    def read(reader: Reader) -> None:
        if next(pages) == number:
            raise Killed
        original(reader)

    run_id = ready.start()
    with killed_at(Reader, "_read_page", read):
        ready.work_on(run_id)
    make_silent(ready, run_id)
    return run_id


@pytest.mark.parametrize("killed_at", [1, 4, 7])
def test_killed_it_goes_on_at_the_slice_and_page_it_was_at(
    ready: Extracting, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    run_id = kill_at_page(ready, monkeypatch, killed_at)
    assert asked(ready) == ((killed_at + 1) // 2, killed_at - 1)
    ready.work_on(run_id)
    assert ready.stored(run_id).state == "done"
    assert asked(ready) == (SLICES, 2 * SLICES)
    ready.assert_same("Account")


@pytest.mark.parametrize("in_a_slice", [False, True])
def test_what_a_newer_version_stored_is_read_from_the_beginning(
    ready: Extracting, monkeypatch: pytest.MonkeyPatch, in_a_slice: bool
) -> None:
    run_id = kill_at_page(ready, monkeypatch, 4)
    with ready.app.app_context():
        [row] = db.session.get_one(Run, run_id).objects
        first, *others = row.progress["slices"]
        if in_a_slice:
            row.progress = row.progress | {"slices": [first | {"newer": 1}, *others]}
        else:
            row.progress = row.progress | {"newer": 1}
        db.session.commit()
    ready.work_on(run_id)
    assert ready.stored(run_id).state == "done"
    assert asked(ready) == (2 + SLICES, 3 + 2 * SLICES)
    ready.assert_same("Account")


def test_rows_that_come_and_go_between_the_slices(ready: Extracting, org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    original, lock, made = bulk.create_job, threading.Lock(), list[str]()
    ids = sorted(org.ids("Account"))

    def create(*arguments: object, **options: object) -> str:
        with lock:
            # Before each job, some rows of every slice go, and new ones come.
            number = len(made)
            org.do("Account", "delete", ids=ids[number::700][:10])
            org.do("Account", "insert", rows=[{"Name": f"New {number} {row}"} for row in range(5)])
            made.append(original(*arguments, **options))  # type: ignore[arg-type]
            return made[-1]

    with monkeypatch.context() as patch:
        patch.setattr(bulk, "create_job", create)
        ready.done()
    # One more may compare the Ids, because rows are too many.
    assert len(made) in {SLICES, SLICES + 1}
    here = [row["id"] for row in ready.table("Account")]
    assert len(set(here)) == len(here)
    # What came and went after its slice was read is a change for the next run.
    ready.done()
    ready.assert_same("Account", ("Name",))


def test_a_filter_stays_beside_the_ranges(ready: Extracting, org: Org) -> None:
    left_out, *wanted = org.ids("Account")
    ready.edit(**{"filter-Account": f"Name = 'nobody' OR Id != '{left_out}'"})
    ready.done()
    assert {row["id"] for row in ready.table("Account")} == set(wanted)
    assert asked(ready) == (SLICES, 2 * SLICES)


def test_each_slice_has_its_rows_in_a_table_of_several_orgs(ready: Extracting) -> None:
    ready.edit(combines_orgs="true", dataset="all_orgs")
    ready.done()
    ready.assert_same("Account")
    assert {row[ORG_ID_COLUMN] for row in ready.table("Account")} == {FIRST}


def test_each_slice_keeps_the_values_of_a_hidden_field(ready: Extracting, org: Org) -> None:
    ready.done()
    before = {row["id"]: row["industry"] for row in ready.table("Account")}
    org.do("Account", "hide", fields=["Industry"])
    visitor = ready.walk.visitor
    visitor.post(f"/extractions/{ready.id}/objects/Account/reload")
    ready.work_on(visitor.response.headers["Location"].rsplit("/", 1)[-1])
    ready.assert_same("Account", ("Name",))
    assert {row["id"]: row["industry"] for row in ready.table("Account")} == before


@pytest.mark.parametrize("choice", ["history-Account", "mark-Account"])
def test_what_is_chosen_while_it_is_stopped_holds_for_all_rows(
    ready: Extracting, org: Org, monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    gone = org.ids("Account")[:5]
    org.do("Account", "delete", ids=gone)
    run_id = kill_at_page(ready, monkeypatch, 4)
    ready.edit(**{choice: "on"})
    ready.work_on(run_id)
    assert ready.stored(run_id).state == "done"
    here = {row["id"]: row for row in ready.table("Account")}
    assert len(here) == (ROWS if choice == "mark-Account" else ROWS - len(gone))
    assert {row_id for row_id, row in here.items() if row["is_deleted"]} == (set(gone) & here.keys())


UNSORTED = {
    "totalSize": ROWS, "done": False, "nextRecordsUrl": "/services/data/v66.0/query/0r85g0000000000AAA-2000",
    "records": [{"Id": "001zz0000000001AAA"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, [{"errorCode": "MALFORMED_QUERY", "message": "no ORDER BY here"}]),
        (400, [{"errorCode": "QUERY_TIMEOUT", "message": "Your query request was running for too long."}]),
        (200, UNSORTED),
        (200, UNSORTED | {"nextRecordsUrl": "/services/data/v66.0/query/0r85g0000000000AAA"}),
        (200, UNSORTED | {"records": []}),
    ],
    ids=["refused", "too slow", "place unknown", "no number", "no rows"],
)
def test_where_the_ranges_are_not_told_one_job_reads_all(ready: Extracting, status: int, body: object) -> None:
    ready.walk.practice.fault("query", status=status, body=json.dumps(body))
    ready.done()
    ready.assert_same("Account")
    assert asked(ready) == (1, 7)


def test_where_too_few_jobs_are_left_one_job_reads_all(ready: Extracting) -> None:
    ready.walk.practice.change_org(daily_bulk_jobs=SLICES - 1)
    ready.done()
    ready.assert_same("Account")
    assert asked(ready) == (1, 7)


@pytest.mark.parametrize(
    "ended",
    [
        {"state": "Aborted"},
        {"state": "Failed"},
        {"state": "Failed", "errorMessage": "InternalServerError : Retried more than 15 times"},
    ],
)
def test_a_slice_whose_job_is_ended_by_salesforce_is_read_all_the_same(
    ready: Extracting, org: Org, ended: dict[str, str]
) -> None:
    ready.walk.practice.fault("job", body=json.dumps(ended), headers={"Content-Type": "application/json"})
    run = ready.done()
    assert run.objects[0].rows == ROWS
    ready.assert_same("Account")
    assert [note for note in run.objects[0].notes if ended.get("errorMessage", ended["state"]) in note]


def test_the_days_jobs_are_spent_in_the_middle(ready: Extracting, monkeypatch: pytest.MonkeyPatch) -> None:
    original, practice, lock, made = bulk.create_job, ready.walk.practice, threading.Lock(), list[str]()
    monkeypatch.setattr(slices, "AT_ONCE", 1)

    def create(*arguments: object, **options: object) -> str:
        with lock:
            if len(made) == 2:
                practice.change_org(daily_bulk_jobs=2)
                leave(ready, 3)
            made.append("")
        return original(*arguments, **options)  # type: ignore[arg-type]

    run_id = ready.start()
    with monkeypatch.context() as patch:
        patch.setattr(bulk, "create_job", create)
        ready.work_on(run_id)
    run = ready.stored(run_id)
    assert (run.state, run.problem) == ("paused", "salesforce.bulk_limit_reached")
    assert [each["is_read"] for each in run.objects[0].progress["slices"]] == [True, True, False, False]
    practice.change_org(daily_requests=15_000, daily_bulk_jobs=100)
    before = asked(ready)
    with time_machine.travel(utcnow() + BULK_PAUSE + timedelta(seconds=1)):
        ready.work_on(run_id)
    assert ready.stored(run_id).state == "done"
    assert (asked(ready)[0] - before[0], asked(ready)[1] - before[1]) == (2, 4)
    ready.assert_same("Account")


def test_a_cancelled_run_leaves_no_job_of_a_slice_behind(ready: Extracting) -> None:
    practice = ready.walk.practice
    practice.change_org(job_seconds=3600, daily_requests=20)
    run = ready.run()
    assert run.state == "paused"
    practice.change_org(daily_requests=15_000)
    ready.walk.visitor.post(f"/extractions/{ready.id}/runs/{run.id}/cancel")
    jobs = [each["job_id"] for each in run.objects[0].progress["slices"] if each["job_id"]]
    assert len(jobs) > 1
    before = practice.requests()["job"]
    with ready.app.app_context():
        abandoned_jobs.abort_all()
    # Each is aborted and deleted.
    assert practice.requests()["job"] - before == 2 * len(jobs)


def steps_of(name: str, number: int, error: Exception | None = None) -> Generator[str]:
    for step in range(number):
        yield f"{name}{step}"
    if error is not None:
        raise error


def collect(works: list[Callable[[], Generator[str]]], found: list[int]) -> None:
    for position, _ in slices.side_by_side(works):
        found.append(position)


def test_a_slice_that_waits_for_bulk_lets_the_others_go_on() -> None:
    found = list[int]()
    others: list[Callable[[], Generator[str]]] = [lambda: steps_of("b", 5)] * 4
    with pytest.raises(WaitsForBulk):
        collect([lambda: steps_of("a", 1, WaitsForBulk("limit")), *others], found)
    assert len(found) == 1 + 4 * 5


def test_a_slice_that_fails_stops_the_others_and_keeps_what_they_did() -> None:
    found, go_on = list[int](), threading.Event()

    def endless() -> Generator[str]:
        for step in count():
            yield str(step)
            assert go_on.wait(20)

    def fail() -> Generator[str]:
        yield "once"
        go_on.set()
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        collect([endless, fail, endless, endless, endless], found)
    assert {0, 1} <= set(found)
