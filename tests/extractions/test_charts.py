"""Charts of an extraction's runs: what each bar says, full loads off the scale, failures marked, nothing for zero."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from flask import Flask

from datasync_flask.extractions import charts
from datasync_flask.extractions.models import Run, RunObject, RunState
from tests.support.clock import NOON
from tests.support.extraction import Extracting, Org


def a_run(place: int, rows: int, seconds: int, *, is_whole: bool = False, state: RunState = RunState.DONE) -> Run:
    at: datetime = NOON + timedelta(hours=place)
    row = RunObject(name="Account", step="done" if state == RunState.DONE else "failed", is_whole=is_whole, rows=rows)
    ended = at + timedelta(seconds=seconds)
    return Run(id=f"{place:016}", state=state, queued_at=at, started_at=at, ended_at=ended, objects=[row])


RUNS = [
    a_run(0, 229_083, 58, is_whole=True),
    a_run(1, 420, 3),
    a_run(2, 0, 2),
    a_run(3, 0, 9, state=RunState.FAILED),
    a_run(4, 1033, 5),
]


@pytest.fixture
def drawn(app: Flask) -> list[charts.Chart]:
    with app.test_request_context():
        return charts.of_runs(list(reversed(RUNS)))


def test_the_scale_is_that_of_changes(drawn: list[charts.Chart]) -> None:
    rows, duration = drawn
    assert [line.text for line in rows.lines] == ["0", "1,000", "2,000"]
    assert [line.text for line in duration.lines] == ["0 s", "5 s", "10 s"]


def test_each_bar_has_its_kind_height_and_number(drawn: list[charts.Chart]) -> None:
    rows, duration = drawn
    assert [point.kind for point in rows.points] == ["full", "column", "column", "failed", "column"]
    assert [point.text for point in rows.points] == ["229,083", "420", "0", "0", "1,033"]
    assert [point.text for point in duration.points] == ["58 s", "3 s", "2 s", "9 s", "5 s"]
    heights = [point.height for point in rows.points]
    assert heights[2:4] == [0, 0]
    plot = charts.BOTTOM - charts.TOP
    assert heights[1] == pytest.approx(plot * 420 / 2000, abs=0.1)
    assert heights[4] == pytest.approx(plot * 1033 / 2000, abs=0.1)
    assert [point.run_id for point in rows.points] == [run.id for run in RUNS]
    assert rows.moments == [RUNS[0].queued_at, RUNS[2].queued_at, RUNS[4].queued_at]


def test_runs_that_always_load_everything_are_on_the_scale(app: Flask) -> None:
    with app.test_request_context():
        (rows, _) = charts.of_runs([a_run(1, 900, 600, is_whole=True), a_run(0, 800, 500, is_whole=True)])
    assert {point.kind for point in rows.points} == {"column"}
    assert [line.text for line in rows.lines] == ["0", "500", "1,000"]


@pytest.mark.parametrize(
    ("rows", "seconds", "text"),
    [(0, 0, ["2", "2 s"]), (3, 11, ["4", "20 s"]), (11, 121, ["20", "4 min"]), (90, 7000, ["100", "3 h 20 min"])],
)
def test_a_scale_ends_with_a_round_number(app: Flask, rows: int, seconds: int, text: list[str]) -> None:
    with app.test_request_context():
        assert [chart.lines[-1].text for chart in charts.of_runs([a_run(0, rows, seconds)])] == text


def test_the_page_draws_them_with_a_table(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=5)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date"})
    extracting.done()
    extracting.age_watermarks(hours=-1)
    extracting.done()
    visitor = extracting.walk.visitor
    visitor.get(f"/extractions/{extracting.id}")
    figure = visitor.page.xpath("//figure[.//b[@id='chart-rows']]")[0]
    said = [point.get("aria-label") for point in figure.xpath(".//*[contains(@class, 'point')]")]
    assert said == ["Rows: 5, Done, full load", "Rows: 0, Done"]
    assert len(figure.xpath(".//a/*[@class='full']")) == 1
    assert figure.xpath(".//a/*[starts-with(@class, 'column')]") == []
    table = [[" ".join(cell.text_content().split()) for cell in row][1:] for row in figure.xpath(".//tbody/tr")]
    assert table == [["5", "Done, full load"], ["0", "Done"]]
    assert not visitor.page.xpath("//*[@style]")
