"""What a probe finds, for every answer that Salesforce is known to give."""

from __future__ import annotations

from collections.abc import Callable
from html import escape as html_escape
from typing import Any

import pytest

from datasync_flask.salesforce.errors import Problem
from datasync_flask.salesforce.oauth import AppCredentials
from datasync_flask.salesforce.probe import MAX_HOPS, Observation, probe_app
from tests.support.old_address import old_address
from tests.support.practice import PracticeOrg

CALLBACK = "http://127.0.0.1:5000/oauth/salesforce/callback"


def js_escape(text: str) -> str:
    return text.replace("/", "\\/").replace("&", "\\u0026")


def observe(practice: PracticeOrg, app: dict[str, Any], **changes: str) -> Observation:
    values = {"client_id": app["client_id"], "client_secret": app["client_secret"], **changes}
    credentials = AppCredentials(practice.origin, values["client_id"], values["client_secret"], (practice.origin,))
    return probe_app(credentials, changes.get("callback", CALLBACK), "api refresh_token")


def test_a_known_app_is_asked_twice_and_both_have_to_agree(practice: PracticeOrg) -> None:
    app = practice.register(CALLBACK)
    observation = observe(practice, app)
    assert observation.is_ready
    assert practice.requests() == {"token": 2, "authorize": 2}


def test_an_unknown_app_costs_one_request(practice: PracticeOrg) -> None:
    app = practice.register(CALLBACK, propagation_seconds=600)
    assert observe(practice, app) == Observation(
        Problem.CLIENT_UNKNOWN, "invalid_client_id: client identifier invalid", 1
    )


def test_servers_that_disagree_are_not_ready(practice: PracticeOrg) -> None:
    app = practice.register(CALLBACK)
    # The first probe is answered properly (both endpoints), the second by a server that doesn't know the app yet.
    practice.fault("authorize", kind="answer", status=302, headers={"Location": "/?ec=302"}, times=1)
    practice.fault(
        "token", status=400, body='{"error":"invalid_grant","error_description":"expired authorization code"}', times=1
    )
    practice.refuse("token", "invalid_client_id", "client identifier invalid")
    assert observe(practice, app).problem is Problem.CLIENT_UNKNOWN
    assert observe(practice, app).is_ready


@pytest.mark.parametrize("style", ["redirect", "page"])
def test_token_endpoint_knows_but_authorize_does_not(practice: PracticeOrg, style: str) -> None:
    practice.change_org(error_style=style)
    app = practice.register(CALLBACK, propagation_seconds=600, token_propagation_seconds=0)
    assert observe(practice, app).problem is Problem.CLIENT_UNKNOWN


@pytest.mark.parametrize("style", ["redirect", "page"])
def test_callback_mismatch_is_seen_on_salesforces_own_page(practice: PracticeOrg, style: str) -> None:
    practice.change_org(error_style=style)
    app = practice.register("https://elsewhere.example/callback")
    assert observe(practice, app).problem is Problem.CALLBACK_MISMATCH


def test_a_wrong_secret(practice: PracticeOrg) -> None:
    app = practice.register(CALLBACK)
    assert observe(practice, app, client_secret="wrong").problem is Problem.SECRET_REFUSED


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize("error", ["invalid_client", "invalid_client_credentials"])
def test_a_wrong_secret_in_other_words(practice: PracticeOrg, status: int, error: str) -> None:
    app = practice.register(CALLBACK)
    practice.refuse("token", error, "invalid client credentials", status=status)
    assert observe(practice, app).problem is Problem.SECRET_REFUSED


@pytest.mark.parametrize(
    "body",
    [
        "<html>error=invalid_client_id&amp;error_description=client%20identifier%20invalid</html>",
        "error=invalid_client_id&error_description=client+identifier+invalid",
        "<p>client identifier&#32;invalid</p>",
        '{"error":"invalid_client_id","error_description":"client identifier invalid"}',
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_unknown_client_on_error_pages_of_any_form(practice: PracticeOrg, body: str, status: int) -> None:
    app = practice.register(CALLBACK)
    practice.fault("authorize", status=status, body=body, headers={"Content-Type": "text/html"})
    assert observe(practice, app).problem is Problem.CLIENT_UNKNOWN


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("OAUTH_APP_BLOCKED : this app is blocked by admin", Problem.APP_BLOCKED),
        ("app must be installed into org", Problem.APP_NOT_INSTALLED),
        ("OAUTH_APPROVAL_ERROR_GENERIC : An unexpected error has occured", Problem.APPROVAL_FAILED),
    ],
)
def test_other_error_pages(practice: PracticeOrg, text: str, problem: Problem) -> None:
    app = practice.register(CALLBACK)
    practice.fault("authorize", status=200, body=f"<html>{text}</html>", headers={"Content-Type": "text/html"})
    assert observe(practice, app).problem is problem


@pytest.mark.parametrize(
    ("description", "is_ready"),
    [
        ("expired authorization code", True),
        ("invalid authorization code", True),
        ("invalid code verifier", True),
        ("", True),
    ],
)
def test_invalid_grant_means_that_the_client_is_known(practice: PracticeOrg, description: str, is_ready: bool) -> None:
    app = practice.register(CALLBACK)
    practice.refuse("token", "invalid_grant", description, times=2)
    assert observe(practice, app).is_ready is is_ready


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ({"status": 503, "body": "<html>down</html>", "headers": {"Content-Type": "text/html"}}, Problem.SERVER_ERROR),
        ({"status": 200, "body": "<html>company proxy</html>"}, Problem.NOT_SALESFORCE),
        ({"status": 200, "body": '{"error": 7'}, Problem.NOT_SALESFORCE),
        ({"status": 200, "body": ""}, Problem.NOT_SALESFORCE),
        ({"status": 429, "body": ""}, Problem.LOGIN_RATE_EXCEEDED),
        ({"status": 302, "headers": {"Location": "https://evil.example/"}}, Problem.NOT_SALESFORCE),
        ({"kind": "reset"}, Problem.CONNECTION_FAILED),
    ],
)
def test_a_broken_token_endpoint_is_never_ready(practice: PracticeOrg, fault: dict[str, Any], problem: Problem) -> None:
    app = practice.register(CALLBACK)
    practice.fault("token", times=None, **fault)
    assert observe(practice, app).problem is problem


def test_a_sign_in_elsewhere_counts_as_known_and_gets_no_request(practice: PracticeOrg) -> None:
    app = practice.register(CALLBACK)
    practice.fault("authorize", status=302, headers={"Location": "https://acme.okta.example/sso"}, times=2)
    assert observe(practice, app).is_ready


def test_redirects_in_a_circle_come_to_an_end(practice: PracticeOrg) -> None:
    app = practice.register(CALLBACK)
    practice.fault("authorize", status=302, headers={"Location": "/services/oauth2/authorize"}, times=None)
    observe(practice, app)
    assert practice.requests()["authorize"] <= 2 * MAX_HOPS


def test_a_redirect_to_the_callback_with_an_error_is_read(practice: PracticeOrg) -> None:
    app = practice.register(CALLBACK, scopes=["id"])
    assert observe(practice, app).problem is Problem.SCOPE_REFUSED


@pytest.mark.parametrize(
    ("address", "problem", "text"),
    [
        (
            "/setup/secur/RemoteAccessErrorPage.apexp?error=brand_new&error_description=Nobody%20saw%20this",
            Problem.UNEXPECTED,
            "brand_new: Nobody saw this",
        ),
        (
            "/_nc_external/identity/sso/ui/AuthorizationError?ErrorCode=OAUTH_EC_APP_NOT_FOUND&ErrorDescription=gone",
            Problem.APP_NOT_INSTALLED,
            "OAUTH_EC_APP_NOT_FOUND: gone",
        ),
        ("/setup/secur/RemoteAccessErrorPage.apexp", Problem.UNEXPECTED, "OAuth error"),
    ],
)
def test_salesforces_error_page_is_quoted(practice: PracticeOrg, address: str, problem: Problem, text: str) -> None:
    app = practice.register(CALLBACK)
    practice.fault("authorize", status=302, headers={"Location": address})
    observation = observe(practice, app)
    assert observation.problem is problem
    assert text in observation.detail


ERROR_PAGE = "/setup/secur/RemoteAccessErrorPage.apexp?error={}&error_description={}"
SENT_ON = [
    "<script>window.location.replace('{}');</script>",
    '<script>if (window.x) {{}} else {{ window.location.href="{}"; }}</script>',
    "<script>top.location = '{}'</script>",
    '<html><head><meta http-equiv="Refresh" content="0; URL={}"></head></html>',
    "<meta http-equiv=refresh content=0;url='{}'>",
]


@pytest.mark.parametrize("page", SENT_ON)
@pytest.mark.parametrize("escaped", [str, html_escape, js_escape], ids=["plain", "html", "script"])
def test_browsers_sent_on_to_the_error_page_without_a_redirect(
    practice: PracticeOrg, page: str, escaped: Callable[[str], str]
) -> None:
    app = practice.register(CALLBACK)
    for error, description, problem in (
        ("invalid_client_id", "client%20identifier%20invalid", Problem.CLIENT_UNKNOWN),
        ("brand_new", "Nobody%20saw%20this", Problem.UNEXPECTED),
    ):
        body = page.format(escaped(ERROR_PAGE.format(error, description)))
        practice.fault("authorize", status=200, body=body, headers={"Content-Type": "text/html"})
        observation = observe(practice, app)
        assert observation.problem is problem, body
        assert observation.detail == f"{error}: {description.replace('%20', ' ')}"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, "We can't authorize you because of an OAuth error. For more information, contact your administrator."),
        (400, "This app isn't welcome here."),
        (401, "Your administrator doesn't allow access to this app."),
        (403, "External client app access is off for this org."),
        (404, "No such app in this neighbourhood."),
    ],
)
def test_pages_whose_words_nobody_knows_are_quoted(practice: PracticeOrg, status: int, text: str) -> None:
    app = practice.register(CALLBACK)
    practice.fault("authorize", status=status, body=f"<p>{text}</p>", headers={"Content-Type": "text/html"})
    observation = observe(practice, app)
    assert (observation.problem, observation.detail) == (Problem.UNEXPECTED, text)


def test_a_flow_that_is_off_is_not_ready(practice: PracticeOrg) -> None:
    app = practice.register(CALLBACK)
    practice.refuse("token", "unauthorized_client", "authorization code flow is not enabled for this app")
    assert observe(practice, app).problem is Problem.CODE_FLOW_NOT_ENABLED


@pytest.mark.parametrize("location", ["http://[", "https://[::1", "http://[x]/", "//[", "https://", "http:///x"])
@pytest.mark.parametrize("path", ["/token", "/authorize"])
def test_a_redirect_to_what_is_no_address_is_no_crash(practice: PracticeOrg, path: str, location: str) -> None:
    app = practice.register(CALLBACK)
    with old_address(practice.origin) as lost:
        lost.leave_after(path, 1, status=302, headers={"Location": location})
        credentials = AppCredentials(
            lost.origin, app["client_id"], app["client_secret"], (practice.origin, lost.origin)
        )
        probe_app(credentials, CALLBACK, "api refresh_token")
        again = probe_app(credentials, CALLBACK, "api refresh_token")
    assert lost.has_left
    assert again.problem is Problem.NOT_SALESFORCE


def test_an_unknown_code_in_an_error_pages_text_is_quoted(practice: PracticeOrg) -> None:
    app = practice.register(CALLBACK)
    page = "<html><h1>Error</h1><p>OAUTH_BRAND_NEW : <b>Nobody</b> saw this</p><script>x</script></html>"
    practice.fault("authorize", status=200, body=page, headers={"Content-Type": "text/html"})
    observation = observe(practice, app)
    assert (observation.problem, observation.detail[:15]) == (Problem.UNEXPECTED, "OAUTH_BRAND_NEW")


@pytest.mark.parametrize(
    ("fault", "problem", "text"),
    [
        (
            {"status": 301, "headers": {"Location": "https://newname.my.salesforce.com/services/oauth2/token"}},
            Problem.ADDRESS_MOVED,
            "https://newname.my.salesforce.com",
        ),
        (
            {"status": 200, "body": "<p>We\u2019re setting things up for you</p>"},
            Problem.MAINTENANCE,
            "setting things up",
        ),
        ({"status": 503, "body": "<h1>Down for maintenance</h1>"}, Problem.MAINTENANCE, "Down for maintenance"),
        ({"status": 301, "headers": {"Location": "https://evil.example/"}}, Problem.NOT_SALESFORCE, "evil.example"),
    ],
)
def test_pages_instead_of_answers(practice: PracticeOrg, fault: dict[str, Any], problem: Problem, text: str) -> None:
    app = practice.register(CALLBACK)
    practice.fault("token", times=None, **fault)
    observation = observe(practice, app)
    assert observation.problem is problem
    assert text in observation.detail
