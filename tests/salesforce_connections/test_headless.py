"""Client credentials: the same life without the Allow step."""

from __future__ import annotations

import pytest
import time_machine

from tests.support.connection import ConnectionWalk

HEADLESS = {"client_credentials": True, "run_as": "ada@practice.example"}


def test_the_worker_tries_until_salesforce_knows_the_app(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.make_app(propagation_seconds=60, **HEADLESS)
    walk.save(auth_method="client_credentials")
    walk.work()
    status = walk.show()
    assert (status.get("data-state"), status.get("data-reason")) == ("waiting_for_propagation", "client_unknown")
    assert "waiting for propagation" in status.text_content().lower()
    assert "Allow access" not in walk.visitor.text
    clock.shift(61)
    walk.work()
    assert walk.state == "connected"
    assert "ada@practice.example" in walk.visitor.text
    assert "Practice Org" in walk.visitor.text
    assert walk.practice.requests().get("authorize") is None


@pytest.mark.parametrize(
    ("app_settings", "reason", "message"),
    [
        ({}, "blocked", "Enable Client Credentials Flow"),
        ({"client_credentials": True}, "blocked", "Run As"),
    ],
)
def test_what_is_not_set_up_is_named(
    walk: ConnectionWalk, app_settings: dict[str, bool], reason: str, message: str
) -> None:
    walk.make_app(**app_settings)
    walk.save(auth_method="client_credentials")
    for _ in range(3):
        walk.make_due()
        walk.work()
    assert (walk.state, walk.reason) == ("needs_attention", reason)
    assert message in walk.visitor.text
    walk.practice.change(walk.client_id, **HEADLESS)
    walk.visitor.post(f"/connections/{walk.id}/watch")
    walk.work()
    assert walk.state == "connected"


def test_my_domain_only(walk: ConnectionWalk) -> None:
    walk.make_app(**HEADLESS)
    for login in ({"login_host": "production"}, {"login_host": "sandbox"}, {"login_url": "login.salesforce.com"}):
        response = walk.visitor.post(
            "/connections/new/salesforce", walk.fields(auth_method="client_credentials", **login)
        )
        assert response.status_code == 422
        assert "only at the org’s own address" in walk.visitor.error_at("auth_method")


def test_a_stale_token_is_replaced_without_a_person(walk: ConnectionWalk) -> None:
    walk.make_app(**HEADLESS)
    walk.save(auth_method="client_credentials")
    walk.work()
    walk.outlive_token()
    assert walk.state == "connected"
    assert len(walk.practice.tokens()) == 2


def test_disconnecting_rests_until_somebody_wants_it_back(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.make_app(**HEADLESS)
    walk.save(auth_method="client_credentials")
    walk.work()
    walk.visitor.post(f"/connections/{walk.id}/disconnect")
    assert walk.state == "ready_to_authorize"
    assert walk.stored().due_at is None
    walk.visitor.post(f"/connections/{walk.id}/authenticate")
    walk.work()
    assert walk.state == "connected"
