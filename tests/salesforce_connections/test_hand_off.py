"""A hand-off link shows the guide and takes two values, for whoever has it; nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable

import time_machine

from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor


def make_link(walk: ConnectionWalk) -> str:
    walk.visitor.get(f"/connections/{walk.id}/hand-off")
    assert walk.visitor.post(f"/connections/{walk.id}/hand-off", {}).status_code == 200
    (found,) = set(re.findall(r"http://127\.0\.0\.1:5000(/hand-off/[\w-]+)", walk.visitor.response.text))
    return str(found)


def test_a_stranger_enters_the_values_and_the_connection_goes_on(walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.save(client_id="", client_secret="")
    stranger = Visitor(walk.app)
    link = make_link(walk)
    assert stranger.get(link).status_code == 200
    assert "http://127.0.0.1:5000/oauth/salesforce/callback" in stranger.text
    assert "New External Client App" in stranger.text
    values = {"client_id": walk.client_id, "client_secret": walk.salesforce_app["client_secret"]}
    assert stranger.post(link, values).status_code == 303
    stranger.get(link)
    assert "the values are stored" in stranger.text
    walk.work()
    assert walk.state == "ready_to_authorize"
    walk.allow()
    walk.work()
    assert walk.state == "connected"
    walk.visitor.get("/audit?event=hand_off_used")
    assert "hand-off link made by ada@example.com" in walk.visitor.text
    assert walk.salesforce_app["client_secret"] not in walk.visitor.response.text
    walk.visitor.post("/language", {"language": "de"})
    walk.visitor.get("/audit?event=hand_off_used")
    assert "Übergabe-Link von ada@example.com" in walk.visitor.text


def test_what_is_typed_wrong_is_told_at_its_field(walk: ConnectionWalk) -> None:
    walk.save(client_id="", client_secret="")
    stranger, link = Visitor(walk.app), make_link(walk)
    stranger.get(link)
    assert stranger.post(link, {"client_id": "two words", "client_secret": "also wrong"}).status_code == 422
    assert "no spaces" in stranger.page.get_element_by_id("client_id-error").text_content()
    assert "This can’t be a Client Secret" in stranger.page.get_element_by_id("client_secret-error").text_content()
    assert stranger.page.get_element_by_id("client_id").get("value") == "two words"
    assert "also wrong" not in stranger.response.text


def test_a_mistake_in_the_client_id_loses_no_secret(walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.save(client_id="", client_secret="")
    secret = walk.salesforce_app["client_secret"]
    stranger, link = Visitor(walk.app), make_link(walk)
    stranger.get(link)
    assert stranger.post(link, {"client_id": "two words", "client_secret": secret}).status_code == 422
    assert "The secret you typed is kept" in stranger.page.get_element_by_id("client_secret-hint").text_content()
    assert secret not in stranger.response.text
    form = stranger.page.get_element_by_id("hand-off-form")
    assert stranger.post(link, dict(form.form_values()) | {"client_id": walk.client_id}).status_code == 303
    walk.work()
    assert walk.state == "ready_to_authorize"


def test_the_link_opens_nothing_else_and_shows_no_more_than_needed(walk: ConnectionWalk) -> None:
    walk.to_connected()
    stranger, link = Visitor(walk.app), make_link(walk)
    stranger.get(link)
    for hidden in ("ada@practice.example", "Practice Org", walk.client_id, "Sales EMEA"):
        assert hidden not in stranger.response.text
    for path in (f"/connections/{walk.id}", "/connections", "/people", f"/connections/{walk.id}/hand-off"):
        assert stranger.get(path).status_code == 302
    assert stranger.post(f"/connections/{walk.id}/edit", {"description": "mine"}).status_code == 401


def test_empty_values_are_asked_for_in_a_summary(walk: ConnectionWalk) -> None:
    walk.save(client_id="")
    stranger, link = Visitor(walk.app), make_link(walk)
    stranger.get(link)
    assert stranger.post(link, {"client_id": "", "client_secret": ""}).status_code == 422
    summary = stranger.page.xpath("//div[@role='alert']")[0]
    assert summary.xpath("h2")[0].text == "There’s a problem"
    assert [each.text for each in summary.xpath(".//a")] == [
        "Enter the Client ID. It is the app’s Consumer Key.",
        "Enter the Client Secret. It is the app’s Consumer Secret.",
    ]


def test_it_ends_by_withdrawal_and_by_time(walk: ConnectionWalk) -> None:
    walk.save(client_id="")
    link = make_link(walk)
    (form,) = [form for form in walk.visitor.page.forms if "/withdraw" in (form.get("action") or "")]
    walk.visitor.post(form.get("action"), dict(form.form_values()))
    stranger = Visitor(walk.app)
    assert stranger.get(link).status_code == 404
    assert "This link has expired" in stranger.text
    assert stranger.get("/hand-off/made-up").status_code == 404
    later = make_link(walk)
    with time_machine.travel("2026-12-24", tick=True):
        assert stranger.get(later).status_code == 404
    assert stranger.get(later).status_code == 200


def test_viewers_make_none(walk: ConnectionWalk, sign_in: Callable[..., Visitor]) -> None:
    walk.save(client_id="")
    viewer = sign_in("viewer")
    assert viewer.get(f"/connections/{walk.id}/hand-off").status_code == 403
