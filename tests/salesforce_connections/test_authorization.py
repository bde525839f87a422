"""Allow access: every way it can fail has its sentence, its code and its next step."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine

from tests.support.connection import CALLBACK_URL, ConnectionWalk, failed


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
