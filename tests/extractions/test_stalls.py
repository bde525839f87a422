"""A run without progress is ended with its own reason, gives back its place, and goes on by itself, a few times."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Run
from datasync_flask.extractions.runs import lease, movement, states
from datasync_flask.extractions.runs.movement import Movement
from datasync_flask.salesforce import objects
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.errors import Problem, SalesforceError
from tests.support.extraction import Extracting, Org
from tests.support.practice import PracticeOrg
from tests.support.program import running_site, wait_for


@pytest.fixture
def ready(extracting: Extracting, org: Org, warehouse: str) -> Extracting:
    org.do("Account", "generate", count=20)
    extracting.make(["Account"], warehouse)
    return extracting


@pytest.mark.slow
def test_two_runs_that_stall_make_room_for_a_third(tmp_path: Path, practice: PracticeOrg) -> None:
    with running_site(tmp_path, practice, STALLED_AFTER="4", RUN_PROCESSES="2") as site:
        site.sign_in()
        app = practice.register(site.callback_url)
        source = site.save(app)
        site.wait_for_state(source, "ready_to_authorize")
        site.allow(source)
        site.wait_for_state(source, "connected")
        Org(practice).do("Account", "generate", count=5)
        target = site.post("/connections/new/sqlite", {"description": "w", "path": "w.sqlite"})
        assert target.status_code == 303
        destination = target.headers["location"].rsplit("/", 1)[-1]
        fields = {"source": source, "destination": destination, "objects": "Account", "schedule": "", "timezone": "UTC"}
        made = []
        for name in ("one", "two", "three"):
            answer = site.post("/extractions/new", fields | {"description": name, "dataset": name})
            assert answer.status_code == 303, answer.text
            made.append(answer.headers["location"])
        # Each answer drips, a byte at a time, and never ends.
        practice.fault("describe", kind="drip", seconds=0.2, times=2)
        started = [site.post(f"{address}/runs").headers["location"] for address in made[:2]]
        for run in started:
            wait_for(lambda run=run: 'data-state="running"' in site.http.get(run).text)
        third = site.post(f"{made[2]}/runs").headers["location"]
        wait_for(lambda: 'data-state="done"' in site.http.get(third).text, 60)
        for run in started:
            wait_for(lambda run=run: 'data-state="paused"' in site.http.get(run).text)
            assert "continues by itself" in site.http.get(run).text
    assert not [line for line in site.program.output.splitlines() if "Traceback" in line]


def test_it_goes_on_by_itself_after_longer_pauses_and_fails_in_the_end(ready: Extracting) -> None:
    run_id = ready.start()
    pauses = []
    for _ in states.STALL_PAUSES:
        with ready.app.app_context():
            lease_id = states.claim(run_id)
            states.stalled(run_id, lease_id, "nothing")
        run = ready.stored(run_id)
        assert (run.state, run.problem, run.tries) == ("paused", "run.no_progress", 0)
        assert run.due_at is not None
        pauses.append(run.due_at - utcnow())
        with ready.app.app_context():
            assert lease.due(utcnow()) == []
            assert lease.due(run.due_at) == [run_id]
            db.session.get_one(Run, run_id).due_at = utcnow()
            db.session.commit()
    assert pauses == sorted(pauses)
    assert pauses[-1] <= lease.LONGEST_PAUSE
    with ready.app.app_context():
        states.stalled(run_id, states.claim(run_id), "nothing")
    run = ready.stored(run_id)
    assert (run.state, run.problem) == ("failed", "run.no_progress")
    ready.walk.visitor.get(f"/extractions/{ready.id}/runs/{run_id}")
    assert "check the server’s network" in ready.walk.visitor.text
    ready.done()
    ready.assert_same("Account")


def test_answers_that_never_come_are_waited_for_again(ready: Extracting, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise SalesforceError(Problem.NO_ANSWER_IN_TIME, "no answer from acme")

    with monkeypatch.context() as patch:
        patch.setattr(objects, "describe_many", never)
        run = ready.run()
    assert (run.state, run.problem) == ("paused", "run.no_progress")
    assert ready.go_on(run.id).state == "done"
    ready.assert_same("Account")


def test_a_run_that_is_cancelled_while_it_stalls_stays_cancelled(ready: Extracting) -> None:
    run_id = ready.start()
    with ready.app.app_context():
        lease_id = states.claim(run_id)
        states.cancel(states.load(run_id))
        states.stalled(run_id, lease_id)
    assert ready.stored(run_id).state == "cancelled"


def test_movement_is_answers_bytes_and_steps() -> None:
    movement_of_run = Movement()
    assert movement_of_run.has_moved()
    assert not movement_of_run.has_moved()
    movement_of_run.steps += 1
    assert movement_of_run.has_moved()
    assert not movement_of_run.has_moved()
    api = SimpleNamespace(calls=0, received=0)
    movement_of_run.api = cast(SalesforceApi, api)
    assert not movement_of_run.has_moved()
    # A byte now and then is none.
    api.received = movement.BYTES_OF_A_STEP - 1
    assert not movement_of_run.has_moved()
    api.received += 1
    assert movement_of_run.has_moved()
    api.calls += 1
    assert movement_of_run.has_moved()


def test_a_destination_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    movement_of_run = Movement()
    movement_of_run.has_moved()
    with movement_of_run.at_destination():
        assert movement_of_run.has_moved()
        assert movement_of_run.has_moved()
        monkeypatch.setattr(movement, "LONGEST_AT_DESTINATION", 0.0)
        movement_of_run.has_moved()
        assert not movement_of_run.has_moved()
