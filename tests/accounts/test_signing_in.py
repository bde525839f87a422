from __future__ import annotations

import pytest
import time_machine
from flask import Flask

from datasync_flask.accounts import service
from datasync_flask.accounts.models import Role, User
from datasync_flask.accounts.service import AccountError, create_user, set_password
from datasync_flask.config import Settings
from datasync_flask.extensions import db
from tests.conftest import EMAIL, PASSWORD
from tests.support.visitor import Visitor


@pytest.fixture
def stranger(app: Flask) -> Visitor:
    return Visitor(app)


def sign_in(visitor: Visitor, email: str = EMAIL, password: str = PASSWORD, **fields: str) -> int:
    visitor.get("/login")
    return visitor.post("/login", {"email": email, "password": password, **fields}).status_code


def test_every_page_leads_to_sign_in_and_back(stranger: Visitor, people: dict[str, int]) -> None:
    assert stranger.get("/connections/new?x=1").status_code == 302
    stranger.follow()
    assert [label.text for label in stranger.page.xpath("//main//label")] == ["Email", "Password"]
    assert stranger.page.xpath("//form//button")[0].text.strip() == "Sign in"
    stranger.post("/login", {"email": f" {EMAIL.upper()} ", "password": PASSWORD, "next": "/connections/new?x=1"})
    assert stranger.response.headers["Location"] == "/connections/new?x=1"
    assert stranger.follow().status_code == 200


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\tevil",
        "x",
        "",
    ],
)
def test_next_never_leads_elsewhere(stranger: Visitor, people: dict[str, int], target: str) -> None:
    sign_in(stranger, next=target)
    assert stranger.response.headers["Location"] == "/"


def test_unknown_account_and_wrong_password_get_the_same_answer(stranger: Visitor, people: dict[str, int]) -> None:
    answers = []
    for email, password in ((EMAIL, "wrong password"), ("nobody@example.com", PASSWORD)):
        assert sign_in(stranger, email, password) == 422
        answers.append(stranger.error_at("password"))
        assert stranger.page.get_element_by_id("email").get("value") == email
        assert not stranger.page.get_element_by_id("password").get("value")
    assert answers == ["The email address or the password is wrong."] * 2
    assert stranger.page.xpath("//div[@role='alert']/h2")[0].text == "Couldn’t sign in"


def test_a_fresh_server_says_where_the_set_up_link_is(app: Flask) -> None:
    fresh = Visitor(app)
    fresh.get("/login")
    assert (
        "There is no account yet. The link for creating the first one is printed where DataSync was started"
        in fresh.text
    )


def test_with_accounts_nothing_is_said_of_a_set_up_link(stranger: Visitor, people: dict[str, int]) -> None:
    stranger.get("/login")
    assert "There is no account yet" not in stranger.text


def test_many_failures_are_slowed_down_and_good_sign_ins_are_not(
    clock: time_machine.Traveller, app: Flask, people: dict[str, int]
) -> None:
    for _ in range(15):
        assert sign_in(Visitor(app)) == 303
    attacker = Visitor(app)
    statuses = [sign_in(attacker, EMAIL, f"guess number {number}") for number in range(12)]
    assert statuses == [422] * 10 + [429] * 2
    assert "You can try again at" in attacker.text
    assert sign_in(attacker, "viewer@example.com") == 303
    clock.shift(301)
    assert sign_in(Visitor(app)) == 303


def test_the_session_changes_at_sign_in_and_ends_on_the_server_at_sign_out(app: Flask, people: dict[str, int]) -> None:
    visitor = Visitor(app)
    visitor.get("/login")
    before = visitor.client.get_cookie("datasync_session", "127.0.0.1")
    assert sign_in(visitor) == 303
    cookie = visitor.client.get_cookie("datasync_session", "127.0.0.1")
    assert before is not None
    assert cookie is not None
    assert cookie.value != before.value
    assert cookie.http_only
    visitor.get("/connections")
    assert visitor.post("/logout").status_code == 303
    thief = Visitor(app)
    thief.client.set_cookie("datasync_session", cookie.value, domain="127.0.0.1")
    assert thief.get("/connections").status_code == 302


def test_pages_opened_at_once_after_sign_in_share_a_csrf_token(app: Flask, people: dict[str, int]) -> None:
    visitor = Visitor(app)
    sign_in(visitor)
    cookie = visitor.client.get_cookie("datasync_session", "127.0.0.1")
    assert cookie is not None
    visitor.get("/connections/new/salesforce")
    assert "Set-Cookie" not in visitor.response.headers
    token = visitor.csrf_token
    visitor.client.set_cookie("datasync_session", cookie.value, domain="127.0.0.1")
    data = {"csrf_token": token, "description": "From the other tab"}
    assert visitor.open("/connections/new/salesforce", method="POST", data=data).status_code == 303


def test_a_new_password_ends_all_sessions(app: Flask, people: dict[str, int]) -> None:
    visitor = Visitor(app)
    sign_in(visitor)
    with app.app_context():
        set_password(db.session.get_one(User, people["admin"]), "another good password")
    assert visitor.get("/connections").status_code == 302
    assert sign_in(Visitor(app)) == 422
    assert sign_in(Visitor(app), password="another good password") == 303


def test_a_session_ends_after_two_weeks(clock: time_machine.Traveller, app: Flask, people: dict[str, int]) -> None:
    visitor = Visitor(app)
    sign_in(visitor)
    clock.shift(13 * 86400)
    assert visitor.get("/connections").status_code == 200
    clock.shift(2 * 86400)
    assert visitor.get("/connections").status_code == 302


def test_posting_without_csrf_token_changes_nothing(visitor: Visitor) -> None:
    visitor.get("/connections")
    response = visitor.open("/connections/new/salesforce", method="POST", data={"description": "x"})
    assert response.status_code == 400
    assert "open for too long" in visitor.text
    assert visitor.open("/logout", method="POST").status_code == 400
    assert visitor.get("/connections").status_code == 200


def test_the_set_up_link_makes_the_first_administrator_once(app: Flask, stranger: Visitor) -> None:
    with app.app_context():
        link = service.first_administrator(app)
    assert link is not None
    path = link.removeprefix("http://127.0.0.1:5000")
    assert stranger.get("/setup").status_code == 403
    assert "printed where DataSync was started" in stranger.text
    assert stranger.get("/setup?token=wrong").status_code == 403
    stranger.get(path)
    assert stranger.post(path, {"email": "not an address", "password": "short"}).status_code == 422
    assert "Enter an email address" in stranger.error_at("email")
    stranger.post(path, {"email": "ada@acme.internal", "password": "short"})
    assert "at least 10 characters" in stranger.error_at("password")
    assert stranger.page.get_element_by_id("email").get("value") == "ada@acme.internal"
    assert stranger.post(path, {"email": "ada@acme.internal", "password": PASSWORD}).status_code == 303
    assert stranger.follow().status_code == 200
    with app.app_context():
        assert db.session.query(User).one().role == Role.ADMIN
        assert service.first_administrator(app) is None
    assert Visitor(app).get(path).status_code == 303


def test_the_first_administrator_can_come_from_settings(app: Flask, settings: Settings) -> None:
    app.config["SETTINGS"] = settings.model_copy(update={"admin_email": EMAIL, "admin_password": PASSWORD})
    with app.app_context():
        assert service.first_administrator(app) is None
        assert service.first_administrator(app) is None
        assert db.session.query(User).count() == 1
    assert sign_in(Visitor(app)) == 303


@pytest.mark.parametrize(
    ("email", "password", "field"),
    [
        ("x", PASSWORD, "email"),
        ("a@b", PASSWORD, "email"),
        (EMAIL, "short", "password"),
        (EMAIL, "x" * 300, "password"),
    ],
)
def test_bad_accounts_are_refused(app: Flask, email: str, password: str, field: str) -> None:
    with app.app_context(), pytest.raises(AccountError) as error:
        create_user(email, password, Role.EDITOR)
    assert error.value.field == field


def test_an_address_is_taken_once(app: Flask, people: dict[str, int]) -> None:
    with app.app_context(), pytest.raises(AccountError):
        create_user(EMAIL.upper(), PASSWORD, Role.VIEWER)


def test_passwords_are_argon2id_and_the_same_in_any_unicode_form(app: Flask) -> None:
    with app.app_context():
        user = create_user("zoë@example.com", "passwört passwört", Role.EDITOR)
        assert user.password_hash.startswith("$argon2id$")
        assert service.authenticate(user.email, "passwo\u0308rt passwo\u0308rt") is not None


def test_roles_are_ordered() -> None:
    assert [role.rank for role in Role] == [0, 1, 2]


def test_localhost_and_127_are_one_place(visitor: Visitor, app: Flask) -> None:
    elsewhere = Visitor(app, "http://localhost:5000")
    response = elsewhere.get("/login?next=/connections")
    assert response.status_code == 302
    assert response.headers["Location"] == "http://127.0.0.1:5000/login?next=/connections"
    assert Visitor(app, "http://localhost:5000").get("/healthz").status_code == 200
