"""Allow access: what is tried again, and what happens when nobody comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from tests.support.clock import NOON
from tests.support.connection import CALLBACK_URL, ConnectionWalk, failed
from tests.support.killed import Killed, killed_at


def test_client_unknown_at_the_exchange_waits_and_succeeds(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.practice.refuse("token", "invalid_client_id", "client identifier invalid", times=3)
    walk.allow()
    for _ in range(3):
        walk.work()
        status = walk.show()
        assert (status.get("data-state"), status.get("data-reason")) == ("waiting_for_propagation", "client_unknown")
        assert "waiting for propagation" in status.text_content().lower()
        assert "every" in status.get("hx-trigger")
        clock.shift(10)
    walk.work()
    assert walk.state == "connected"


def test_callback_mismatch_at_the_exchange_waits_too(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.practice.refuse("token", "redirect_uri_mismatch", "redirect_uri must match configuration")
    walk.allow()
    walk.work()
    assert (walk.state, walk.reason) == ("waiting_for_propagation", "callback_mismatch")
    clock.shift(10)
    walk.work()
    assert walk.state == "connected"


def test_the_exchange_is_not_tried_for_ever(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.practice.refuse("token", "invalid_client_id", "client identifier invalid", times=None)
    walk.allow()
    for _ in range(200):
        walk.work()
        if walk.stored().due_at is None:
            break
        clock.shift(5)
    assert walk.stored().state_since <= NOON + timedelta(seconds=601)
    failed(walk, "client_unknown", "doesn’t know this Client ID")
    with walk.app.app_context():
        from datasync_flask.extensions import db
        from datasync_flask.salesforce_connections.models import AuthorizationAttempt

        assert db.session.query(AuthorizationAttempt).count() == 0


@pytest.mark.parametrize("fault", [{"status": 503, "body": "<html>"}, {"kind": "reset"}, {"status": 200, "body": "{"}])
def test_salesforce_out_of_reach_at_the_exchange_is_tried_again(
    clock: time_machine.Traveller, walk: ConnectionWalk, fault: dict[str, Any]
) -> None:
    walk.to_ready()
    walk.practice.fault("token", **fault)
    walk.allow()
    walk.work()
    assert (walk.state, walk.reason) == ("authorizing", "unreachable")
    clock.shift(10)
    walk.work()
    assert walk.state == "connected"


def test_a_token_request_that_is_already_being_processed(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.practice.refuse("token", "invalid_grant", "token request is already being processed")
    walk.allow()
    walk.work()
    assert walk.state == "authorizing"
    clock.shift(10)
    walk.work()
    assert walk.state == "connected"


def test_salesforce_fails_right_after_the_exchange(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.practice.fault("api", status=503, body="<html>", times=2)
    walk.allow()
    walk.work()
    assert walk.state == "authorizing"
    assert "We try again by ourselves" in walk.visitor.text
    for _ in range(2):
        clock.shift(6)
        walk.work()
    assert walk.state == "connected"


def test_nobody_comes_back(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.leave_for_salesforce()
    assert walk.state == "authorizing"
    assert "Salesforce showed an error instead?" in walk.visitor.text
    clock.shift(601)
    failed(walk, "timed_out", "more than 10 minutes ago", "redirect_uri_mismatch")


def test_killed_while_the_answer_was_taken_in(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    from datasync_flask.salesforce_connections import authorization

    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    real = authorization._use_up

    def use_up_and_die(*args: Any) -> None:
        real(*args)
        raise Killed

    with killed_at(authorization, "_use_up", use_up_and_die):
        walk.come_back(location)
    assert walk.state == "authorizing"
    clock.shift(601)
    failed(walk, "timed_out")
    assert walk.stored().due_at is None


def test_the_account_of_who_left_is_deleted(clock: time_machine.Traveller, walk: ConnectionWalk, sign_in: Any) -> None:
    from sqlalchemy import delete

    from datasync_flask.accounts.models import User
    from datasync_flask.extensions import db

    walk.to_ready()
    editor = sign_in("editor")
    assert editor.post(f"/connections/{walk.id}/authenticate").status_code == 303
    with walk.app.app_context():
        db.session.execute(delete(User).where(User.email == "editor@example.com"))
        db.session.commit()
    clock.shift(601)
    failed(walk, "timed_out")
    assert walk.stored().due_at is None


def test_nobody_comes_back_from_an_error_page_that_can_be_seen_from_here(
    clock: time_machine.Traveller, walk: ConnectionWalk
) -> None:
    walk.to_ready()
    walk.practice.change(walk.client_id, callback_urls=["https://changed.example/cb"], propagation_seconds=0)
    url = walk.leave_for_salesforce()
    assert walk.practice.answer_as_person(url) == ""
    clock.shift(601)
    failed(walk, "callback_mismatch", CALLBACK_URL)


@pytest.mark.parametrize("setting", [{"blocked": True}, {"installed": False}, {"admin_approved_only": True}])
def test_error_pages_that_salesforce_keeps_to_itself(
    clock: time_machine.Traveller, walk: ConnectionWalk, setting: dict[str, bool]
) -> None:
    walk.to_ready(**setting)
    assert walk.practice.answer_as_person(walk.leave_for_salesforce()) == ""
    clock.shift(601)
    failed(walk, "timed_out", "OAUTH_APPROVAL_ERROR_GENERIC")
