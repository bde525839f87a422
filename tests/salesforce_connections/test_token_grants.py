"""Tokens: refreshed one at a time, rotation-safe, given back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from datasync_flask.extensions import db
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce_connections import token_grants
from datasync_flask.salesforce_connections.models import Revocation, SalesforceGrant
from tests.support.clock import NOON
from tests.support.connection import ConnectionWalk
from tests.support.killed import killed_at


def check(walk: ConnectionWalk) -> None:
    walk.visitor.post(f"/connections/{walk.id}/check")
    walk.work()


@pytest.mark.parametrize("rotation", [False, True])
def test_a_stale_access_token_is_refreshed_and_the_call_repeated(walk: ConnectionWalk, rotation: bool) -> None:
    walk.to_connected(rotation=rotation)
    for _ in range(3):
        walk.practice.expire()
        check(walk)
        assert walk.state == "connected"
    live = [token for token in walk.practice.tokens().values() if not token["is_dead"]]
    assert {token["kind"] for token in live} == {"access", "refresh"}


@pytest.mark.parametrize("rotation", [False, True])
def test_many_who_need_a_new_token_make_one_request(
    walk: ConnectionWalk, rotation: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_grants, "BUSY_PAUSE", 0.1)
    monkeypatch.setattr(token_grants, "REFRESH_TRIES", 100)
    walk.to_connected(rotation=rotation)
    walk.practice.expire()
    walk.practice.change_org(refresh_seconds=0.2)
    before = walk.practice.requests()["token"]
    with walk.app.app_context():
        stale = token_grants.current_token(walk.id)
    barrier = threading.Barrier(8)

    def refresh(_: int) -> str:
        with walk.app.app_context():
            barrier.wait()
            return token_grants.refreshed_token(walk.id, stale).token.access_token

    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(refresh, range(8)))
    assert len(tokens) == 1
    assert tokens != {stale.token.access_token}
    assert walk.practice.requests()["token"] == before + 1


def test_a_refresh_that_comes_between_reading_and_claim_is_not_repeated(
    walk: ConnectionWalk, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.to_connected(rotation=True)
    walk.practice.expire()
    before = walk.practice.requests()["token"]
    with walk.app.app_context():
        stale = token_grants.current_token(walk.id)
        real = token_grants._claim_refresh

        def let_somebody_else_go_first(*args: Any) -> bool:
            monkeypatch.setattr(token_grants, "_claim_refresh", real)
            token_grants.refreshed_token(walk.id, stale)
            return real(*args)

        monkeypatch.setattr(token_grants, "_claim_refresh", let_somebody_else_go_first)
        fresh = token_grants.refreshed_token(walk.id, stale)
    assert walk.practice.requests()["token"] == before + 1
    assert not walk.practice.tokens()[fresh.token.access_token]["is_dead"]
    check(walk)
    assert walk.state == "connected"


def test_already_being_processed_is_waited_for(walk: ConnectionWalk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_grants, "BUSY_PAUSE", 0.01)
    walk.to_connected()
    walk.practice.expire()
    walk.practice.refuse("token", "invalid_grant", "token request is already being processed", times=2)
    check(walk)
    assert walk.state == "connected"


def test_already_being_processed_for_ever_is_not_called_revoked(
    walk: ConnectionWalk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_grants, "BUSY_PAUSE", 0.01)
    walk.to_connected()
    walk.practice.expire()
    walk.practice.refuse("token", "invalid_grant", "token request is already being processed", times=None)
    check(walk)
    assert walk.state == "connected"
    for _ in range(2):
        walk.make_due()
        walk.work()
    assert (walk.state, walk.reason) == ("needs_attention", "unexpected")
    walk.practice.clear_faults()
    check(walk)
    assert walk.state == "connected"


def test_a_revoked_grant(walk: ConnectionWalk) -> None:
    walk.to_connected()
    walk.practice.expire("refresh")
    check(walk)
    assert (walk.state, walk.reason) == ("needs_attention", "revoked")
    assert "more than five times" in walk.visitor.text
    asked = walk.practice.requests()
    assert walk.stored().due_at is None
    walk.work()
    assert walk.practice.requests() == asked


def test_a_rotated_token_lost_between_answer_and_commit_ends_in_revoked_never_in_a_loop(
    clock: time_machine.Traveller, walk: ConnectionWalk
) -> None:
    walk.to_connected(rotation=True)
    walk.practice.expire()
    walk.visitor.post(f"/connections/{walk.id}/check")
    with killed_at(token_grants, "_store_refreshed"):
        walk.work()
    clock.shift(31)
    walk.work()
    assert (walk.state, walk.reason) == ("needs_attention", "revoked")
    walk.allow()
    walk.work()
    assert walk.state == "connected"


def test_a_person_who_authenticates_during_a_refresh_wins(
    walk: ConnectionWalk, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.to_connected()
    walk.practice.expire()
    real = token_grants._ask_for_new_token

    def refresh_while_somebody_authenticates(*args: Any) -> Any:
        answer = real(*args)
        monkeypatch.setattr(token_grants, "_ask_for_new_token", real)
        walk.allow()
        walk.work()
        return answer

    monkeypatch.setattr(token_grants, "_ask_for_new_token", refresh_while_somebody_authenticates)
    with walk.app.app_context():
        stale = token_grants.current_token(walk.id)
        fresh = token_grants.refreshed_token(walk.id, stale)
        assert fresh.generation == stale.generation + 1
    assert walk.state == "connected"


def test_a_refresh_that_died_is_taken_over(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_connected()
    with walk.app.app_context():
        grant = db.session.get_one(SalesforceGrant, walk.id)
        grant.refresh_lease, grant.refresh_leased_until = "dead", NOON + timedelta(seconds=30)
        db.session.commit()
    walk.practice.expire()
    clock.shift(31)
    check(walk)
    assert walk.state == "connected"


def test_without_refresh_token_the_reason_is_told_when_access_ends(walk: ConnectionWalk) -> None:
    walk.to_ready(refresh_policy="immediate")
    walk.allow()
    walk.work()
    walk.practice.expire()
    check(walk)
    assert (walk.state, walk.reason) == ("needs_attention", "no_refresh_token")


def test_a_token_for_a_connection_that_is_gone(walk: ConnectionWalk) -> None:
    walk.to_connected()
    walk.visitor.post(f"/connections/{walk.id}/delete")
    with walk.app.app_context(), pytest.raises(SalesforceError) as error:
        token_grants.current_token(walk.id)
    assert error.value.problem is Problem.NOT_CONNECTED


def revoke(walk: ConnectionWalk) -> int:
    """Let the worker revoke; return how many revocations are left."""
    with walk.app.app_context():
        token_grants.revoke_due()
        return len(db.session.scalars(select(Revocation)).all())


@pytest.mark.parametrize("way", ["disconnect", "delete"])
def test_tokens_are_revoked_at_salesforce_and_erased_here(walk: ConnectionWalk, way: str) -> None:
    walk.to_connected()
    response = walk.visitor.post(f"/connections/{walk.id}/{way}")
    assert response.status_code == 303
    walk.visitor.follow()
    assert "Salesforce is being told to revoke them" in walk.visitor.text
    with walk.app.app_context():
        assert db.session.scalar(select(SalesforceGrant)) is None
    assert revoke(walk) == 0
    assert all(token["is_dead"] for token in walk.practice.tokens().values())


def test_revoking_is_tried_a_few_times_and_then_given_up(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_connected()
    walk.visitor.post(f"/connections/{walk.id}/disconnect")
    walk.practice.fault("revoke", status=503, times=None)
    for _ in range(token_grants.REVOKE_TRIES - 1):
        assert revoke(walk) == 1
        assert revoke(walk) == 1
        clock.shift(301)
    assert revoke(walk) == 0
    assert walk.practice.requests()["revoke"] == token_grants.REVOKE_TRIES


def test_a_connection_is_checked_once_a_day(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_connected()
    asked = sum(walk.practice.requests().values())
    clock.shift(timedelta(hours=23))
    walk.work()
    assert sum(walk.practice.requests().values()) == asked
    clock.shift(timedelta(hours=2))
    walk.work()
    assert sum(walk.practice.requests().values()) > asked
    assert walk.state == "connected"


def test_a_salesforce_that_is_down_for_a_moment_does_not_lose_the_connection(
    clock: time_machine.Traveller, walk: ConnectionWalk
) -> None:
    walk.to_connected()
    walk.practice.fault("api", status=503, body="<html>", times=2)
    clock.shift(timedelta(hours=25))
    for _ in range(3):
        walk.work()
        assert walk.state == "connected"
        clock.shift(timedelta(minutes=6))


def test_a_salesforce_that_stays_down_is_told_and_recovered_from(
    clock: time_machine.Traveller, walk: ConnectionWalk
) -> None:
    walk.to_connected()
    walk.practice.fault("api", status=503, body="<html>", times=None)
    clock.shift(timedelta(hours=25))
    for _ in range(3):
        walk.work()
        clock.shift(timedelta(minutes=6))
    assert (walk.state, walk.reason) == ("needs_attention", "unreachable")
    walk.practice.clear_faults()
    clock.shift(timedelta(hours=1))
    walk.work()
    assert walk.state == "connected"


def test_api_calls_that_are_used_up(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_connected()
    walk.practice.change_org(daily_requests=0)
    check(walk)
    assert walk.state == "connected"
    for _ in range(2):
        clock.shift(timedelta(minutes=6))
        walk.work()
    assert (walk.state, walk.reason) == ("needs_attention", "unexpected")
    assert "used all API calls" in walk.visitor.text
    walk.practice.change_org(daily_requests=15000)
    clock.shift(timedelta(minutes=61))
    walk.work()
    assert walk.state == "connected"
