"""A page of a bulk result that doesn't come is asked for with half the rows, down to a floor; then it is told."""

from __future__ import annotations

import httpx2
import pytest

from datasync_flask.extractions.runs import reading, runner
from datasync_flask.salesforce.api import Policy
from tests.support.extraction import Extracting, Org

# How long an answer may keep silent here, and how long a hanging one does.
PATIENCE, HANGS = 4.0, 6.0


@pytest.fixture
def ready(extracting: Extracting, org: Org, warehouse: str, monkeypatch: pytest.MonkeyPatch) -> Extracting:
    """7,000 rows."""
    org.do("Account", "generate", count=7000)
    extracting.make(["Account"], warehouse)
    monkeypatch.setattr(runner, "PATIENT", Policy(httpx2.Timeout(PATIENCE), 60.0, 5))
    return extracting


@pytest.mark.parametrize("rows", [4000, 1400], ids=["page after page", "side by side"])
def test_half_the_rows_come(ready: Extracting, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(reading, "rows_per_page", lambda _: rows)
    monkeypatch.setattr(reading, "MIN_ROWS_PER_PAGE", 500)
    ready.walk.practice.fault("results", kind="hang", seconds=HANGS)
    run = ready.done()
    ready.assert_same("Account")
    ready.walk.visitor.get(f"/extractions/{ready.id}/runs/{run.id}")
    assert f"it was asked for {rows // 2:,} rows at a time" in ready.walk.visitor.text


def test_at_the_floor_it_is_told_and_goes_on_later(ready: Extracting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "rows_per_page", lambda _: 4000)
    monkeypatch.setattr(reading, "MIN_ROWS_PER_PAGE", 2000)
    # Once as asked for at first, three times as small as it gets.
    ready.walk.practice.fault("results", kind="hang", seconds=HANGS, times=4)
    run = ready.run()
    assert (run.state, run.problem) == ("paused", "run.no_progress")
    ready.walk.visitor.get(f"/extractions/{ready.id}/runs/{run.id}")
    assert "a page of 2000 rows didn't come: no answer from 127.0.0.1" in ready.walk.visitor.text
