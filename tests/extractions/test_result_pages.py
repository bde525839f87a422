"""A bulk result's pages are fetched side by side, kept in order, and counted; odd lists of pages do no harm."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from datasync_flask.destinations.base import Column, ColumnType
from datasync_flask.extractions.runs.endings import Stopped
from datasync_flask.extractions.runs.plan import Choice, make_plan
from datasync_flask.extractions.runs.progress import Progress
from datasync_flask.extractions.runs.reading import Reader
from datasync_flask.extractions.runs.side_by_side import AHEAD
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.descriptions import Field, ObjectDescription
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.oauth import TokenAnswer
from tests.support.extraction import Extracting, Org
from tests.support.results import JOB, PAGE_ROWS, Results, serving

OBJECT = ObjectDescription("Account", "Account", (Field("Id", "Id", "id"), Field("Name", "Name", "string")))
PAGES = 12


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasync_flask.extractions.runs.reading.rows_per_page", lambda _: PAGE_ROWS)


@pytest.fixture
def results() -> Iterator[Results]:
    with serving(PAGES) as found:
        yield found


def reader(
    results: Results,
    folder: Path,
    progress: Progress | None = None,
    *,
    wait: Callable[[float], None] = lambda _: None,
    refresh: Callable[[TokenAnswer], TokenAnswer] = lambda stale: stale,
    version: str = "66.0",
) -> Reader:
    api = SalesforceApi(
        TokenAnswer("token", "", results.origin, "", ()), version, refresh, (results.origin,), wait=wait
    )
    plan = make_plan(OBJECT, Choice("Account", "none"), datetime.now(UTC))
    columns = {"Id": Column("id", ColumnType.TEXT), "Name": Column("name", ColumnType.TEXT)}
    return Reader(api, plan, columns, folder, progress or Progress(job_id=JOB))


def read(reader: Reader) -> list[int]:
    with reader.api:
        for _ in reader.read():
            pass
    return ids(reader)


def ids(reader: Reader) -> list[int]:
    return [int(row) for file in reader.files() for row in pq.read_table(file).column("id").to_pylist()]


ALL = list(range(PAGES * PAGE_ROWS))


def documented(results: Results, first: int) -> dict[str, Any]:
    base, following = f"/services/data/v66.0/jobs/query/{JOB}", results.next_of(first)
    links = [{"resultUrl": f"{results.origin}{base}/results?{results.query(n)}"} for n in results.numbers(first)]
    return {"resultPages": links} | (
        {"nextRecordUrl": f"{results.origin}{base}/resultPages?{following}"} if following else {}
    )


def whole_paths(results: Results, first: int) -> dict[str, Any]:
    base, following = f"/services/data/v66.0/jobs/query/{JOB}", results.next_of(first)
    links = [{"resultUrl": f"{base}/results?{results.query(n)}"} for n in results.numbers(first)]
    return {"resultPages": links, "nextRecordsUrl": following and f"{base}/resultPages?{following}"}


def done_with_an_address(results: Results, first: int) -> dict[str, Any]:
    found = results.chunks(first)
    return found if not found["done"] else found | {"nextRecordsUrl": f"/jobs/query/{JOB}/resultPages?locator=p99"}


@pytest.mark.parametrize("shape", [Results.chunks, documented, whole_paths, done_with_an_address])
def test_every_known_form_of_a_list(
    results: Results, tmp_path: Path, shape: Callable[[Results, int], dict[str, Any]]
) -> None:
    results.listing = lambda first: shape(results, first)
    assert read(reader(results, tmp_path)) == ALL
    assert results.asked["list"] == 3
    assert results.asked["page"] == PAGES
    assert results.linked == set(range(PAGES))


ODD: dict[str, Callable[[Results, int], Any]] = {
    "not there": lambda *_: (404, '[{"errorCode":"NOT_FOUND","message":"not found"}]'),
    "not there, no JSON": lambda *_: (404, "<html>404</html>"),
    "not ready": lambda *_: (204, ""),
    "fails": lambda *_: (500, '[{"errorCode":"UNKNOWN_EXCEPTION","message":"oops"}]'),
    "refused": lambda *_: (400, '[{"errorCode":"INVALIDJOB","message":"no"}]'),
    "no JSON": lambda *_: (200, "Hello"),
    "a list": lambda *_: [],
    "nothing": lambda *_: {},
    "null": lambda *_: {"resultChunks": None, "nextRecordsUrl": None},
    "texts": lambda *_: {"resultChunks": ["a", "b"]},
    "numbers": lambda *_: {"resultChunks": [{"resultLink": 5}]},
    "another job": lambda *_: {"resultChunks": [{"resultLink": "/jobs/query/750000000000002AAA/results?locator=p0"}]},
    "upwards": lambda *_: {"resultChunks": [{"resultLink": f"/jobs/query/{JOB}/../../x/results?locator=p0"}]},
    "no port": lambda *_: {"resultChunks": [{"resultLink": "http://host:port/"}]},
    "a bracket": lambda *_: {"resultChunks": [{"resultLink": "http://[/"}]},
    "twice the same": lambda results, _: {
        "resultChunks": [{"resultLink": f"/jobs/query/{JOB}/results?{results.query(0)}"}] * 2
    },
    "no pages, but more": lambda *_: {"resultChunks": [], "nextRecordsUrl": f"/jobs/query/{JOB}/resultPages?a=b"},
    "in a circle": lambda results, _: results.chunks(0),
    "the second is gone": lambda results, first: (404, "") if first else results.chunks(first),
    "the second is odd": lambda results, first: {"a": 1} if first else results.chunks(first),
    "ends too early": lambda results, first: results.chunks(first) | {"done": True},
    "a page is left out": lambda results, first: (
        results.chunks(first) | {"resultChunks": results.chunks(first)["resultChunks"][1:]}
    ),
    "a page is elsewhere": lambda results, first: (
        results.chunks(first) | {"resultChunks": [*results.chunks(first)["resultChunks"], {"resultLink": "x"}]}
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_where_the_list_is_odd_each_page_tells_of_the_next(results: Results, tmp_path: Path, name: str) -> None:
    results.listing = lambda first: ODD[name](results, first)
    assert read(reader(results, tmp_path)) == ALL


def test_no_token_goes_to_another_host(results: Results, tmp_path: Path) -> None:
    with serving(PAGES) as stranger:
        for origin in (stranger.origin, stranger.origin.replace("http:", ""), results.origin.replace("//", "//x@")):
            results.listing = lambda first, origin=origin: {
                "resultPages": [
                    {"resultUrl": f"{origin}/services/data/v66.0/jobs/query/{JOB}/results?{results.query(n)}"}
                    for n in results.numbers(first)
                ]
            }
            assert read(reader(results, tmp_path)) == ALL
        assert not stranger.asked
    assert not results.linked


def test_an_org_of_an_older_version_isnt_asked_for_lists(results: Results, tmp_path: Path) -> None:
    older = reader(results, tmp_path, version="57.0")
    with older.api, pytest.raises(SalesforceError):
        # The server has version 66.0 only.
        list(older.read())
    assert not results.asked["list"]


def test_small_results_cost_no_list(tmp_path: Path) -> None:
    with serving(2) as results:
        assert read(reader(results, tmp_path)) == ALL[: 2 * PAGE_ROWS]
        assert not results.asked["list"]


def test_five_at_once_and_never_more(results: Results, tmp_path: Path) -> None:
    five = threading.Event()

    def answer(_: int) -> None:
        # Nobody is answered before five have asked: one after the other would never end.
        if results.open == 5:
            five.set()
        assert five.wait(20)

    results.odd_page = answer
    assert read(reader(results, tmp_path)) == ALL
    assert results.most == 5


def test_a_slow_page_keeps_the_others_waiting_but_not_for_ever_more(tmp_path: Path) -> None:
    with serving(40) as results:
        others, asked = threading.Event(), []

        def answer(number: int) -> None:
            if number == 0:
                assert others.wait(20)
                asked.extend(results.fetched)
            elif number == AHEAD - 1:
                others.set()

        results.odd_page = answer
        found = reader(results, tmp_path)
        assert read(found) == list(range(40 * PAGE_ROWS))
        # What is ahead has an end, so that memory and disk have one.
        assert max(asked) == AHEAD - 1


@pytest.mark.parametrize("status", [429, 503])
def test_an_org_that_refuses_is_asked_by_fewer_at_once(results: Results, tmp_path: Path, status: int) -> None:
    counts: list[int] = []

    def answer(number: int) -> tuple[int, str] | None:
        counts.append(found.api.lanes.count)
        return (status, "") if number < 5 and results.fetched.count(number) == 1 else None

    results.odd_page = answer
    found = reader(results, tmp_path)
    assert read(found) == ALL
    assert min(counts) < 5


def test_a_killed_run_goes_on_at_the_page_it_was_at(results: Results, tmp_path: Path) -> None:
    for killed_at in (3, 5, 7):
        folder = tmp_path / str(killed_at)
        first, kept = reader(results, folder), {}
        with first.api:
            reading = first.read()
            for _ in range(killed_at):
                next(reading)
            kept = asdict(first.progress)
            reading.close()
        results.fetched.clear()
        results.asked.clear()
        again = reader(results, folder, Progress(**kept))
        assert read(again) == ALL
        assert sorted(results.fetched) == list(range(killed_at, PAGES))
        assert results.linked == set(range(PAGES))
        assert results.asked["list"] == (3 if killed_at < 5 or kept["listed"] == 5 else 2)


def test_a_run_that_stops_keeps_what_came(results: Results, tmp_path: Path) -> None:
    is_stopped, pages = threading.Event(), 0

    def wait(seconds: float) -> None:
        if is_stopped.is_set():
            raise Stopped

    def read_until_stopped() -> None:
        nonlocal pages
        for _ in first.read():
            pages += 1
            is_stopped.set()

    first = reader(results, tmp_path, wait=wait)
    with first.api, pytest.raises(Stopped):
        read_until_stopped()
    assert first.progress.pages == pages
    assert ids(first) == ALL[: pages * PAGE_ROWS]
    kept = Progress(**asdict(first.progress))
    assert read(reader(results, tmp_path, kept)) == ALL


def test_five_that_meet_an_ended_session_renew_the_token_once(results: Results, tmp_path: Path) -> None:
    renewed: list[str] = []
    held = TokenAnswer("token", "", results.origin, "", ())
    lock = threading.Lock()

    def refresh(stale: TokenAnswer) -> TokenAnswer:
        nonlocal held
        with lock:
            if held.access_token == stale.access_token:
                renewed.append(stale.access_token)
                held = TokenAnswer("another", "", results.origin, "", ())
            return held

    def refuse(authorization: str) -> tuple[int, str] | None:
        is_old = authorization == "Bearer token" and results.asked["page"] >= 3
        return (401, '[{"errorCode":"INVALID_SESSION_ID","message":"Session expired"}]') if is_old else None

    results.refuse = refuse
    found = reader(results, tmp_path, refresh=refresh)
    assert read(found) == ALL
    assert renewed == ["token"]
    assert found.api.calls == sum(results.asked.values()) + 1


@pytest.mark.parametrize("times", [1, 2])
def test_a_page_with_other_rows_than_its_header_is_fetched_again_then_told(
    results: Results, tmp_path: Path, times: int
) -> None:
    results.rows_in_header = lambda number: (
        PAGE_ROWS + 1 if number == 4 and results.fetched.count(4) <= (1 if times == 1 else 99) else PAGE_ROWS
    )
    found = reader(results, tmp_path)
    if times == 1:
        assert read(found) == ALL
        assert results.fetched.count(4) == 2
        return
    with pytest.raises(SalesforceError) as error:
        read(found)
    assert error.value.problem is Problem.ROWS_DIFFER
    assert error.value.problem.is_about_the_request
    assert "a page of 11 rows has 10 in its body" in error.value.detail


@pytest.mark.parametrize("told", [PAGES * PAGE_ROWS + 1, PAGES * PAGE_ROWS - 1])
def test_a_job_with_other_rows_than_its_pages_is_read_again_then_told(
    results: Results, tmp_path: Path, told: int
) -> None:
    results.told = told
    with pytest.raises(SalesforceError) as error:
        read(reader(results, tmp_path))
    assert error.value.problem is Problem.ROWS_DIFFER
    assert error.value.detail == f"a job of {told} rows has {PAGES * PAGE_ROWS} in its pages"
    assert results.asked["page"] == 2 * PAGES


@pytest.mark.slow
@pytest.mark.parametrize("form", ["chunks", "documented", ""])
def test_a_whole_run(
    extracting: Extracting, org: Org, warehouse: str, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr("datasync_flask.extractions.runs.reading.rows_per_page", lambda _: 1000)
    org.do("Account", "generate", count=7000)
    extracting.walk.practice.change_org(result_pages=form)
    extracting.make(["Account"], warehouse)
    extracting.walk.practice.expire()
    extracting.done()
    extracting.assert_same("Account")
    asked = extracting.walk.practice.requests()
    assert (asked["results"], asked["resultPages"]) == (7, 2 if form else 1)


@pytest.mark.slow
def test_a_difference_fails_its_object_alone_with_words_of_its_own(
    extracting: Extracting, org: Org, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    org.do("Account", "generate", count=7000)
    org.do("Contact", "generate", count=10)
    extracting.make(["Account", "Contact"], warehouse)
    monkeypatch.setattr("datasync_flask.extractions.runs.reading.rows_per_page", lambda _: 1000)
    monkeypatch.setattr("datasync_flask.salesforce.bulk.number_of", lambda _: 7001)
    run = extracting.run()
    problems = {row.name: (row.problem, row.problem_detail) for row in run.objects}
    assert problems["Account"] == ("salesforce.rows_differ", "a job of 7001 rows has 7000 in its pages")
    assert problems["Contact"] == ("", "")
    extracting.walk.visitor.get(f"/extractions/{extracting.id}/runs/{run.id}")
    assert "twice another number came" in extracting.walk.visitor.text
