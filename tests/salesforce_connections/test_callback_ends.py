"""Each end of the callback says where the connection stands, and links to it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

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


def state_of(location: str) -> str:
    return parse_qs(urlsplit(location).query)["state"][0]


def refused(walk: ConnectionWalk, location: str, *words: str) -> None:
    """The page says why, where the connection stands, and leads there."""
    assert walk.come_back(location) == 400
    for each in words:
        assert each in walk.visitor.text, walk.visitor.text
    assert links_to(walk, walk.visitor)


EDITS = [
    ({"client_id": "3MVG9_another"}, "Waiting for propagation"),
    ({"client_secret": "another"}, "Waiting for propagation"),
    ({"client_id": ""}, "Draft"),
    ({"login_host": "sandbox", "client_secret": "another"}, "Waiting for propagation"),
    ({"auth_method": "client_credentials"}, "Waiting for propagation"),
]


@pytest.mark.parametrize(("changes", "label"), EDITS)
def test_a_connection_that_was_edited_meanwhile(walk: ConnectionWalk, changes: dict[str, str], label: str) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    walk.visitor.get(f"/connections/{walk.id}/edit")
    walk.visitor.submit("connection-form", **changes)
    refused(walk, location, "the connection was changed meanwhile", label, "Sales EMEA", "your settings are saved")


def test_a_connection_that_was_disconnected_meanwhile(walk: ConnectionWalk) -> None:
    walk.to_connected()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    walk.visitor.post(f"/connections/{walk.id}/disconnect")
    refused(walk, location, "Ready to connect", "Authenticate and Save")


def test_the_second_answer_while_the_first_is_taken_in(walk: ConnectionWalk) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    assert walk.come_back(location) == 303
    refused(walk, location, "used already", "Connecting", "changes by itself")


def test_once_more_while_another_org_is_asked_about(walk: ConnectionWalk) -> None:
    walk.to_connected()
    walk.practice.change_org(org_id="00D5g000004OthrEAC", org_name="Other Org")
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    assert walk.come_back(location) == 303
    walk.work()
    assert (walk.state, walk.reason) == ("connected", "other_org")
    refused(walk, location, "still connected to Practice Org", "Another org answered", "what to do next")
    assert "nothing left to do" not in walk.visitor.text


def test_once_more_after_a_renewal_that_failed(walk: ConnectionWalk) -> None:
    walk.to_connected()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce(), "deny")
    assert walk.come_back(location) == 303
    refused(walk, location, "still connected to Practice Org", "Access was denied", "end-user denied authorization")


def test_a_deleted_connection_has_no_settings_any_more(walk: ConnectionWalk) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    walk.visitor.post(f"/connections/{walk.id}/delete", {"description": "Sales EMEA"})
    assert walk.come_back(location) == 400
    assert "was deleted" in walk.visitor.text
    assert "settings are saved" not in walk.visitor.text
    assert "/connections" in walk.visitor.page.xpath("//main//a/@href")


WORDS = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"error": "brand_new", "error_description": "Nobody saw this"}, "brand_new: Nobody saw this"),
        ({"error": "brand_new"}, "brand_new"),
        ({"error": "x", "error_description": WORDS}, f"x: {WORDS}"),
        ({"error": "<b>", "error_description": "two\r\nlines\u202e"}, "<b>: two lines"),
        ({"error": "x", "error_description": "y" * 9000}, "x: yyy"),
    ],
)
def test_an_error_is_shown_as_salesforce_said_it(walk: ConnectionWalk, query: dict[str, str], said: str) -> None:
    walk.to_ready()
    state = state_of(walk.leave_for_salesforce())
    # Without a state nobody can tell which connection it is about; the words still count.
    assert walk.come_back(f"{CALLBACK_URL}?{urlencode(query)}") == 400
    assert said in walk.visitor.text
    assert not walk.visitor.page.xpath("//main//script | //main//img | //main//b[not(text())]")
    assert walk.come_back(f"{CALLBACK_URL}?{urlencode({**query, 'state': state})}") == 303
    assert (walk.state, walk.reason) == ("needs_attention", "unexpected")
    assert said in walk.visitor.text
    assert not walk.visitor.page.xpath("//main//script | //main//img[@onerror]")


def test_an_error_that_came_too_late_is_shown_too(clock: Any, walk: ConnectionWalk) -> None:
    walk.to_ready()
    state = state_of(walk.leave_for_salesforce())
    clock.shift(601)
    refused(
        walk, f"{CALLBACK_URL}?error=brand_new&error_description=words&state={state}", "More than 10 minutes",
        "brand_new: words", "Needs attention", "Nobody came back from Salesforce",
    )  # fmt: skip


def test_other_people_and_other_browsers_are_told_where_it_stands(walk: ConnectionWalk, sign_in: Any) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    for role in ("editor", "admin"):
        other = sign_in(role)
        assert other.get(path_of(location)).status_code == 400
        assert "Connecting" in other.text
        assert links_to(walk, other)
    assert walk.state == "authorizing"
    assert walk.come_back(location) == 303


@pytest.mark.parametrize("state", ["{id}", "{id}.", "{id}.wrong", ".{id}", "{id}.\u0661", "%s.x", "0123456789abcdef.x"])
def test_states_that_nobody_gave(walk: ConnectionWalk, state: str) -> None:
    walk.to_ready()
    query = urlencode({"state": state.replace("{id}", walk.id), "code": "x"})
    assert walk.come_back(f"{CALLBACK_URL}?{query}") == 400
    assert walk.state == "ready_to_authorize"


def test_what_an_app_that_worked_is_refused_for(clock: Any, walk: ConnectionWalk) -> None:
    walk.to_connected()
    clock.shift(7200)
    state = state_of(walk.leave_for_salesforce())
    query = {"error": "invalid_client_id", "error_description": "client identifier invalid", "state": state}
    assert walk.come_back(f"{CALLBACK_URL}?{urlencode(query)}") == 303
    walk.show()
    assert "App no longer known" in walk.visitor.text
    assert "client identifier invalid" in walk.visitor.text
