"""From an empty form to a connection that works, and what each page says on the way."""

from __future__ import annotations

from datetime import timedelta

import time_machine

from tests.support.connection import ConnectionWalk


def test_the_whole_way(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.make_app(propagation_seconds=100)
    walk.save()
    assert walk.state == "waiting_for_propagation"
    assert "Checking for the first time" in walk.visitor.text

    walk.work()
    status = walk.show()
    assert status.get("data-reason") == "client_unknown"
    assert "waiting for propagation" in status.text_content().lower()
    assert "Salesforce doesn’t know this Client ID yet." in walk.visitor.text
    assert "2 to 10 minutes" in walk.visitor.text
    assert "You can close this page" in walk.visitor.text
    times = [element.get("datetime") for element in status.xpath(".//p[@class='soft']//time")]
    assert times[0].startswith("2026-11-24T12:00:00")
    assert times[1].startswith("2026-11-24T12:00:05")

    clock.shift(timedelta(seconds=101))
    walk.work()
    assert walk.state == "ready_to_authorize"

    walk.allow()
    assert walk.state == "authorizing"
    walk.work()

    status = walk.show()
    assert status.get("data-state") == "connected"
    for message in ("ada@practice.example", "Practice Org", "Production", "PRAC1", "66.0", "api refresh_token"):
        assert message in walk.visitor.text
    assert "of 15,000" in walk.visitor.text


def test_limits_that_the_user_may_not_see_come_from_the_header(walk: ConnectionWalk) -> None:
    walk.practice.change_org(limits_forbidden=True)
    walk.to_connected()
    assert "of 15,000" in walk.visitor.text


def test_a_draft_is_saved_without_client_id(walk: ConnectionWalk) -> None:
    walk.save(client_id="", client_secret="")
    assert walk.state == "draft"
    assert "The Client ID and the Client Secret are still missing." in walk.visitor.text
    assert walk.practice.requests() == {}


def test_authenticate_on_a_draft_says_what_is_missing_and_keeps_the_rest(walk: ConnectionWalk) -> None:
    walk.save(client_id="", client_secret="")
    walk.visitor.get(f"/connections/{walk.id}/edit")
    response = walk.visitor.submit("connection-form", f"/connections/{walk.id}/authenticate", description="Renamed")
    assert response.status_code == 422
    assert "Enter the Client ID" in walk.visitor.error_at("client_id")
    assert "Enter the Client Secret" in walk.visitor.error_at("client_secret")
    assert walk.visitor.form_values("connection-form")["description"] == "Renamed"
    walk.show()
    assert "Renamed" in walk.visitor.text


def test_authenticate_while_waiting_leads_to_the_connection(walk: ConnectionWalk) -> None:
    walk.make_app(propagation_seconds=100)
    walk.save()
    response = walk.visitor.post(f"/connections/{walk.id}/authenticate")
    assert response.status_code == 303
    assert response.headers["Location"] == f"/connections/{walk.id}"


def test_new_connection_can_authenticate_at_once_when_salesforce_knows_the_app(walk: ConnectionWalk) -> None:
    walk.make_app()
    response = walk.visitor.post("/connections/new/salesforce", walk.fields(then="authenticate"))
    walk.id = response.headers["Location"].rsplit("/", 1)[-1]
    assert walk.state == "waiting_for_propagation"
    walk.work()
    assert walk.state == "ready_to_authorize"


def test_htmx_is_sent_to_salesforce_past_form_action(walk: ConnectionWalk) -> None:
    walk.to_ready()
    response = walk.visitor.post(f"/connections/{walk.id}/authenticate", headers={"HX-Request": "true"})
    assert response.status_code == 204
    assert response.headers["HX-Redirect"].startswith(f"{walk.practice.origin}/services/oauth2/authorize?")


def test_authorize_request_has_pkce_state_and_exact_callback(walk: ConnectionWalk) -> None:
    from urllib.parse import parse_qs, urlsplit

    walk.to_ready()
    query = parse_qs(urlsplit(walk.leave_for_salesforce()).query)
    assert query["code_challenge_method"] == ["S256"]
    assert len(query["code_challenge"][0]) == 43
    assert len(query["state"][0]) >= 30
    assert query["redirect_uri"] == ["http://127.0.0.1:5000/oauth/salesforce/callback"]
    assert query["scope"] == ["api refresh_token"]
    assert query["response_type"] == ["code"]
    second = parse_qs(urlsplit(walk.leave_for_salesforce()).query)
    assert second["state"] != query["state"]
    assert second["code_challenge"] != query["code_challenge"]


def test_propagation_that_flaps_all_the_way(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    unknown = ("token", "invalid_client_id", "client identifier invalid")
    walk.make_app()
    walk.practice.refuse(*unknown)
    walk.save()
    walk.work()
    assert walk.state == "waiting_for_propagation"
    # Known to the first server that is asked, unknown to the next.
    walk.practice.refuse("authorize", "invalid_client_id", "client identifier invalid")
    clock.shift(6)
    walk.work()
    assert walk.state == "waiting_for_propagation"
    clock.shift(6)
    walk.work()
    assert walk.state == "ready_to_authorize"
    # Ready, and then the person meets a server that doesn't know the app yet: the way stays open.
    walk.practice.refuse("authorize", "invalid_client_id", "client identifier invalid")
    assert walk.practice.answer_as_person(walk.leave_for_salesforce()) == ""
    assert walk.state == "authorizing"
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    for _ in range(2):
        walk.practice.refuse(*unknown)
    walk.come_back(location)
    for wanted in ("waiting_for_propagation", "waiting_for_propagation", "connected"):
        walk.work()
        assert walk.state == wanted
        clock.shift(6)
