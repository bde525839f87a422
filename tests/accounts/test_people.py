"""Inviting, roles, passwords, sessions, tokens: what administrators and everybody do with accounts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from datasync_flask.accounts.models import User
from datasync_flask.extensions import db
from tests.conftest import EMAIL, PASSWORD
from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor

NEW = "another long password"


def link_shown(visitor: Visitor) -> str:
    (found,) = set(re.findall(r"http://127\.0\.0\.1:5000(/join/[\w-]+)", visitor.response.text))
    return str(found)


def invite(visitor: Visitor, email: str = "new@example.com", role: str = "editor") -> str:
    visitor.get("/people")
    assert visitor.post("/people/invite", {"email": email, "role": role}).status_code == 200
    return link_shown(visitor)


def join(app: Flask, link: str, password: str = NEW) -> Visitor:
    guest = Visitor(app)
    assert guest.get(link).status_code == 200
    guest.post(link, {"password": password})
    return guest


def id_of(app: Flask, email: str) -> int:
    with app.app_context():
        found = db.session.query(User).filter_by(email=email).one().id
        db.session.rollback()
        return found


def test_an_invited_person_comes_in_once_with_their_role(app: Flask, visitor: Visitor) -> None:
    link = invite(visitor)
    guest = join(app, link)
    assert guest.response.status_code == 303
    assert guest.get("/connections/new").status_code == 200
    assert guest.get("/people").status_code == 403
    assert Visitor(app).get(link).status_code == 404
    visitor.get("/people")
    assert "new@example.com" in visitor.text


def test_a_weak_password_is_told_and_the_link_goes_on_working(app: Flask, visitor: Visitor) -> None:
    link = invite(visitor)
    guest = join(app, link, "short")
    assert guest.response.status_code == 422
    assert "at least 10 characters" in guest.text
    assert join(app, link).response.status_code == 303


def test_an_invitation_is_withdrawn_and_too_old_after_a_week(app: Flask, visitor: Visitor) -> None:
    link = invite(visitor)
    (form,) = [form for form in visitor.page.forms if "/withdraw" in (form.get("action") or "")]
    assert visitor.post(form.get("action"), dict(form.form_values())).status_code == 303
    assert Visitor(app).get(link).status_code == 404
    link = invite(visitor)
    with time_machine.travel("2026-12-24", tick=True):
        assert Visitor(app).get(link).status_code == 404


@pytest.mark.parametrize(("email", "message"), [("nobody", "Enter an email address"), (EMAIL, "already an account")])
def test_who_cannot_be_invited(visitor: Visitor, email: str, message: str) -> None:
    visitor.get("/people")
    assert visitor.post("/people/invite", {"email": email, "role": "viewer"}).status_code == 422
    assert message in visitor.text
    assert visitor.page.get_element_by_id("email").get("value") == email


def test_the_last_administrator_stays(app: Flask, visitor: Visitor) -> None:
    me, other = id_of(app, EMAIL), id_of(app, "editor@example.com")
    visitor.get("/people")
    for path, data in ((f"/people/{me}/role", {"role": "viewer"}), (f"/people/{me}/remove", {})):
        visitor.get("/people")
        visitor.post(path, data)
        visitor.get("/people")
        assert "This is the last administrator" in visitor.text
    visitor.post(f"/people/{other}/role", {"role": "admin"})
    visitor.get("/people")
    assert visitor.post(f"/people/{me}/remove", {}).status_code == 303
    # Removed: what was open is signed out at once.
    assert visitor.get("/connections").status_code == 302


def test_a_role_counts_at_once(app: Flask, visitor: Visitor, sign_in: Callable[..., Visitor]) -> None:
    editor = sign_in("editor")
    assert editor.get("/connections/new").status_code == 200
    visitor.get("/people")
    visitor.post(f"/people/{id_of(app, 'editor@example.com')}/role", {"role": "viewer"})
    assert editor.get("/connections/new").status_code == 403


def test_a_lost_password(app: Flask, visitor: Visitor, sign_in: Callable[..., Visitor]) -> None:
    editor = sign_in("editor")
    visitor.get("/people")
    assert visitor.post(f"/people/{id_of(app, 'editor@example.com')}/reset", {}).status_code == 200
    assert join(app, link_shown(visitor)).get("/account").status_code == 200
    assert editor.get("/connections").status_code == 302
    back = Visitor(app)
    back.get("/login")
    assert back.post("/login", {"email": "editor@example.com", "password": PASSWORD}).status_code == 422
    assert back.post("/login", {"email": "editor@example.com", "password": NEW}).status_code == 303


def test_ones_own_password(app: Flask, sign_in: Callable[..., Visitor]) -> None:
    here, elsewhere = sign_in("viewer"), sign_in("viewer")
    here.get("/account")
    assert here.post("/account/password", {"present": "wrong", "password": NEW}).status_code == 422
    assert "This isn’t your current password." in here.text
    assert here.post("/account/password", {"present": PASSWORD, "password": "short"}).status_code == 422
    assert here.post("/account/password", {"present": PASSWORD, "password": NEW}).status_code == 303
    assert here.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 302


def test_signing_out_everywhere(sign_in: Callable[..., Visitor]) -> None:
    here, elsewhere = sign_in("viewer"), sign_in("viewer")
    here.get("/account")
    assert here.post("/account/sign-out-everywhere", {}).status_code == 303
    assert {here.get("/account").status_code, elsewhere.get("/account").status_code} == {302}


def test_tokens_are_shown_once_and_withdrawn(app: Flask, visitor: Visitor) -> None:
    visitor.get("/account")
    assert visitor.post("/account/tokens", {"name": "", "days": "30"}).status_code == 422
    assert visitor.post("/account/tokens", {"name": "backup job", "days": "30"}).status_code == 200
    (token,) = set(re.findall(r"dsp_[\w-]{20,}", visitor.response.text))
    headers = {"Authorization": f"Bearer {token}"}
    assert Visitor(app).get("/api/v1/connections", headers=headers).status_code == 200
    visitor.get("/account")
    assert token not in visitor.response.text
    (form,) = [form for form in visitor.page.forms if "/withdraw" in (form.get("action") or "")]
    visitor.post(form.get("action"), dict(form.form_values()))
    assert Visitor(app).get("/api/v1/connections", headers=headers).status_code == 401


def test_a_token_ends(app: Flask, visitor: Visitor) -> None:
    visitor.get("/account")
    visitor.post("/account/tokens", {"name": "job", "days": "30"})
    (token,) = set(re.findall(r"dsp_[\w-]{20,}", visitor.response.text))
    with time_machine.travel("2027-01-24", tick=True):
        assert Visitor(app).get("/api/v1/connections", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def grow_old(app: Flask) -> None:
    """Pretend everybody signed in two hours ago."""
    from datasync_flask.accounts.models import UserSession

    with app.app_context():
        for session in db.session.query(UserSession):
            session.confirmed_at -= timedelta(hours=2)
        db.session.commit()


def test_what_is_hard_to_undo_asks_for_the_password_again(walk: ConnectionWalk) -> None:
    walk.save(client_id="abc", client_secret="first-secret")
    visitor, path = walk.visitor, f"/connections/{walk.id}/edit"
    grow_old(walk.app)
    visitor.get(path)
    assert visitor.submit("connection-form", client_secret="second-secret", description="Typed").status_code == 422
    assert "enter your own password" in visitor.error_at("your_password")
    assert visitor.page.get_element_by_id("description").get("value") == "Typed"
    # The secret that was typed is kept, encrypted, for the next try.
    assert visitor.submit("connection-form", your_password=PASSWORD).status_code == 303
    assert walk.stored().description == "Typed"
    grow_old(walk.app)
    # Nothing else asks.
    visitor.get(path)
    assert visitor.submit("connection-form", description="Renamed").status_code == 303
    visitor.get(f"/connections/{walk.id}/delete")
    assert visitor.post(f"/connections/{walk.id}/delete", {"description": "Renamed"}).status_code == 422
    answer = visitor.post(f"/connections/{walk.id}/delete", {"description": "Renamed", "your_password": PASSWORD})
    assert answer.status_code == 303


def test_two_who_use_one_link_at_once(app: Flask, visitor: Visitor) -> None:
    from datasync_flask.accounts import people, service

    token = invite(visitor).rsplit("/", 1)[-1]
    with app.app_context():
        first, second = people.link_of(token), people.link_of(token)
        assert first is not None
        assert second is not None
        people.use_link(first, NEW)
        with pytest.raises(service.AccountError):
            people.use_link(second, NEW)
