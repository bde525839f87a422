"""Salesforce, or the way to it, is away for longer than a request is tried: the run pauses and goes on where it was."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_flask.clock import utcnow
from datasync_flask.extractions.runs import reading, states
from datasync_flask.extractions.runs.page_files import Page
from datasync_flask.extractions.runs.reading import Reader
from tests.support.extraction import Extracting, Org

PAGES, READ = 7, 3
AWAY: dict[str, dict[str, Any]] = {
    "maintenance": {"status": 503, "body": "<html>Down for maintenance</html>", "headers": {"Content-Type": "text/html"}},
    "server_error": {"status": 502, "body": ""},
    "connection_failed": {"kind": "reset"},
    "too_many_requests": {"status": 429, "body": ""},
}  # fmt: skip


@pytest.fixture
def ready(extracting: Extracting, org: Org, warehouse: str, monkeypatch: pytest.MonkeyPatch) -> Extracting:
    """Seven pages, one after the other; no time passes between two tries of a request."""
    org.do("Account", "generate", count=PAGES * 1000)
    extracting.walk.practice.change_org(result_page_rows=1000)
    extracting.make(["Account"], warehouse)
    monkeypatch.setattr(reading, "PAGES_IN_A_ROW", 100)
    monkeypatch.setattr("datasync_flask.salesforce.tries.FIRST_PAUSE", 0.0)
    return extracting


def go_away(ready: Extracting, monkeypatch: pytest.MonkeyPatch, problem: str) -> None:
    """Have Salesforce be away as soon as some pages are read for the first time."""
    original, moments = Reader._keep, iter([READ])

    def keep(self: Reader, page: Page) -> None:
        original(self, page)
        if self.progress.pages == READ and next(moments, None):
            ready.walk.practice.fault("results", **AWAY[problem], times=None)

    monkeypatch.setattr(Reader, "_keep", keep)


@pytest.mark.parametrize("problem", AWAY)
def test_a_run_pauses_and_goes_on_where_it_was(
    ready: Extracting, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    go_away(ready, monkeypatch, problem)
    run_id = ready.start()
    for times, pause in enumerate(states.STALL_PAUSES, 1):
        run = ready.go_on(run_id)
        assert (run.state, run.problem, run.stalls) == ("paused", f"salesforce.{problem}", times)
        assert run.due_at is not None
        assert pause / 2 < run.due_at - utcnow() <= pause
    ready.walk.visitor.get(f"/extractions/{ready.id}/runs/{run_id}")
    assert "The run continues by itself where it was, after longer and longer pauses." in ready.walk.visitor.text
    assert "run again" not in ready.walk.visitor.text
    ready.walk.practice.clear_faults()
    before = ready.walk.practice.requests()["results"]
    assert ready.go_on(run_id).state == "done"
    assert ready.walk.practice.requests()["results"] - before == PAGES - READ
    ready.assert_same("Account")


def test_if_salesforce_stays_away_the_run_fails_in_the_end(ready: Extracting, monkeypatch: pytest.MonkeyPatch) -> None:
    go_away(ready, monkeypatch, "maintenance")
    run_id = ready.start()
    for _ in range(len(states.STALL_PAUSES) + 1):
        run = ready.go_on(run_id)
    assert (run.state, run.problem) == ("failed", "salesforce.maintenance")
    assert run.problem_detail.startswith("5 times in a row.")
    ready.walk.visitor.get(f"/extractions/{ready.id}/runs/{run_id}")
    assert "Then run again: nothing is lost." in ready.walk.visitor.text
    ready.walk.practice.clear_faults()
    ready.done()
    ready.assert_same("Account")
