"""Nothing that works is given up before its successor works; what is replaced is revoked then, and not before."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from datasync_flask.api.definitions import save_connection
from datasync_flask.connections.models import Connection
from datasync_flask.extensions import db
from datasync_flask.salesforce_connections import token_grants
from datasync_flask.salesforce_connections.models import Revocation
from tests.salesforce_connections.test_hand_off import make_link
from tests.salesforce_connections.test_other_org import live, revoke, status_text
from tests.support.connection import CALLBACK_URL, ConnectionWalk
from tests.support.extraction import Extracting
from tests.support.visitor import Visitor


def save(walk: ConnectionWalk, **changes: str) -> None:
    walk.visitor.get(f"/connections/{walk.id}/edit")
    walk.visitor.submit("connection-form", **changes)
    walk.visitor.follow()


def works_still(walk: ConnectionWalk) -> None:
    """The tokens can be used, and refreshed with what they were got with."""
    walk.practice.expire()
    with walk.app.app_context():
        held = token_grants.current_token(walk.id)
        assert token_grants.refreshed_token(walk.id, held).token.access_token in live(walk, "access")
    revoke(walk)
    assert live(walk)


@pytest.mark.parametrize(
    "change",
    [
        {"client_secret": "typo"},
        {"client_id": "3MVG9unknown"},
        {"login_host": "production", "client_secret": "typed-again"},
        {"auth_method": "client_credentials"},
        {"client_id": ""},
        {"client_secret_use": "none"},
        {"login_host": "sandbox", "client_secret": "typed-again"},
        {"auth_method": "jwt_bearer", "username": "nobody@practice.example"},
        {"permission_level": "full"},
    ],
)
@pytest.mark.slow
def test_changed_settings_leave_what_works(walk: ConnectionWalk, change: dict[str, str]) -> None:
    walk.to_connected()
    save(walk, **change)
    works_still(walk)
    if "permission_level" not in change:
        assert "Works with the previous settings" in status_text(walk)


def test_a_wrong_secret_is_told_and_can_be_taken_back(walk: ConnectionWalk) -> None:
    walk.to_connected()
    save(walk, client_secret="typo")
    for _ in range(4):
        walk.make_due()
        walk.work()
    assert (walk.state, walk.reason) == ("connected", "secret_refused")
    text = walk.visitor.text
    assert "The new settings were refused: Client Secret refused" in text
    assert "Connected to Practice Org" in text
    works_still(walk)
    assert walk.visitor.post(f"/connections/{walk.id}/go-back").status_code == 303
    walk.work()
    assert (walk.state, walk.reason) == ("connected", "")
    assert "previous settings" not in status_text(walk)


def test_a_typo_by_a_program_or_by_a_stranger_leaves_what_works(walk: ConnectionWalk) -> None:
    walk.to_connected()
    with walk.app.test_request_context():
        save_connection({"client_secret": "typo"}, db.session.get_one(Connection, walk.id), by=None)
    works_still(walk)
    assert "Works with the previous settings" in status_text(walk)
    assert walk.visitor.post(f"/connections/{walk.id}/go-back").status_code == 303
    stranger, link = Visitor(walk.app), make_link(walk)
    stranger.get(link)
    assert stranger.post(link, {"client_id": walk.client_id, "client_secret": "typo"}).status_code == 303
    works_still(walk)
    for _ in range(4):
        walk.make_due()
        walk.work()
    assert (walk.state, walk.reason) == ("connected", "secret_refused")
    works_still(walk)


def test_a_run_goes_on_with_what_works(walk: ConnectionWalk, tmp_path: Path) -> None:
    walk.to_connected()
    extracting = Extracting(walk, tmp_path)
    extracting.org.do("Account", "generate", count=3)
    extracting.make(["Account"], extracting.make_destination("sqlite", {"path": "w.sqlite"}))
    save(walk, client_secret="typo")
    walk.practice.expire()
    extracting.done()
    extracting.assert_same("Account")


def test_the_old_tokens_are_revoked_once_the_new_ones_work(walk: ConnectionWalk) -> None:
    walk.to_connected()
    (old,) = live(walk)
    other = walk.practice.register(CALLBACK_URL)
    save(walk, client_id=other["client_id"], client_secret=other["client_secret"])
    walk.work()
    assert walk.state == "ready_to_authorize"
    revoke(walk)
    assert old in live(walk)
    walk.allow()
    revoke(walk)
    assert old in live(walk)
    walk.work()
    assert (walk.state, walk.reason) == ("connected", "")
    revoke(walk)
    assert old not in live(walk)
    assert len(live(walk)) == 1


def test_six_authentications_leave_one_approval(walk: ConnectionWalk) -> None:
    walk.to_connected()
    for _ in range(6):
        walk.allow()
        walk.work()
        revoke(walk)
        assert walk.state == "connected"
        assert len(live(walk)) == 1


def test_the_same_refresh_token_again_is_not_revoked(walk: ConnectionWalk) -> None:
    walk.to_connected()
    (token,) = live(walk)
    walk.practice.fault("token", kind="change", headers={"refresh_token": token})
    walk.allow()
    walk.work()
    assert walk.state == "connected"
    revoke(walk)
    assert token in live(walk)


def test_a_new_grant_that_does_not_work_is_given_back(walk: ConnectionWalk) -> None:
    walk.to_connected()
    (old,) = live(walk)
    walk.allow()
    walk.practice.change_org(api_disabled="user")
    walk.work()
    assert (walk.state, walk.reason) == ("connected", "api_disabled")
    walk.practice.change_org(api_disabled="")
    revoke(walk)
    assert live(walk) == [old]


def test_tokens_that_come_after_a_disconnect_are_given_back(
    walk: ConnectionWalk, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.to_ready()
    walk.allow()
    real = token_grants.oauth.exchange_code

    def disconnect_meanwhile(*args: object) -> object:
        answer = real(*args)  # type: ignore[arg-type]
        walk.visitor.post(f"/connections/{walk.id}/disconnect")
        return answer

    monkeypatch.setattr(token_grants.oauth, "exchange_code", disconnect_meanwhile)
    walk.work()
    assert walk.state == "ready_to_authorize"
    revoke(walk)
    assert live(walk) == []
    with walk.app.app_context():
        assert db.session.scalars(select(Revocation)).all() == []
