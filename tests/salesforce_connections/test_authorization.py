"""Allow access: every way it can fail has its sentence, its code and its next step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine

from datasync_flask.accounts.models import Role
from tests.support.clock import NOON
from tests.support.connection import CALLBACK_URL, ConnectionWalk
from tests.support.killed import Killed, die
from tests.support.visitor import Visitor


def failed(walk: ConnectionWalk, reason: str, *message: str) -> None:
    walk.work()
    assert (walk.state, walk.reason) == ("needs_attention", reason), walk.visitor.text
    for part in message:
        assert part in walk.visitor.text
    assert walk.visitor.status.get("hx-trigger") is None
    assert "Authenticate and Save" in walk.visitor.text


def test_deny(walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.allow("deny")
    failed(walk, "denied", "Somebody pressed Deny", "end-user denied authorization")
    walk.allow()
    walk.work()
    assert walk.state == "connected"


@pytest.mark.parametrize(
    ("error", "description", "reason", "message"),
    [
        ("invalid_grant", "expired authorization code", "code_expired", "too old, or used already"),
        ("invalid_grant", "invalid code verifier", "unexpected", "refused the proof (PKCE)"),
        ("invalid_request", "invalid code verifier", "unexpected", "refused the proof (PKCE)"),
        ("invalid_client", "invalid client credentials", "secret_refused", "refuses the Client Secret"),
        ("invalid_client", "app must be installed into org", "blocked", "isn’t installed in this Salesforce org"),
        ("invalid_grant", "ip restricted", "ip_restricted", "network address of the server"),
        ("invalid_app_access", "user is not admin approved to access this app", "blocked", "Permitted Users"),
        ("inactive_user", "inactive user", "blocked", "deactivated"),
        ("invalid_scope", "the requested scope is not allowed", "scope_refused", "Selected OAuth Scopes"),
        ("brand_new_error", "nobody saw this before", "unexpected", "nobody saw this before"),
    ],
)
@pytest.mark.slow
def test_refusals_at_the_token_endpoint(
    walk: ConnectionWalk, error: str, description: str, reason: str, message: str
) -> None:
    walk.to_ready()
    walk.practice.refuse("token", error, description)
    walk.allow()
    failed(walk, reason, message)


def test_the_secret_refused_as_401(walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.practice.refuse("token", "invalid_client", "invalid client credentials", status=401)
    walk.allow()
    failed(walk, "secret_refused")


@pytest.mark.parametrize(
    ("query", "reason", "message"),
    [
        (
            "error=invalid_request&error_description=missing+required+code+challenge",
            "unexpected",
            "proof (PKCE) that DataSync always sends",
        ),
        (
            "error=invalid_scope&error_description=the+requested+scope+is+not+allowed",
            "scope_refused",
            "doesn’t have all OAuth scopes",
        ),
        ("error=OAUTH_APP_BLOCKED&error_description=this+app+is+blocked+by+admin", "blocked", "click Unblock"),
        ("error=access-denied", "denied", "pressed Deny"),
        (
            "error=invalid_grant&error_description=IP+restricted+or+invalid+login+hours",
            "ip_restricted",
            "IP Relaxation",
        ),
        ("error=%3Cscript%3Ealert(1)%3C/script%3E&error_description=%0d%0aevil", "unexpected", "evil"),
        ("", "unexpected", "neither a code nor an error"),
    ],
)
def test_refusals_at_the_callback(walk: ConnectionWalk, query: str, reason: str, message: str) -> None:
    walk.to_ready()
    state = parse_qs(urlsplit(walk.leave_for_salesforce()).query)["state"][0]
    assert walk.come_back(f"{CALLBACK_URL}?state={state}&{query}") == 303
    failed(walk, reason, message)


def test_no_refresh_token(walk: ConnectionWalk) -> None:
    walk.to_ready(refresh_policy="immediate")
    walk.allow()
    failed(walk, "no_refresh_token", "Immediately expire refresh token", "Authenticate again")
    assert f"The app’s Consumer Key ends in {walk.client_id[-6:]}" in walk.visitor.text
    link = walk.visitor.page.xpath("//a[contains(@href, '/help/errors')]/@href")[-1]
    assert link == f"/help/errors?connection={walk.id}#no_refresh_token"
    walk.visitor.get(link)
    entry = walk.visitor.page.get_element_by_id("no_refresh_token")
    assert "The Salesforce administrator" in entry.text_content()
    places = entry.xpath(".//a[contains(., 'External Client App Manager')]/@href")
    assert places == [f"{walk.practice.origin}/lightning/setup/ManageExternalClientApplication/home"]


def test_a_token_without_the_api_scope(walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.practice.fault("token", kind="change", headers={"scope": "refresh_token id"})
    walk.allow()
    failed(walk, "scope_refused", "doesn’t open its API")


@pytest.mark.parametrize(("who", "message"), [("org", "edition doesn’t include the API"), ("user", "API Enabled")])
def test_the_api_is_disabled(walk: ConnectionWalk, who: str, message: str) -> None:
    walk.to_ready()
    walk.practice.change_org(api_disabled=who)
    walk.allow()
    failed(walk, "api_disabled", message, "Check again")
    walk.practice.change_org(api_disabled="")
    walk.visitor.post(f"/connections/{walk.id}/check")
    walk.work()
    assert walk.state == "connected"


def test_an_instance_that_is_not_salesforces(walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.practice.fault("token", kind="change", headers={"instance_url": "https://evilsalesforce.com"})
    walk.allow()
    failed(walk, "unexpected", "isn’t one of Salesforce’s own")


def test_an_untrusted_redirect_of_the_token_endpoint(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.practice.fault("token", status=302, headers={"Location": "https://evil.example/"}, times=None)
    walk.allow()
    walk.work()
    assert walk.state == "authorizing"
    clock.shift(121)
    failed(walk, "unreachable", "isn’t what Salesforce answers")


def test_client_unknown_at_the_exchange_waits_and_succeeds(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.practice.refuse("token", "invalid_client_id", "client identifier invalid", times=3)
    walk.allow()
    for _ in range(3):
        walk.work()
        status = walk.show()
        assert (status.get("data-state"), status.get("data-reason")) == ("waiting_for_propagation", "client_unknown")
        assert "waiting for propagation" in status.text_content().lower()
        assert "every" in status.get("hx-trigger")
        clock.shift(10)
    walk.work()
    assert walk.state == "connected"


def test_callback_mismatch_at_the_exchange_waits_too(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.practice.refuse("token", "redirect_uri_mismatch", "redirect_uri must match configuration")
    walk.allow()
    walk.work()
    assert (walk.state, walk.reason) == ("waiting_for_propagation", "callback_mismatch")
    clock.shift(10)
    walk.work()
    assert walk.state == "connected"


def test_the_exchange_is_not_tried_for_ever(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.practice.refuse("token", "invalid_client_id", "client identifier invalid", times=None)
    walk.allow()
    for _ in range(200):
        walk.work()
        if walk.stored().due_at is None:
            break
        clock.shift(5)
    assert walk.stored().state_since <= NOON + timedelta(seconds=601)
    failed(walk, "client_unknown", "doesn’t know this Client ID")
    with walk.app.app_context():
        from datasync_flask.extensions import db
        from datasync_flask.salesforce_connections.models import AuthorizationAttempt

        assert db.session.query(AuthorizationAttempt).count() == 0


@pytest.mark.parametrize("fault", [{"status": 503, "body": "<html>"}, {"kind": "reset"}, {"status": 200, "body": "{"}])
def test_salesforce_out_of_reach_at_the_exchange_is_tried_again(
    clock: time_machine.Traveller, walk: ConnectionWalk, fault: dict[str, Any]
) -> None:
    walk.to_ready()
    walk.practice.fault("token", **fault)
    walk.allow()
    walk.work()
    assert (walk.state, walk.reason) == ("authorizing", "unreachable")
    clock.shift(10)
    walk.work()
    assert walk.state == "connected"


def test_a_token_request_that_is_already_being_processed(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.practice.refuse("token", "invalid_grant", "token request is already being processed")
    walk.allow()
    walk.work()
    assert walk.state == "authorizing"
    clock.shift(10)
    walk.work()
    assert walk.state == "connected"


def test_salesforce_fails_right_after_the_exchange(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.practice.fault("api", status=503, body="<html>", times=2)
    walk.allow()
    walk.work()
    assert walk.state == "authorizing"
    assert "We try again by ourselves" in walk.visitor.text
    for _ in range(2):
        clock.shift(6)
        walk.work()
    assert walk.state == "connected"


def test_nobody_comes_back(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.leave_for_salesforce()
    assert walk.state == "authorizing"
    assert "Salesforce showed an error instead?" in walk.visitor.text
    clock.shift(601)
    failed(walk, "timed_out", "more than 10 minutes ago", "redirect_uri_mismatch")


def test_killed_while_the_answer_was_taken_in(
    clock: time_machine.Traveller, walk: ConnectionWalk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasync_flask.salesforce_connections import authorization

    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    real = authorization._use_up

    def use_up_and_die(*args: Any) -> None:
        real(*args)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(authorization, "_use_up", use_up_and_die)
        with pytest.raises(Killed):
            walk.come_back(location)
    assert walk.state == "authorizing"
    clock.shift(601)
    failed(walk, "timed_out")
    assert walk.stored().due_at is None


def test_the_account_of_who_left_is_deleted(clock: time_machine.Traveller, walk: ConnectionWalk, sign_in: Any) -> None:
    from sqlalchemy import delete

    from datasync_flask.accounts.models import User
    from datasync_flask.extensions import db

    walk.to_ready()
    editor = sign_in("editor")
    assert editor.post(f"/connections/{walk.id}/authenticate").status_code == 303
    with walk.app.app_context():
        db.session.execute(delete(User).where(User.email == "editor@example.com"))
        db.session.commit()
    clock.shift(601)
    failed(walk, "timed_out")
    assert walk.stored().due_at is None


def test_nobody_comes_back_from_an_error_page_that_can_be_seen_from_here(
    clock: time_machine.Traveller, walk: ConnectionWalk
) -> None:
    walk.to_ready()
    walk.practice.change(walk.client_id, callback_urls=["https://changed.example/cb"], propagation_seconds=0)
    url = walk.leave_for_salesforce()
    assert walk.practice.answer_as_person(url) == ""
    clock.shift(601)
    failed(walk, "callback_mismatch", CALLBACK_URL)


@pytest.mark.parametrize("setting", [{"blocked": True}, {"installed": False}, {"admin_approved_only": True}])
def test_error_pages_that_salesforce_keeps_to_itself(
    clock: time_machine.Traveller, walk: ConnectionWalk, setting: dict[str, bool]
) -> None:
    walk.to_ready(**setting)
    assert walk.practice.answer_as_person(walk.leave_for_salesforce()) == ""
    clock.shift(601)
    failed(walk, "timed_out", "OAUTH_APPROVAL_ERROR_GENERIC")


def test_a_renewal_that_fails_leaves_the_connection_working(walk: ConnectionWalk) -> None:
    walk.to_connected()
    walk.allow("deny")
    walk.work()
    assert walk.state == "connected"
    assert "The permission from before still works" in walk.visitor.text


def test_reauthenticating_in_place(walk: ConnectionWalk) -> None:
    walk.to_connected()
    first = walk.stored()
    walk.allow()
    walk.work()
    assert walk.state == "connected"
    second = walk.stored()
    assert first.grant is not None
    assert second.grant is not None
    assert second.grant.generation == first.grant.generation + 1


def refused(visitor: Visitor, path: str, message: str) -> None:
    response = visitor.get(path)
    assert response.status_code == 400
    assert message in visitor.text
    assert "Nothing is lost" in visitor.text


def callback_of(location: str) -> str:
    return location.removeprefix("http://127.0.0.1:5000")


def test_state_is_single_use(walk: ConnectionWalk) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    assert walk.come_back(location) == 303
    refused(walk.visitor, callback_of(location), "used already")
    walk.work()
    assert walk.state == "connected"
    refused(walk.visitor, callback_of(location), "used already")


@pytest.mark.parametrize("query", ["", "?code=x", "?state=&code=x", "?state=unknown&code=x", "?state=" + "x" * 9000])
def test_unknown_state(walk: ConnectionWalk, query: str) -> None:
    refused(walk.visitor, f"/oauth/salesforce/callback{query}", "doesn’t belong to anything that is open here")


def test_expired_state(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    clock.shift(601)
    refused(walk.visitor, callback_of(location), "More than 10 minutes")


def test_other_peoples_state(walk: ConnectionWalk, sign_in: Any) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    refused(sign_in("editor"), callback_of(location), "Somebody else")
    refused(sign_in(Role.ADMIN.value), callback_of(location), "another browser")
    assert walk.come_back(location) == 303


def test_a_newer_attempt_replaces_the_older(walk: ConnectionWalk) -> None:
    walk.to_ready()
    older = walk.practice.answer_as_person(walk.leave_for_salesforce())
    newer = walk.practice.answer_as_person(walk.leave_for_salesforce())
    refused(walk.visitor, callback_of(older), "a newer attempt replaced it")
    assert walk.come_back(newer) == 303


def test_client_id_changed_since(walk: ConnectionWalk) -> None:
    walk.to_ready()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    walk.visitor.get(f"/connections/{walk.id}/edit")
    walk.visitor.submit("connection-form", client_id="3MVG9_another")
    assert walk.visitor.get(callback_of(location)).status_code == 400
    assert walk.state == "waiting_for_propagation"


def test_the_callback_needs_a_signed_in_editor(walk: ConnectionWalk, sign_in: Any) -> None:
    assert Visitor(walk.app).get("/oauth/salesforce/callback?state=x&code=y").status_code == 302
    assert sign_in("viewer").get("/oauth/salesforce/callback?state=x&code=y").status_code == 403


def test_killed_between_callback_and_exchange(
    clock: time_machine.Traveller, walk: ConnectionWalk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasync_flask.salesforce_connections import authorization

    walk.to_ready()
    walk.allow()
    with monkeypatch.context() as patch:
        patch.setattr(authorization.salesforce_oauth, "exchange_code", die)
        with pytest.raises(Killed):
            walk.work()
    clock.shift(31)
    walk.work()
    assert walk.state == "connected"


def test_killed_between_exchange_and_commit_says_what_to_do(
    clock: time_machine.Traveller, walk: ConnectionWalk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasync_flask.salesforce_connections import authorization

    real = authorization.salesforce_oauth.exchange_code

    def exchange_and_die(*args: Any) -> None:
        real(*args)
        raise Killed

    walk.to_ready()
    walk.allow()
    with monkeypatch.context() as patch:
        patch.setattr(authorization.salesforce_oauth, "exchange_code", exchange_and_die)
        with pytest.raises(Killed):
            walk.work()
    clock.shift(31)
    failed(walk, "code_expired", "Authenticate again")
