"""The benchmarks still run: small sizes, no time asserted."""

from __future__ import annotations

from benchmarks import propagation


def test_waiting_for_propagation() -> None:
    measured = propagation.measure(2, interval=0.5, longest=2)
    assert len(measured[0]) == 2
    assert all(one.delay >= 0 for one in measured[0])
    assert "2 connections at once" in propagation.report(measured, 0.5)
