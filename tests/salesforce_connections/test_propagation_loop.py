"""Looks at several connections at once, as the worker's loop makes them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from datasync_flask.extensions import db
from datasync_flask.salesforce_connections import due_work, propagation, propagation_loop, store
from datasync_flask.salesforce_connections.models import SalesforceConnection
from datasync_flask.salesforce_connections.propagation_loop import ProbeLoop
from tests.support.connection import ConnectionWalk
from tests.support.practice import PracticeOrg
from tests.support.program import wait_for
from tests.support.visitor import Visitor

Another = Callable[..., ConnectionWalk]


@pytest.fixture
def another(app: Flask, visitor: Visitor, practice: PracticeOrg) -> Another:
    """Save one more connection, whose app is known after some seconds."""

    def save(propagation_seconds: float = 600, **changes: str) -> ConnectionWalk:
        walk = ConnectionWalk(app, visitor, practice)
        walk.make_app(propagation_seconds=propagation_seconds)
        walk.save(description=f"Connection {walk.client_id}", **changes)
        return walk

    return save


@pytest.fixture
def turn(app: Flask) -> Iterator[Callable[..., None]]:
    """Let a loop make a turn of its own."""
    with ThreadPoolExecutor(propagation_loop.PROBES_AT_ONCE) as pool:
        one = ProbeLoop(pool)

        def make(seconds: float | None = None) -> None:
            with app.app_context():
                one.begin()
                one.record(seconds)

        yield make


def test_a_turn_probes_all_that_wait(
    clock: time_machine.Traveller, another: Another, turn: Callable[..., None]
) -> None:
    unknown, known = [another() for _ in range(3)], another(0)
    turn()
    assert known.state == "ready_to_authorize"
    for walk in unknown:
        assert (walk.state, walk.reason) == ("waiting_for_propagation", "client_unknown")
        assert walk.stored().probes == 1
    assert known.practice.requests() == {"token": 3 + 2, "authorize": 2}
    turn()
    assert known.practice.requests()["token"] == 3 + 2
    clock.shift(5)
    turn()
    assert known.practice.requests()["token"] == 3 + 2 + 3


def test_two_workers_share_the_probes(app: Flask, another: Another) -> None:
    walks = [another() for _ in range(6)]

    def work(_: int) -> None:
        with app.app_context(), ThreadPoolExecutor(2) as pool:
            one = ProbeLoop(pool)
            one.begin()
            one.record(None)

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(work, range(8)))
    assert walks[0].practice.requests() == {"token": 6}


def test_a_slow_answer_does_not_hold_up_the_others(
    clock: time_machine.Traveller, another: Another, turn: Callable[..., None]
) -> None:
    slow, quick = another(), another(0)
    slow.practice.fault("token", kind="hang", seconds=1.5, client_id=slow.client_id)
    turn(0.5)
    assert quick.state == "ready_to_authorize"
    assert slow.stored().probes == 0
    # The lease holds: nobody sends the same probe again.
    clock.shift(10)
    turn(0)
    turn()
    assert slow.stored().probes == 1
    assert slow.practice.requests()["token"] == 1 + 2


def test_only_probes_are_made(another: Another, turn: Callable[..., None]) -> None:
    headless = another(auth_method="client_credentials")
    waiting = another(0)
    turn()
    waiting.practice.refuse(
        "token", "invalid_client_id", "client identifier invalid", times=1, client_id=waiting.client_id
    )
    waiting.allow()
    waiting.work()
    # The worker has a code: it exchanges that instead of looking.
    assert waiting.state == "waiting_for_propagation"
    asked = waiting.practice.requests()
    for walk in (headless, waiting):
        walk.make_due()
    turn()
    assert waiting.practice.requests() == asked
    waiting.work()
    assert waiting.state == "connected"


def test_a_secret_that_cannot_be_read_is_told(app: Flask, another: Another, turn: Callable[..., None]) -> None:
    lost, fine = another(), another(0)
    with app.app_context():
        connection = store.load(lost.id)
        assert connection is not None
        connection.client_secret_sealed = "sealed with a key that is gone"
        db.session.commit()
    turn()
    assert fine.state == "ready_to_authorize"
    assert lost.state == "needs_attention"
    assert "secret" in lost.visitor.text


def test_settings_changed_during_a_probe_void_its_result(another: Another, app: Flask) -> None:
    walk = another()
    with app.app_context(), ThreadPoolExecutor(2) as pool:
        one = ProbeLoop(pool)
        one.begin()
        walk.visitor.post(f"/connections/{walk.id}/edit", walk.fields(client_id="3MVG9_another"))
        one.record(None)
    assert walk.stored().probes == 0


def test_a_result_that_cannot_be_recorded_keeps_no_other_from_it(
    another: Another, turn: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, fine = another(), another(0)
    apply_result = propagation.apply_result

    def fail_for_one(connection: SalesforceConnection, observation: propagation.probe.Observation) -> None:
        if connection.id == odd.id:
            raise ValueError("what nobody thought of")
        apply_result(connection, observation)

    monkeypatch.setattr(propagation, "apply_result", fail_for_one)
    turn()
    assert fine.state == "ready_to_authorize"
    assert odd.stored().probes == 0


def test_a_probe_that_fails_is_an_observation(
    another: Another, turn: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = another()

    def fail(*_: object) -> None:
        raise ValueError("what nobody thought of")

    monkeypatch.setattr(propagation.probe, "probe_app", fail)
    turn()
    assert (walk.state, walk.reason) == ("waiting_for_propagation", "unexpected")


def test_the_thread_probes_until_it_is_stopped(app: Flask, another: Another) -> None:
    walk = another()
    stopping = threading.Event()
    thread = propagation_loop.start(app, stopping)
    wait_for(lambda: walk.stored().probes)
    walk.practice.change(walk.client_id, known_now=True)
    walk.make_due()
    wait_for(lambda: walk.stored().state == "ready_to_authorize")
    stopping.set()
    thread.join(10)
    assert not thread.is_alive()


def test_probing_goes_on_when_the_database_is_back(
    app: Flask, another: Another, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(propagation_loop, "AFTER_FAULT_SECONDS", 0.1)
    walk = another()
    rename("salesforce_connections", "away", app)
    stopping = threading.Event()
    thread = propagation_loop.start(app, stopping)
    try:
        wait_for(lambda: "the database is away" in caplog.text)
        rename("away", "salesforce_connections", app)
        wait_for(lambda: walk.stored().probes)
    finally:
        stopping.set()
        thread.join(10)


def rename(table: str, name: str, app: Flask) -> None:
    with app.app_context():
        db.session.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))
        db.session.commit()


def test_the_queue_does_not_plan_what_the_probe_loop_does(app: Flask, another: Another) -> None:
    walk = another()
    with app.app_context():
        assert due_work.work_on(walk.id) is None
    assert walk.stored().due_at is not None
