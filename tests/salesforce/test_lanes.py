"""How many requests go side by side: half after a refusal, back to one at worst, and slowly more again."""

from __future__ import annotations

import contextlib

import pytest

from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.lanes import MOST, Lanes


def go(lanes: Lanes, problem: Problem | None = None) -> None:
    with contextlib.suppress(SalesforceError), lanes.one(lambda: None):
        if problem is not None:
            raise SalesforceError(problem)


@pytest.mark.parametrize(
    "problem", [Problem.TOO_MANY_REQUESTS, Problem.SERVER_ERROR, Problem.MAINTENANCE, Problem.NO_ANSWER_IN_TIME]
)
def test_halved_down_to_one_and_up_again(problem: Problem) -> None:
    lanes, counts = Lanes(), []
    for _ in range(4):
        go(lanes, problem)
        counts.append(lanes.count)
    assert counts == [2, 1, 1, 1]
    for _ in range(1 + 2 + 3 + 4):
        go(lanes)
    assert lanes.count == MOST
    for _ in range(20):
        go(lanes)
    assert lanes.count == MOST


def test_a_refusal_of_another_kind_changes_nothing() -> None:
    lanes = Lanes()
    go(lanes, Problem.NOT_FOUND)
    assert lanes.count == MOST


def test_those_under_way_at_a_halving_halve_no_more() -> None:
    lanes = Lanes()
    with contextlib.suppress(SalesforceError), lanes.one(lambda: None):
        go(lanes, Problem.SERVER_ERROR)
        raise SalesforceError(Problem.SERVER_ERROR)
    assert lanes.count == 2


def test_who_waits_for_a_lane_can_be_stopped() -> None:
    lanes = Lanes()
    lanes.count = 1
    with lanes.one(lambda: None), pytest.raises(InterruptedError), lanes.one(_stop):
        pytest.fail("there was no lane")


def test_a_lane_is_free_when_the_answer_was_received() -> None:
    lanes = Lanes()
    lanes.count = 1
    with lanes.one(lambda: None) as leave:
        leave()
        leave()
        with lanes.one(lambda: None), pytest.raises(InterruptedError), lanes.one(_stop):
            pytest.fail("there was only one lane")


def _stop() -> None:
    raise InterruptedError
