"""Each end of the callback says where the connection stands, and links to it."""

from __future__ import annotations

from typing import Any

from tests.conftest import EMAIL, PASSWORD
from tests.support.connection import CALLBACK_URL, ConnectionWalk


def path_of(location: str) -> str:
    assert location.startswith(CALLBACK_URL)
    return location.removeprefix("http://127.0.0.1:5000")


def sign_out(walk: ConnectionWalk) -> None:
    walk.visitor.get("/connections")
    assert walk.visitor.post("/logout").status_code == 303


def links_to(walk: ConnectionWalk, visitor: Any) -> bool:
    return any(f"/connections/{walk.id}" in str(href) for href in visitor.page.xpath("//main//a/@href"))


def test_signed_out_and_in_again_as_the_same_person(walk: ConnectionWalk) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    sign_out(walk)
    walk.visitor.get("/login")
    assert walk.visitor.post("/login", {"email": EMAIL, "password": PASSWORD}).status_code == 303
    assert walk.come_back(location) == 303
    walk.work()
    assert walk.state == "connected"


def test_signed_out_at_the_callback(walk: ConnectionWalk) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    sign_out(walk)
    assert walk.come_back(location) == 302
    walk.visitor.follow()
    target = walk.visitor.page.xpath("//input[@name='next']/@value")[0]
    response = walk.visitor.post("/login", {"email": EMAIL, "password": PASSWORD, "next": target})
    assert response.headers["Location"] == path_of(location)
    walk.visitor.follow()
    walk.work()
    assert walk.state == "connected"


def test_back_and_allow_again_after_success(walk: ConnectionWalk) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    assert walk.come_back(location) == 303
    walk.work()
    assert walk.come_back(location) == 400
    assert "already connected to Practice Org as ada@practice.example" in walk.visitor.text
    assert "Authenticate and Save" not in walk.visitor.text
    assert links_to(walk, walk.visitor)


def test_an_answer_for_a_connection_that_was_deleted(walk: ConnectionWalk) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    walk.visitor.post(f"/connections/{walk.id}/delete")
    assert walk.come_back(location) == 400
    assert "was deleted" in walk.visitor.text


def test_a_viewer_is_told_and_ends_nothing(walk: ConnectionWalk, sign_in: Any) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    viewer = sign_in("viewer")
    assert viewer.get(path_of(location)).status_code == 403
    assert "may only read" in viewer.text
    assert links_to(walk, viewer)
    assert walk.come_back(location) == 303


def test_an_answer_that_came_too_late_ends_the_attempt(clock: Any, walk: ConnectionWalk) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    clock.shift(601)
    assert walk.come_back(location) == 400
    assert links_to(walk, walk.visitor)
    assert walk.state == "needs_attention"
