"""Differences between Salesforce and the destination over several runs: new, lasting, healed, and none at all."""

from __future__ import annotations

import pytest

from datasync_flask.extractions import gaps
from datasync_flask.extractions.models import Run, RunObject, RunState
from tests.support.extraction import Extracting, Org


def a_run(source: int, target: int, *, is_whole: bool = False, state: RunState = RunState.DONE) -> Run:
    step = "done" if state == RunState.DONE else "failed"
    row = RunObject(name="Contact", step=step, is_whole=is_whole, source_count=source, target_count=target, rows=1)
    return Run(state=state, objects=[row])


@pytest.mark.parametrize(
    ("counts", "runs", "stays"),
    [
        # Newest first.
        ([(105, 100)], 1, False),
        ([(105, 100), (105, 100)], 2, True),
        ([(105, 100), (103, 100)], 2, False),
        ([(105, 100), (103, 100), (102, 100)], 3, True),
        ([(105, 100), (100, 100), (105, 100)], 1, False),
        ([(105, 100), (95, 100)], 1, False),
    ],
)
def test_what_stays(counts: list[tuple[int, int]], runs: int, stays: bool) -> None:
    found = gaps.over_runs([a_run(*each) for each in counts], {"Contact": "date_deletes"})["Contact"]
    assert (found.runs, found.stays, found.rows) == (runs, stays, 5)


def test_a_full_load_begins_again_and_failures_say_nothing() -> None:
    history = [a_run(105, 100), a_run(105, 100, state=RunState.FAILED), a_run(105, 100, is_whole=True), a_run(105, 100)]
    assert gaps.over_runs(history, {"Contact": "date"})["Contact"].runs == 2


def test_rows_that_stay_by_choice_are_no_difference() -> None:
    assert gaps.over_runs([a_run(100, 105)], {"Contact": "date"}) == {}
    assert gaps.over_runs([a_run(100, 105)], {"Contact": "date_deletes"})["Contact"].rows == 5
    assert not gaps.is_problem(a_run(100, 105), {"Contact": "date"})
    assert gaps.is_problem(a_run(105, 100), {"Contact": "date"})


def shown(extracting: Extracting, path: str = "") -> str:
    extracting.walk.visitor.get(f"/extractions/{extracting.id}{path}")
    return extracting.walk.visitor.text


def home(extracting: Extracting) -> str:
    extracting.walk.visitor.get("/")
    return " ".join(extracting.walk.visitor.page.body.text_content().split())


def test_a_gap_is_new_then_stays_then_is_healed(extracting: Extracting, org: Org, duckdb: str) -> None:
    org.do("Account", "generate", count=5)
    extracting.make(["Account"], duckdb, **{"tracking_type-Account": "date"})
    first = extracting.done()
    text = shown(extracting, f"/runs/{first.id}")
    assert "5 rows are in duckdb." in text
    assert "Every count matches Salesforce." in text
    assert "View the data" in text
    # Imported with dates of long ago: no run by changes sees them.
    made = org.do("Account", "insert", rows=[{"Name": "a"}, {"Name": "b"}])
    old = {"SystemModstamp": "2001-01-01T00:00:00.000+00:00", "LastModifiedDate": "2001-01-01T00:00:00.000+00:00"}
    org.do("Account", "formula", ids=made, values=old)
    text = shown(extracting, f"/runs/{extracting.done().id}")
    assert "Done, 1 difference" in text
    assert "If they were added during the run, the next run should load them." in text
    assert not extracting.walk.visitor.page.xpath("//*[@aria-labelledby='differences']//form")
    assert "Every count matches" not in text
    assert "rows are missing" not in shown(extracting)
    assert "rows are missing" not in home(extracting)
    text = shown(extracting, f"/runs/{extracting.done().id}")
    assert "Still 2 fewer than in Salesforce, the same gap as last time." in text
    assert "should load them" not in text
    assert extracting.walk.visitor.page.xpath("//*[@aria-labelledby='differences']//form//button/text()") == [
        "Reload Account"
    ]
    text = shown(extracting)
    assert "Account: 2 rows are missing in duckdb" in text
    assert "The difference has been there for 2 runs" in text
    assert "Account: 2 rows are missing in duckdb. Normal runs don’t fix this. Reload Account" in home(extracting)
    assert "1 needs attention" in home(extracting)
    extracting.walk.visitor.get("/extractions?state=problems")
    assert extracting.walk.visitor.page.xpath("//tbody//*[@data-tone='warning']/text()") == ["Done, 1 difference"]
    assert "2 fewer" in text
    problems = shown(extracting, "?runs=problems")
    assert "Problems 2" in problems
    assert len(extracting.walk.visitor.page.xpath("//section[@aria-labelledby='runs']//tbody/tr")) == 2
    visitor = extracting.walk.visitor
    # A language has plurals of its own.
    visitor.post("/language", {"language": "de", "next": "/"})
    assert visitor.get(f"/extractions/{extracting.id}").status_code == 200
    visitor.post("/language", {"language": "en", "next": "/"})
    answer = visitor.post(f"/extractions/{extracting.id}/objects/Account/reload")
    extracting.work_on(answer.headers["Location"].rsplit("/", 1)[-1])
    assert "rows are missing" not in shown(extracting)
    assert "needs attention" not in home(extracting).lower()
    extracting.assert_same("Account")


def test_german_texts_and_numbers(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=1234)
    extracting.make(["Account"], warehouse)
    run = extracting.done()
    visitor = extracting.walk.visitor
    visitor.post("/language", {"language": "de", "next": "/"})
    text = shown(extracting)
    assert "15.000" in text
    assert "1.234" in text
    assert "1,234" not in text
    text = shown(extracting, f"/runs/{run.id}")
    assert "1.234" in text
    assert "1,234" not in text
    assert "1.234" in shown(extracting, "/data/Account")


def test_a_deletion_counts_once(extracting: Extracting, org: Org, destination: str) -> None:
    org.do("Account", "generate", count=4)
    extracting.make(["Account"], destination, **{"tracking_type-Account": "date_deletes"})
    extracting.done()
    org.do("Account", "delete", ids=org.ids("Account")[:1])
    # The second run reads the minutes before the first one again.
    assert [extracting.done().objects[0].deleted for _ in range(2)] == [1, 0]
    org.do("Account", "delete", ids=org.ids("Account")[:1])
    assert extracting.done().objects[0].deleted == 1
    extracting.assert_same("Account")


@pytest.mark.parametrize("fields", [{"mark-Account": "on"}, {"history-Account": "on"}])
def test_a_deletion_counts_once_when_rows_stay(
    extracting: Extracting, org: Org, warehouse: str, fields: dict[str, str]
) -> None:
    org.do("Account", "generate", count=3)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date_deletes"})
    extracting.edit(**fields)
    extracting.done()
    org.do("Account", "delete", ids=org.ids("Account")[:1])
    assert [extracting.done().objects[0].deleted for _ in range(2)] == [1, 0]
