"""The state with which somebody comes back from Salesforce: it counts once, for one person, for a while."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine

from datasync_flask.accounts.models import Role
from tests.support.connection import ConnectionWalk, failed
from tests.support.killed import Killed, killed_at
from tests.support.visitor import Visitor


def refused(visitor: Visitor, path: str, message: str) -> None:
    response = visitor.get(path)
    assert response.status_code == 400
    assert message in visitor.text
    assert "Nothing is lost" in visitor.text


def callback_of(location: str) -> str:
    return location.removeprefix("http://127.0.0.1:5000")


def test_state_is_single_use(walk: ConnectionWalk) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    assert walk.come_back(location) == 303
    refused(walk.visitor, callback_of(location), "used already")
    walk.work()
    assert walk.state == "connected"
    refused(walk.visitor, callback_of(location), "used already")


@pytest.mark.parametrize("query", ["", "?code=x", "?state=&code=x", "?state=unknown&code=x", "?state=" + "x" * 9000])
def test_unknown_state(walk: ConnectionWalk, query: str) -> None:
    refused(walk.visitor, f"/oauth/salesforce/callback{query}", "doesn’t belong to anything that is open here")


def test_expired_state(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    clock.shift(601)
    refused(walk.visitor, callback_of(location), "More than 10 minutes")


def test_other_peoples_state(walk: ConnectionWalk, sign_in: Any) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    refused(sign_in("editor"), callback_of(location), "Somebody else")
    refused(sign_in(Role.ADMIN.value), callback_of(location), "another browser")
    assert walk.come_back(location) == 303


def test_a_newer_attempt_replaces_the_older(walk: ConnectionWalk) -> None:
    walk.to_ready()
    older = walk.practice.answer_as_person(walk.leave_for_salesforce())
    newer = walk.practice.answer_as_person(walk.leave_for_salesforce())
    refused(walk.visitor, callback_of(older), "a newer attempt replaced it")
    assert walk.come_back(newer) == 303


def test_client_id_changed_since(walk: ConnectionWalk) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    walk.visitor.get(f"/connections/{walk.id}/edit")
    walk.visitor.submit("connection-form", client_id="3MVG9_another")
    assert walk.visitor.get(callback_of(location)).status_code == 400
    assert walk.state == "waiting_for_propagation"


def test_the_callback_needs_a_signed_in_editor(walk: ConnectionWalk, sign_in: Any) -> None:
    assert Visitor(walk.app).get("/oauth/salesforce/callback?state=x&code=y").status_code == 302
    assert sign_in("viewer").get("/oauth/salesforce/callback?state=x&code=y").status_code == 403


def test_killed_between_callback_and_exchange(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    from datasync_flask.salesforce_connections import authorization

    walk.to_ready()
    walk.allow()
    with killed_at(authorization.salesforce_oauth, "exchange_code"):
        walk.work()
    clock.shift(31)
    walk.work()
    assert walk.state == "connected"


def test_killed_between_exchange_and_commit_says_what_to_do(
    clock: time_machine.Traveller, walk: ConnectionWalk
) -> None:
    from datasync_flask.salesforce_connections import authorization

    real = authorization.salesforce_oauth.exchange_code

    def exchange_and_die(*args: Any) -> None:
        real(*args)
        raise Killed

    walk.to_ready()
    walk.allow()
    with killed_at(authorization.salesforce_oauth, "exchange_code", exchange_and_die):
        walk.work()
    clock.shift(31)
    failed(walk, "code_expired", "Authenticate again")
