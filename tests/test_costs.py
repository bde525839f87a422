"""What polls, pages and processes cost, counted and not timed."""

from __future__ import annotations

import pytest

from benchmarks import pages, weight


@pytest.mark.slow
def test_queries_of_polls_and_pages() -> None:
    measured = pages.measure((20, 30), times=5)
    # Who asks, then which version the row has: an unchanged poll reads nothing else.
    assert measured.polls[1].queries == 2
    assert measured.lists[0].queries == measured.lists[1].queries
    # However many objects an org has, the page shows the first of each group.
    assert measured.choices[0].queries == measured.choices[1].queries
    assert measured.choices[1].size < 300_000


@pytest.mark.slow
def test_idle_processes_load_no_heavy_library() -> None:
    assert weight.measure(idle_seconds=0).heavy_modules == ()
