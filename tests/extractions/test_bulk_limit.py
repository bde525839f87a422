"""Bulk's limit of the day is reached: REST reads what fits the API calls that are left, the rest waits and says why."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine

from datasync_flask.clock import utcnow
from datasync_flask.extractions.runs import lease
from datasync_flask.extractions.runs.endings import BULK_PAUSE
from datasync_flask.extractions.runs.formula_refresh import NO_CALLS_LEFT
from datasync_flask.extractions.runs.reading import Reader
from tests.support.extraction import Extracting, Org

JOBS = "Max bulk v2 query jobs (0) per 24 hrs has been reached"
SIZE = "Max bulk v2 query result size stored (976562 MB) per 24 hrs has been reached"


@pytest.fixture
def ready(extracting: Extracting, org: Org, warehouse: str) -> Extracting:
    """7,000 rows and 20,000: more than a bulk job costs."""
    org.do("Account", "generate", count=7000)
    org.do("Contact", "generate", count=20_000)
    extracting.make(["Account", "Contact"], warehouse)
    return extracting


def leave(extracting: Extracting, calls: int) -> None:
    """Have the org so many calls left until the extraction pauses, at 80 %."""
    practice = extracting.walk.practice
    told = practice.http.get("/services/data/v66.0/limits").headers["Sforce-Limit-Info"]
    used = int(told.partition("=")[2].partition("/")[0])
    practice.change_org(daily_requests=(used + calls) * 10 // 8)


def spent(extracting: Extracting, words: str) -> None:
    if words == JOBS:
        extracting.walk.practice.change_org(daily_bulk_jobs=0)
    else:
        body = json.dumps([{"errorCode": "LIMIT_EXCEEDED", "message": words}])
        extracting.walk.practice.fault("jobs", status=400, body=body, times=None)


@pytest.mark.parametrize("words", [JOBS, SIZE])
def test_what_fits_is_read_by_rest(ready: Extracting, words: str) -> None:
    spent(ready, words)
    run = ready.done()
    assert {row.name: row.rows for row in run.objects} == {"Account": 7000, "Contact": 20_000}
    ready.assert_same("Account")
    visitor = ready.walk.visitor
    visitor.get(f"/extractions/{ready.id}/runs/{run.id}")
    assert f"limit for the Bulk API was reached: LIMIT_EXCEEDED: {words}" in visitor.text


def test_formula_fields_wait_for_bulk_and_nothing_waits_for_them(
    extracting: Extracting, org: Org, warehouse: str
) -> None:
    """They take no calls that the run can't finish with: it would begin again each time, and never get to its end."""
    org.do("Account", "generate", count=20_000)
    ids = org.ids("Account")
    extracting.make(["Account"], warehouse)
    extracting.done()
    org.do("Account", "formula", ids=ids, values={"Age__c": 12345.5})
    org.do("Account", "update", ids=ids[:1], values={"Name": "Changed"})
    extracting.age_watermarks(days=1)
    spent(extracting, JOBS)
    leave(extracting, 14)
    (account,) = extracting.done().objects
    assert NO_CALLS_LEFT in account.notes
    assert next(row["name"] for row in extracting.table("Account") if row["id"] == ids[0]) == "Changed"
    extracting.walk.practice.change_org(daily_requests=15_000, daily_bulk_jobs=100)
    extracting.done()
    extracting.assert_same("Account", ("Name", "Age__c"))


def test_what_does_not_fit_waits_for_bulk_and_goes_on(ready: Extracting) -> None:
    practice = ready.walk.practice
    spent(ready, JOBS)
    leave(ready, 22)
    run_id = ready.start()
    ready.work_on(run_id)
    run = ready.stored(run_id)
    assert (run.state, run.problem) == ("paused", "salesforce.bulk_limit_reached")
    assert JOBS in run.problem_detail
    # Both are read side by side, and the calls are enough for whichever asks first.
    assert sorted(row.step for row in run.objects) == ["done", "reading"]
    visitor = ready.walk.visitor
    visitor.get(f"/extractions/{ready.id}/runs/{run_id}")
    assert "Bulk API limit reached" in visitor.text
    assert "API calls are used today" not in visitor.text
    assert JOBS in visitor.text

    practice.change_org(daily_requests=15_000, daily_bulk_jobs=100)
    with time_machine.travel(utcnow() + BULK_PAUSE + timedelta(seconds=1)), ready.app.app_context():
        assert lease.due(utcnow()) == [run_id]
        ready.work_on(run_id)
    assert ready.stored(run_id).state == "done"
    ready.assert_same("Account")
    ready.assert_same("Contact", ("LastName",))


def test_a_result_that_is_half_read_goes_on_where_it_was(
    extracting: Extracting, org: Org, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    org.do("Account", "generate", count=7000)
    extracting.make(["Account"], warehouse)
    practice, original = extracting.walk.practice, Reader._read_page
    practice.change_org(result_page_rows=1000)
    leave(extracting, 15)

    def read(reader: Reader) -> None:
        if reader.progress.pages == 3 and practice.requests().get("results") == 3:
            body = json.dumps([{"errorCode": "LIMIT_EXCEEDED", "message": SIZE}])
            practice.fault("results", status=400, body=body, times=None)
        original(reader)

    monkeypatch.setattr(Reader, "_read_page", read)
    run_id = extracting.start()
    extracting.work_on(run_id)
    run = extracting.stored(run_id)
    assert (run.state, run.problem_detail) == ("paused", f"LIMIT_EXCEEDED: {SIZE}")

    practice.clear_faults()
    practice.change_org(daily_requests=15_000)
    with time_machine.travel(utcnow() + BULK_PAUSE + timedelta(seconds=1)):
        extracting.work_on(run_id)
    assert extracting.stored(run_id).state == "done"
    asked = practice.requests()
    assert (asked["jobs"], asked["results"]) == (1, 3 + 1 + 4)
    extracting.assert_same("Account")


def test_what_no_day_of_rest_can_read_is_told_before_its_calls_are_spent(
    ready: Extracting, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 7,000 rows take 35 calls, 20,000 take 100.
    monkeypatch.setattr("datasync_flask.practice_org.query_views.REST_PAGE", 200)
    body = json.dumps([{"errorCode": "FeatureNotEnabled", "message": "Async API not enabled"}])
    ready.walk.practice.fault("jobs", status=400, body=body, times=None)
    leave(ready, 60)
    run_id = ready.start()
    ready.work_on(run_id)
    run = ready.stored(run_id)
    assert {row.name: row.step for row in run.objects} == {"Account": "done", "Contact": "failed"}
    ready.assert_same("Account")
    visitor = ready.walk.visitor
    visitor.get(f"/extractions/{ready.id}/runs/{run_id}")
    assert "Async API not enabled; REST would take 100 calls" in visitor.text
