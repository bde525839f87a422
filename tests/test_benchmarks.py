"""The benchmarks still run: small sizes, no time asserted."""

from __future__ import annotations

from benchmarks import destinations, propagation


def test_waiting_for_propagation() -> None:
    measured = propagation.measure(2, interval=0.5, longest=2)
    assert len(measured[0]) == 2
    assert all(one.delay >= 0 for one in measured[0])
    assert "2 connections at once" in propagation.report(measured, 0.5)


def test_merging() -> None:
    timings = destinations.measure(50)
    assert [each.kind for each in timings] == ["SQLite", "MariaDB"]
    assert "| SQLite |" in destinations.report(50, timings)
