"""What ends when, cell by cell: everything that a person holds is tried over HTTP after each change to their account."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from flask import Flask

from datasync_flask.accounts import service
from datasync_flask.accounts.endings import TABLE, Happening
from datasync_flask.accounts.models import Role
from datasync_flask.extensions import db
from datasync_flask.salesforce.transport import trust
from tests.conftest import EMAIL, PASSWORD
from tests.support.connection import ConnectionWalk
from tests.support.identity_provider import IdentityProvider, running_identity_provider
from tests.support.practice import PracticeOrg
from tests.support.visitor import Visitor

GRACE, NEW_PASSWORD = "grace@example.com", "another long password"


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with running_identity_provider() as provider:
        yield provider


@pytest.fixture
def app(make_app: Callable[..., Flask], provider: IdentityProvider) -> Flask:
    app = make_app(oidc_issuer=provider.origin, oidc_client_id="datasync", oidc_client_secret="s3cret")
    with app.app_context():
        for email in (EMAIL, GRACE):
            service.create_user(email, PASSWORD, Role.ADMIN)
    return app


def signed_in(app: Flask, email: str) -> Visitor:
    visitor = Visitor(app)
    visitor.get("/login")
    assert visitor.post("/login", {"email": email, "password": PASSWORD}).status_code == 303
    visitor.page = None
    return visitor


def shown(visitor: Visitor, pattern: str) -> str:
    found: set[str] = set(re.findall(pattern, visitor.response.text))
    assert len(found) == 1, found
    return found.pop()


class Everything:
    """A second administrator who holds one of each thing, and somebody who looks which of them still work."""

    def __init__(self, app: Flask, practice: PracticeOrg) -> None:
        self.app = app
        self.administrator = signed_in(app, EMAIL)
        with app.app_context():
            found = service.find(GRACE)
            assert found is not None
            self.id = found.id
            db.session.rollback()
        # First: pressing this ends everything else.
        self.reset_link = self.press_reset()
        self.browser, self.elsewhere = signed_in(app, GRACE), signed_in(app, GRACE)
        self.browser.get("/account")
        self.browser.post("/account/tokens", {"name": "job", "days": "30"})
        self.token = shown(self.browser, r"dsp_[\w-]{20,}")
        self.browser.get("/people")
        self.browser.post("/people/invite", {"email": "new@example.com", "role": "viewer"})
        self.invitation = shown(self.browser, r"http://127\.0\.0\.1:5000(/join/[\w-]+)")
        self.browser.get("/account")
        self.browser.post("/account/sso", {})
        self.through_provider(self.browser, "/account/sso/begin")
        handed = ConnectionWalk(app, self.browser, practice)
        handed.save(client_id="", client_secret="", description="Handed over")
        self.browser.get(f"/connections/{handed.id}/hand-off")
        self.browser.post(f"/connections/{handed.id}/hand-off", {})
        self.hand_off = shown(self.browser, r"http://127\.0\.0\.1:5000(/hand-off/[\w-]+)")
        self.stranger = Visitor(app)
        assert self.stranger.get(self.hand_off).status_code == 200
        self.walk = ConnectionWalk(app, self.browser, practice)
        self.walk.to_connected()
        self.way_back = practice.answer_as_person(self.walk.leave_for_salesforce(), "allow")

    def press_reset(self) -> str:
        self.administrator.get("/people")
        assert self.administrator.post(f"/people/{self.id}/reset", {}).status_code == 200
        return shown(self.administrator, r"http://127\.0\.0\.1:5000(/join/[\w-]+)")

    def set_role(self, role: str) -> None:
        self.administrator.get("/people")
        self.administrator.post(f"/people/{self.id}/role", {"role": role})
        self.administrator.get("/people")

    @staticmethod
    def through_provider(visitor: Visitor, path: str) -> None:
        answer = httpx2.get(visitor.get(path).headers["Location"], follow_redirects=False, verify=trust())
        back = urlsplit(answer.headers["Location"])
        visitor.get(f"{back.path}?{back.query}")

    def what_works(self) -> set[str]:
        # Posting with the page that was open before.
        handed = self.stranger.open(
            self.hand_off, method="POST",
            data={"csrf_token": self.stranger.csrf_token, "client_id": "abc", "client_secret": "def"},
        )  # fmt: skip
        by_sso = Visitor(self.app)
        self.through_provider(by_sso, "/sso")
        bearer = {"Authorization": f"Bearer {self.token}"}
        tried = {
            "sessions": self.elsewhere.get("/connections").status_code == 200,
            "attempts": self.walk.come_back(self.way_back) == 303,
            "tokens": Visitor(self.app).get("/api/v1/connections", headers=bearer).status_code == 200,
            "links_to_them": Visitor(self.app).get(self.reset_link).status_code == 200,
            "links_for_others": Visitor(self.app).get(self.invitation).status_code == 200,
            "hand_offs": handed.status_code == 303,
            "sign_on": by_sso.get("/connections").status_code == 200,
        }
        assert set(tried) == set(TABLE)
        return {name for name, works in tried.items() if works}


@pytest.fixture
def everything(app: Flask, practice: PracticeOrg) -> Everything:
    return Everything(app, practice)


def left_after(*happenings: Happening) -> set[str]:
    return {name for name, held in TABLE.items() if not held.ends_when.intersection(happenings)}


def test_all_of_it_works_before(everything: Everything) -> None:
    assert everything.what_works() == set(TABLE)


def test_removed(everything: Everything) -> None:
    everything.administrator.get("/people")
    everything.administrator.post(f"/people/{everything.id}/remove", {})
    assert everything.what_works() == left_after(Happening.REMOVED) == set()
    # What worked for the team goes on working.
    with everything.app.app_context():
        row = everything.walk.stored()
        assert (row.state, row.grant is not None) == ("connected", True)


@pytest.mark.parametrize(
    ("role", "happenings"),
    [
        ("editor", (Happening.NO_LONGER_ADMINISTRATOR,)),
        ("viewer", (Happening.NO_LONGER_ADMINISTRATOR, Happening.NO_LONGER_EDITOR)),
    ],
)
def test_another_role(everything: Everything, role: str, happenings: tuple[Happening, ...]) -> None:
    everything.set_role(role)
    message = [str(held.text) for held in TABLE.values() if held.ends_when.intersection(happenings)]
    assert f"Ended: {'; '.join(message)}." in everything.administrator.text
    # Having the role again brings nothing back.
    everything.set_role("admin")
    assert everything.what_works() == left_after(*happenings)


def test_an_editor_becomes_a_viewer(everything: Everything) -> None:
    everything.set_role("editor")
    everything.set_role("viewer")
    everything.set_role("editor")
    assert everything.what_works() == left_after(Happening.NO_LONGER_ADMINISTRATOR, Happening.NO_LONGER_EDITOR)


def test_a_password_reset_ends_at_once_what_it_ends(everything: Everything) -> None:
    everything.press_reset()
    assert everything.what_works() == left_after(Happening.PASSWORD_RESET) == set()


def test_a_password_reset_ends_it_again_when_the_new_password_is_chosen(app: Flask, practice: PracticeOrg) -> None:
    everything = Everything(app, practice)
    guest = Visitor(app)
    guest.get(everything.reset_link)
    assert guest.post(everything.reset_link, {"password": NEW_PASSWORD}).status_code == 303
    assert everything.what_works() == left_after(Happening.PASSWORD_RESET) == set()
    assert guest.get("/account").status_code == 200


def test_a_password_reset_on_the_command_line(everything: Everything) -> None:
    with everything.app.app_context():
        found = service.find(f" {GRACE.upper()} ")
        assert found is not None
        service.set_password(found, NEW_PASSWORD)
    assert everything.what_works() == left_after(Happening.PASSWORD_RESET)


def test_ones_own_password_changed(everything: Everything) -> None:
    everything.browser.get("/account")
    answer = everything.browser.post("/account/password", {"present": PASSWORD, "password": NEW_PASSWORD})
    assert answer.status_code == 303
    assert everything.browser.get("/account").status_code == 200
    assert everything.what_works() == left_after(Happening.PASSWORD_CHANGED)


def test_signed_out_everywhere(everything: Everything) -> None:
    everything.browser.get("/account")
    everything.browser.post("/account/sign-out-everywhere", {})
    assert everything.what_works() == left_after(Happening.SIGNED_OUT_EVERYWHERE)


def test_whoever_presses_a_button_reads_what_ends(everything: Everything) -> None:
    def at(visitor: Visitor, path: str, action: str) -> str:
        visitor.get(path)
        (form,) = [form for form in visitor.page.forms if (form.get("action") or "").endswith(action)]
        return re.sub(r"\s+", " ", form.getparent().text_content())

    for visitor, path, action, happening in (
        (everything.administrator, "/people", f"/people/{everything.id}/remove", Happening.REMOVED),
        (everything.administrator, "/people", f"/people/{everything.id}/reset", Happening.PASSWORD_RESET),
        (everything.browser, "/account", "/account/password", Happening.PASSWORD_CHANGED),
        (everything.browser, "/account", "/account/sign-out-everywhere", Happening.SIGNED_OUT_EVERYWHERE),
    ):
        text = at(visitor, path, action)
        for held in TABLE.values():
            message = str((path == "/account" and held.own_label) or held.text)
            assert (message in text) is (happening in held.ends_when), (action, message)
        assert path != "/account" or not re.search(r"\b(they|their)\b", text), text
    everything.administrator.get("/people")
    for happening in (Happening.NO_LONGER_ADMINISTRATOR, Happening.NO_LONGER_EDITOR):
        for held in TABLE.values():
            if happening in held.ends_when:
                assert str(held.text) in everything.administrator.text


def test_the_documentation_prints_the_table(app: Flask) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/people.md").read_text()
    with app.app_context():
        rows = [
            f"| {held.text} | "
            + " | ".join("ends" if happening in held.ends_when else "–" for happening in Happening)
            + " |"
            for held in TABLE.values()
        ]
    # In the order of Happening.
    head = (
        "| | Removed | No longer administrator | No longer editor | Password reset | Own password changed | "
        "Signed out everywhere |"
    )
    for line in (head, *rows):
        assert line in page, line


def test_a_connection_isnt_left_hanging(app: Flask, practice: PracticeOrg) -> None:
    everything = Everything(app, practice)
    walk = ConnectionWalk(app, everything.browser, practice)
    walk.make_app()
    walk.save(description="Never connected")
    walk.work()
    walk.leave_for_salesforce()
    everything.set_role("viewer")
    walk.visitor = everything.administrator
    assert walk.state == "needs_attention"
    assert "account of whoever left" in walk.visitor.text or "Nobody came back" in walk.visitor.text
    everything.walk.visitor = everything.administrator
    assert everything.walk.state == "connected"
    everything.walk.allow()
