"""The benchmarks still run: small sizes, no time asserted. `make bench-smoke` runs this."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import before as before_report
from benchmarks import (
    destinations,
    extraction,
    growth,
    measured_there,
    pages,
    plots,
    polling,
    propagation,
    propagation_load,
    setting,
    side_by_side,
    weight,
)
from datasync_flask.extractions import forecast


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "FOLDER", tmp_path)


def test_setting() -> None:
    assert "| tap-salesforce | " in setting.report("python -m benchmarks")


def test_waiting_for_propagation() -> None:
    measured = propagation.measure(2, interval=0.5, longest=2)
    assert len(measured[0]) == 2
    assert all(one.delay >= 0 for one in measured[0])
    assert "2 connections at once" in propagation.report(measured, 0.5)


def test_propagation_load() -> None:
    at_work, slow = propagation_load.work(3, interval=1, seconds=3), propagation_load.work(3, 1, 3, answer_seconds=0.1)
    assert at_work.requests >= 1
    assert at_work.probes > 0
    assert slow.probes > 0
    waiting = propagation_load.simulate(5, at_work.requests)
    assert "## Propagation of 5 connections" in propagation_load.report((waiting, at_work, slow))
    assert "delays.svg" in plots.delays(waiting)
    # Each probe is shown by a poll of its own, and there is little to ask in between.
    assert propagation_load.probes_a_second(waiting) < propagation_load.polls_a_second(waiting) < 1 / 3


def test_merging() -> None:
    timings = destinations.measure(50)
    assert [each.kind for each in timings] == ["SQLite", "MariaDB"]
    assert "| SQLite |" in destinations.report(50, timings)


def test_extraction(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = extraction.measure(40)
    assert {cost.rows for cost in costs} == {40, 1}
    report = extraction.report({40: costs})
    assert all(f"| {peer}, postgresql, everything | 40 |" in report for peer in extraction.PEERS)
    assert "| 40 | duckdb | 1 % changed |" in report
    assert "rates-40.svg" in plots.rates(costs)
    assert "cost-per-row.svg" in plots.cost_per_row({40: costs})

    lines = (side_by_side.LOOPBACK, side_by_side.Line(0, 50, 100_000))
    monkeypatch.setattr(side_by_side, "LINES", lines)
    monkeypatch.setattr(forecast, "SLICE_ROWS", 20_000)
    report = side_by_side.report(60_000, side_by_side.measure(60_000), costs)
    assert "3 pages of 20,000 rows and 30 fields" in report
    assert "| plain loopback | " in report
    assert "| 0 s, 50 MB/s, jobs prepared at 100,000 rows/s | " in report
    assert "Over plain loopback, pages side by side are read at " in report


def test_growth() -> None:
    measured = growth.measure(40, workers=(1, 2), extractions=2)
    assert [each.workers for each in measured.grown] == [1, 2]
    assert all(each.seconds > 0 for each in measured.grown)
    assert f"| 2 | {measured.grown[1].seconds:.1f} |" in growth.report(measured)
    assert "growth.svg" in plots.growth(measured.grown)


def test_polls_and_pages() -> None:
    measured = pages.measure((20, 30), times=5)
    assert "The largest list takes" in pages.report(measured)
    assert "lists.svg" in plots.lists(measured.lists)


def test_polls_as_they_are_served() -> None:
    served = polling.measure(1)
    assert len(served) == 4 * len(polling.CONNECTIONS)
    assert all(each.rate > 0 for each in served)
    assert "500 open pages" in polling.report(served)


def test_start_and_weight() -> None:
    found = weight.measure(idle_seconds=0)
    assert {"web", "worker"} <= found.pss.keys()
    assert "together" in weight.report(found)


def test_beside_an_earlier_version() -> None:
    with extraction.page_server(40, 1) as origin:
        found = measured_there.runs(origin, "duckdb", '{"path": "warehouse.duckdb"}', "all")
    assert {name for name, _ in found} >= {"first run: seconds", "run for changes: MB"}
    before = {name: [value] for name, value in found}
    assert "| first run: seconds | " in before_report.table("5229e22", before, before)
