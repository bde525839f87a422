"""When probes happen, how many, and what they lead to."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from datasync_flask.salesforce_connections.propagation import (
    MAX_REQUESTS,
    MAX_REQUESTS_PER_PROBE,
    MAX_REQUESTS_WITHIN,
    interval_after,
)
from tests.support.clock import NOON
from tests.support.connection import CALLBACK_URL, ConnectionWalk
from tests.support.killed import killed_at


@given(
    first=st.floats(0.1, 60),
    deadline=st.sampled_from([60.0, 600.0, 1800.0, 3600.0, 7200.0]),
    per_probe=st.integers(1, MAX_REQUESTS_PER_PROBE),
)
def test_a_propagation_stays_within_its_requests(first: float, deadline: float, per_probe: int) -> None:
    elapsed, probes, requests = 0.0, 0, 0
    while elapsed < deadline:
        probes, requests = probes + 1, requests + per_probe
        elapsed += interval_after(elapsed, first=first, deadline=deadline, probes=probes, requests=requests)
    assert requests <= MAX_REQUESTS * max(1.0, deadline / MAX_REQUESTS_WITHIN)


def test_first_every_five_seconds_then_slower() -> None:
    at = {elapsed: interval_after(elapsed, first=5, deadline=1800) for elapsed in (0, 60, 150, 300, 600, 1500)}
    assert at == {0: 5, 60: 5, 150: 5, 300: 10, 600: 20, 1500: 30}


def run_until_rest(walk: ConnectionWalk, clock: time_machine.Traveller, most: int = 500) -> None:
    """Move the clock from step to step until nothing is due any more."""
    for _ in range(most):
        due_at = walk.stored().due_at
        if due_at is None:
            return
        clock.move_to(max(due_at, NOON))
        walk.work()
    pytest.fail("the worker never came to rest")


def test_an_unknown_client_ends_after_the_deadline_with_a_checklist(
    clock: time_machine.Traveller, walk: ConnectionWalk
) -> None:
    walk.make_app()
    walk.save(client_id="3MVG9_wrong")
    run_until_rest(walk, clock)
    assert walk.stored().state_since >= NOON + timedelta(minutes=30)
    status = walk.show()
    assert (status.get("data-state"), status.get("data-reason")) == ("needs_attention", "client_unknown")
    assert "compare its Consumer Key with the Client ID" in walk.visitor.text
    assert "Keep waiting" in walk.visitor.text
    asked = walk.practice.requests()
    assert 60 <= sum(asked.values()) <= 300
    clock.shift(timedelta(hours=3))
    walk.work()
    assert walk.practice.requests() == asked


@pytest.mark.slow
def test_going_on_waiting_finds_the_app(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.make_app(propagation_seconds=3600)
    walk.save()
    run_until_rest(walk, clock)
    assert walk.reason == "client_unknown"
    assert walk.visitor.post(f"/connections/{walk.id}/watch").status_code == 303
    assert walk.state == "waiting_for_propagation"
    walk.practice.change(walk.client_id, known_now=True)
    walk.work()
    assert walk.state == "ready_to_authorize"


@pytest.mark.slow
def test_a_callback_mismatch_waits_and_then_says_what_to_compare(
    clock: time_machine.Traveller, walk: ConnectionWalk
) -> None:
    walk.make_app(callback_url="https://old.example/callback")
    walk.save()
    walk.work()
    status = walk.show()
    assert (status.get("data-state"), status.get("data-reason")) == ("waiting_for_propagation", "callback_mismatch")
    assert "Salesforce knows the app, but not yet this Callback URL" in walk.visitor.text
    assert CALLBACK_URL in walk.visitor.text
    run_until_rest(walk, clock)
    assert (walk.state, walk.reason) == ("needs_attention", "callback_mismatch")
    assert CALLBACK_URL in walk.visitor.text
    assert sum(walk.practice.requests().values()) <= 300


def test_a_corrected_callback_is_found_during_the_wait(walk: ConnectionWalk) -> None:
    walk.make_app(callback_url="https://old.example/callback")
    walk.save()
    walk.work()
    walk.practice.change(walk.client_id, callback_urls=["https://old.example/callback", CALLBACK_URL])
    walk.make_due()
    walk.work()
    assert walk.state == "ready_to_authorize"


def test_a_wrong_secret_is_believed_after_three_probes(walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.save(client_secret="wrong")
    for _ in range(2):
        walk.work()
        assert walk.state == "waiting_for_propagation"
        walk.make_due()
    walk.work()
    assert (walk.state, walk.reason) == ("needs_attention", "secret_refused")
    assert "copy the Consumer Secret again" in walk.visitor.text


def test_one_odd_refusal_during_the_wait_is_not_believed(walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.practice.refuse("token", "invalid_client", "invalid client credentials", times=2)
    walk.save()
    walk.work()
    walk.make_due()
    walk.work()
    walk.make_due()
    walk.work()
    assert walk.state == "ready_to_authorize"


@pytest.mark.parametrize(
    ("fault", "reason", "message"),
    [
        ({"status": 503, "body": "<html>down</html>"}, "unreachable", "Salesforce has a fault"),
        ({"status": 200, "body": "<html>proxy</html>"}, "unreachable", "Answer isn’t Salesforce’s"),
        ({"kind": "reset"}, "unreachable", "Salesforce can’t be reached"),
        ({"status": 200, "body": '{"half": '}, "unreachable", "Answer isn’t Salesforce’s"),
    ],
)
@pytest.mark.slow
def test_an_unreachable_salesforce_is_told_at_once_and_waited_for(
    clock: time_machine.Traveller, walk: ConnectionWalk, fault: dict[str, object], reason: str, message: str
) -> None:
    walk.make_app()
    walk.practice.fault("token", times=None, **fault)
    walk.practice.fault("authorize", times=None, **fault)
    walk.save()
    walk.work()
    assert (walk.state, walk.reason) == ("waiting_for_propagation", reason)
    assert message in walk.visitor.text
    run_until_rest(walk, clock)
    assert (walk.state, walk.reason) == ("needs_attention", reason)
    walk.practice.clear_faults()
    walk.visitor.post(f"/connections/{walk.id}/authenticate")
    walk.work()
    assert walk.state == "ready_to_authorize"


def test_a_salesforce_that_takes_too_long(walk: ConnectionWalk, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasync_flask.salesforce import transport

    monkeypatch.setattr(transport, "TIMEOUT", transport.httpx2.Timeout(1))
    walk.make_app()
    for at in ("token", "authorize"):
        walk.practice.fault(at, kind="hang", seconds=3)
    walk.save()
    walk.work()
    assert (walk.state, walk.reason) == ("waiting_for_propagation", "timed_out")
    assert "took longer than DataSync waits" in walk.visitor.text
    walk.make_due()
    walk.work()
    assert walk.state == "ready_to_authorize"


def test_a_host_that_does_not_exist(walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.save(login_url="no-such-org-at-all.my.salesforce.com")
    walk.work()
    assert (walk.state, walk.reason) == ("waiting_for_propagation", "unreachable")
    assert "It is misspelt" in walk.visitor.text


def test_settings_changed_during_a_probe_void_its_result(walk: ConnectionWalk, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasync_flask.salesforce_connections import propagation

    walk.make_app()
    walk.save()
    real_probe = propagation.probe.probe_app

    def probe_while_somebody_edits(*args: object) -> object:
        seen = real_probe(*args)  # type: ignore[arg-type]
        walk.visitor.get(f"/connections/{walk.id}/edit")
        walk.visitor.submit("connection-form", client_id="3MVG9_another", client_secret="")
        return seen

    monkeypatch.setattr(propagation.probe, "probe_app", probe_while_somebody_edits)
    walk.work()
    monkeypatch.undo()
    assert walk.state == "waiting_for_propagation"
    walk.work()
    assert walk.reason == "client_unknown"


def test_deleting_ends_the_probes(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.make_app(propagation_seconds=600)
    walk.save()
    walk.work()
    asked = walk.practice.requests()
    walk.visitor.post(f"/connections/{walk.id}/delete")
    clock.shift(60)
    walk.work()
    assert walk.practice.requests() == asked


def test_two_workers_do_not_double_the_probes(walk: ConnectionWalk) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from datasync_flask.salesforce_connections import due_work

    walk.make_app(propagation_seconds=600)
    walk.save()

    def work(_: int) -> None:
        with walk.app.app_context():
            due_work.work_on(walk.id)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(16)))
    assert walk.practice.requests() == {"token": 1}


def test_a_worker_that_died_is_taken_over_from(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    from datasync_flask.salesforce_connections import propagation

    walk.make_app()
    walk.save()
    with killed_at(propagation.probe, "probe_app"):
        walk.work()
    walk.work()
    assert walk.state == "waiting_for_propagation"
    clock.shift(31)
    walk.work()
    assert walk.state == "ready_to_authorize"


def test_a_moved_site_waits_for_its_new_callback_url(walk: ConnectionWalk, settings: object) -> None:
    from datasync_flask.config import Settings
    from datasync_flask.salesforce_connections import due_work

    assert isinstance(settings, Settings)
    walk.to_ready()
    walk.app.config["SETTINGS"] = settings.model_copy(update={"public_url": "http://localhost:5000"})
    with walk.app.app_context():
        due_work.restart_for_moved_callbacks()
    walk.visitor.address = "http://localhost:5000"
    walk.visitor.client.set_cookie(
        "datasync_session", walk.visitor.client.get_cookie("datasync_session", "127.0.0.1").value, domain="localhost"
    )  # type: ignore[union-attr]
    walk.work()
    status = walk.show()
    assert (status.get("data-state"), status.get("data-reason")) == ("waiting_for_propagation", "callback_mismatch")
    assert "http://localhost:5000/oauth/salesforce/callback" in walk.visitor.text
    walk.practice.change(walk.client_id, callback_urls=["http://localhost:5000/oauth/salesforce/callback"])
    walk.make_due()
    walk.work()
    assert walk.state == "ready_to_authorize"


def test_a_moved_site_leaves_a_working_connection_alone_but_says_what_to_update(
    walk: ConnectionWalk, settings: object
) -> None:
    from datasync_flask.config import Settings
    from datasync_flask.salesforce_connections import due_work

    assert isinstance(settings, Settings)
    walk.to_connected()
    walk.app.config["SETTINGS"] = settings.model_copy(update={"public_url": "http://127.0.0.1:5000", "port": 5000})
    moved = settings.model_copy(update={"public_url": "https://datasync.example"})
    walk.app.config["SETTINGS"] = moved
    with walk.app.app_context():
        due_work.restart_for_moved_callbacks()
    assert walk.state == "connected"
    assert "The Callback URL of this site has changed" in walk.visitor.text
    assert "https://datasync.example/oauth/salesforce/callback" in walk.visitor.text
    response = walk.visitor.post(f"/connections/{walk.id}/authenticate")
    assert response.headers["Location"] == f"/connections/{walk.id}"
    assert walk.state == "waiting_for_propagation"


def test_words_that_nobody_knows_are_shown_at_once_and_soon_believed(
    clock: time_machine.Traveller, walk: ConnectionWalk
) -> None:
    walk.make_app()
    page = "/setup/secur/RemoteAccessErrorPage.apexp?error=brand_new&error_description=%3Cb%3ENobody%3C/b%3E+saw+this"
    walk.practice.fault("authorize", status=302, headers={"Location": page}, times=None)
    walk.save()
    walk.work()
    assert walk.state == "waiting_for_propagation"
    assert "brand_new: <b>Nobody</b> saw this" in walk.visitor.text
    run_until_rest(walk, clock)
    assert (walk.state, walk.reason) == ("needs_attention", "unexpected")
    assert walk.stored().state_since < NOON + timedelta(minutes=2)
    assert "brand_new: <b>Nobody</b> saw this" in walk.visitor.text


def test_an_app_that_was_known_for_months_is_gone_and_not_new(
    clock: time_machine.Traveller, walk: ConnectionWalk
) -> None:
    walk.to_ready()
    clock.shift(timedelta(hours=2))
    walk.practice.refuse("token", "invalid_client_id", "client identifier invalid", times=None)
    walk.visitor.post(f"/connections/{walk.id}/watch")
    for _ in range(3):
        walk.make_due()
        walk.work()
    assert (walk.state, walk.reason) == ("needs_attention", "client_unknown")
    assert "it was deleted, uninstalled or blocked" in walk.visitor.text
    assert "For a new app" not in walk.visitor.text


def test_production_and_sandbox_are_advised_the_orgs_own_address(walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.save(login_host="sandbox")
    walk.show()
    assert "Choose My Domain as the login host" in walk.visitor.text
