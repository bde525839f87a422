"""A connection is proven by what runs need; an org that isn't at its address any more is asked for at the login host."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.salesforce_connections.test_other_org import status_text
from tests.support.connection import ConnectionWalk
from tests.support.practice import PracticeOrg, running_practice_org

JSON = {"Content-Type": "application/json"}


def close(walk: ConnectionWalk, status: int, body: str = "", headers: dict[str, str] | None = None) -> None:
    """Have every call of the data API answered like this; userinfo and identity work on."""
    walk.practice.fault("api", status=status, body=body, headers=headers or {}, times=None)


def said(code: str) -> str:
    return json.dumps([{"errorCode": code, "message": "No."}])


@pytest.mark.parametrize(
    ("status", "body", "headers", "reason"),
    [
        (301, "", {"Location": "https://acme.my.salesforce.com/"}, "api_disabled"),
        (302, "", {"Location": "/login"}, "api_disabled"),
        (404, "<html>nothing here", {"Content-Type": "text/html"}, "api_disabled"),
        (404, said("NOT_FOUND"), JSON, "api_disabled"),
        (404, said("URL_NOT_RESET"), JSON, "api_disabled"),
        (403, said("FORBIDDEN"), JSON, "api_disabled"),
        (403, said("API_DISABLED_FOR_ORG"), JSON, "api_disabled"),
        (403, said("SOMETHING_NEW"), JSON, "api_disabled"),
        (400, said("SOMETHING_NEW"), JSON, "api_disabled"),
        (303, "", {"Location": "/login"}, "api_disabled"),
        (302, "", {}, "api_disabled"),
        (403, "<html>Access Denied", {"Content-Type": "text/html"}, "api_disabled"),
        (410, said("UNSUPPORTED_API_VERSION"), JSON, "api_disabled"),
        (403, said("INACTIVE_ORG"), JSON, "blocked"),
        (403, said("TRIAL_EXPIRED"), JSON, "blocked"),
        (403, said("LOGIN_DURING_RESTRICTED_TIME"), JSON, "ip_restricted"),
        (200, "<html>URL No Longer Exists", {"Content-Type": "text/html"}, "api_disabled"),
        (200, "<html>", {"Content-Type": "text/html"}, "unreachable"),
        (200, "", {}, "unreachable"),
        (200, "{}", JSON, "unreachable"),
        (200, "[]", JSON, "unreachable"),
        (503, "<html>", {"Content-Type": "text/html"}, "unreachable"),
    ],
)
@pytest.mark.slow
def test_a_closed_data_api_is_no_connection(
    walk: ConnectionWalk, status: int, body: str, headers: dict[str, str], reason: str
) -> None:
    walk.to_connected()
    close(walk, status, body, headers)
    walk.visitor.post(f"/connections/{walk.id}/check")
    for _ in range(3):
        walk.work()
        walk.make_due()
    assert (walk.state, walk.reason) == ("needs_attention", reason), walk.visitor.text
    walk.practice.clear_faults()
    walk.visitor.post(f"/connections/{walk.id}/check")
    walk.work()
    assert walk.state == "connected"


@pytest.fixture
def second_address(walk: ConnectionWalk) -> Any:
    """The address that the org moved away from: another server, which answers everything as it is told."""
    with running_practice_org() as left:
        trusted = frozenset({*walk.app.config["SETTINGS"].salesforce_hosts, left.origin})
        object.__setattr__(walk.app.config["SETTINGS"], "salesforce_hosts", trusted)
        yield left


def move_from(walk: ConnectionWalk, origin: str) -> None:
    """Have the token answers of the connection's authorization name an address that the org then leaves."""
    walk.to_ready()
    walk.practice.fault("token", kind="change", headers={"instance_url": origin})
    walk.allow()


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 301, "headers": {"Location": "https://acme.my.salesforce.com/"}},
        {"status": 308, "headers": {"Location": "https://acme.my.salesforce.com/"}},
        {"status": 404, "body": "<html>", "headers": {"Content-Type": "text/html"}},
        {"status": 404, "body": said("URL_NOT_RESET"), "headers": JSON},
    ],
)
def test_a_moved_org_is_found_by_one_refresh(
    walk: ConnectionWalk, second_address: PracticeOrg, answer: dict[str, Any]
) -> None:
    second_address.fault("api", times=None, **answer)
    move_from(walk, second_address.origin)
    before = walk.practice.requests()["token"]
    walk.work()
    assert walk.state == "connected", walk.visitor.text
    # One for the code, one for the address.
    assert walk.practice.requests()["token"] == before + 2
    stored = walk.stored().grant
    assert stored is not None
    assert stored.instance_url == walk.practice.origin


def test_an_address_that_nobody_knows_any_more_is_asked_for(walk: ConnectionWalk) -> None:
    walk.to_connected()
    with walk.app.app_context():
        from datasync_flask.extensions import db
        from datasync_flask.salesforce_connections import store

        connection = store.load(walk.id)
        assert connection is not None
        assert connection.grant is not None
        connection.grant.instance_url = "https://gone.invalid.my.salesforce.com"
        db.session.commit()
    walk.visitor.post(f"/connections/{walk.id}/check")
    walk.work()
    assert walk.state == "connected", walk.visitor.text
    stored = walk.stored().grant
    assert stored is not None
    assert stored.instance_url == walk.practice.origin


def test_where_asking_does_not_help_the_instance_is_to_blame(walk: ConnectionWalk) -> None:
    walk.to_connected()
    gone = "https://gone.invalid.my.salesforce.com"
    walk.practice.fault("token", kind="change", headers={"instance_url": gone}, times=None)
    walk.outlive_token()
    for _ in range(3):
        walk.make_due()
        walk.work()
    assert (walk.state, walk.reason) == ("needs_attention", "unreachable")
    assert "the login host itself works" in status_text(walk)
    assert "gone.invalid" in status_text(walk)
