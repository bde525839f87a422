"""A clock that is set forward or back leaves no connection resting, and none in a state that isn't true."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine

from datasync_flask import clock_repairs
from datasync_flask.clock import utcnow
from datasync_flask.salesforce_connections import token_grants
from tests.support.connection import ConnectionWalk
from tests.support.killed import killed_at
from tests.support.visitor import Visitor

pytestmark = pytest.mark.each_on_both

# Known to the practice org by any clock.
LONG_KNOWN = {"propagation_seconds": -5_000_000}
JUMPS = pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(days=-30), timedelta(days=1)], ids=str)


def repair_times(walk: ConnectionWalk) -> None:
    """The worker does this each minute, and when it starts."""
    with walk.app.app_context():
        clock_repairs.repair(utcnow())


@JUMPS
def test_while_waiting(
    clock: time_machine.Traveller, walk: ConnectionWalk, sign_in: Callable[..., Visitor], jump: timedelta
) -> None:
    walk.make_app(**LONG_KNOWN)
    walk.practice.refuse("token", "invalid_client_id", "client identifier invalid", times=2)
    walk.save()
    walk.work()
    assert walk.state == "waiting_for_propagation"
    clock.shift(jump)
    repair_times(walk)
    # A browser refuses a cookie from the future, and one of a month ago.
    walk.visitor = sign_in()
    walk.work()
    assert walk.stored().probes == 2
    if jump > timedelta():
        # The deadline has passed; the page says so and offers to keep waiting.
        assert (walk.state, walk.reason) == ("needs_attention", "client_unknown")
        walk.visitor.post(f"/connections/{walk.id}/watch")
    clock.shift(6)
    walk.work()
    assert walk.state == "ready_to_authorize"


@JUMPS
def test_between_leaving_for_salesforce_and_coming_back(
    clock: time_machine.Traveller, walk: ConnectionWalk, sign_in: Callable[..., Visitor], jump: timedelta
) -> None:
    walk.to_ready(**LONG_KNOWN)
    back = walk.practice.answer_as_person(walk.leave_for_salesforce())
    clock.shift(jump)
    repair_times(walk)
    walk.visitor = sign_in()
    walk.come_back(back)
    assert "Start it again from here" in walk.visitor.text
    walk.work()
    walk.allow()
    walk.work()
    assert walk.state == "connected"


@JUMPS
def test_the_daily_check_comes(clock: time_machine.Traveller, walk: ConnectionWalk, jump: timedelta) -> None:
    walk.to_connected(**LONG_KNOWN)
    clock.shift(jump)
    repair_times(walk)
    walk.work()
    clock.shift(timedelta(hours=25))
    walk.work()
    checked = walk.stored()
    assert checked.state == "connected"
    assert checked.grant is not None
    assert checked.grant.checked_at == utcnow()


def test_a_refresh_that_died_before_the_clock_went_back(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_connected(**LONG_KNOWN)
    walk.practice.expire()

    with walk.app.app_context():
        stale = token_grants.current_token(walk.id)
        with killed_at(token_grants, "_ask_for_new_token"):
            token_grants.refreshed_token(walk.id, stale)
        clock.shift(timedelta(hours=-2))
        clock_repairs.repair(utcnow())
        assert token_grants.refreshed_token(walk.id, stale).token.access_token != stale.token.access_token
