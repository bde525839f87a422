from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from datasync_flask.salesforce import oauth, transport
from datasync_flask.salesforce.api import PINNED_VERSION, SalesforceApi
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.identity import AccessReport, check_access
from datasync_flask.salesforce.oauth import AppCredentials, TokenAnswer
from tests.support.practice import PracticeOrg


@pytest.fixture
def token(practice: PracticeOrg) -> TokenAnswer:
    app = practice.register("https://x.example/cb", client_credentials=True, run_as="ada@practice.example")
    credentials = AppCredentials(practice.origin, app["client_id"], app["client_secret"], (practice.origin,))
    return oauth.exchange_without_person(credentials)


def report(token: TokenAnswer) -> AccessReport:
    with SalesforceApi(token, PINNED_VERSION, lambda stale: stale, (token.instance_url,)) as api:
        return check_access(api)


def problem_of(token: TokenAnswer) -> Problem:
    with pytest.raises(SalesforceError) as error:
        report(token)
    return error.value.problem


def test_everything_is_told(token: TokenAnswer) -> None:
    found = report(token)
    assert found.username == "ada@practice.example"
    assert (found.org_name, found.is_sandbox, found.instance_name) == ("Practice Org", False, "PRAC1")
    assert found.api_version == "66.0"
    assert found.api_calls_max == 15000
    assert found.api_calls_left is not None


def test_a_sandbox(token: TokenAnswer, practice: PracticeOrg) -> None:
    practice.change_org(is_sandbox=True)
    assert report(token).is_sandbox


def test_an_older_org_is_spoken_to_in_its_newest_version(token: TokenAnswer, practice: PracticeOrg) -> None:
    practice.fault("api", body='[{"version":"58.0"},{"version":"59.0"},{"version":"odd"},{}]')
    assert report(token).api_version == "59.0"


@pytest.mark.parametrize("body", ["[]", "{}", "<html>", "", "7"])
def test_no_list_of_versions(token: TokenAnswer, practice: PracticeOrg, body: str) -> None:
    practice.fault("api", body=body)
    assert problem_of(token) is Problem.NOT_SALESFORCE


def test_organization_that_the_user_may_not_see(token: TokenAnswer, practice: PracticeOrg) -> None:
    practice.fault("query", status=400, body='[{"errorCode":"INVALID_TYPE","message":"sObject type is not supported"}]')
    found = report(token)
    assert found.org_name == ""
    assert found.org_id.startswith("00D")
    assert found.username == "ada@practice.example"


def test_user_comes_from_the_user_object_when_identity_is_refused(token: TokenAnswer, practice: PracticeOrg) -> None:
    practice.fault("userinfo", status=403, body="Bad_OAuth_Token")
    practice.fault("identity", status=403, body="Bad_OAuth_Token")
    assert report(token).username == "ada@practice.example"


def test_user_that_nobody_tells_stays_unknown(token: TokenAnswer, practice: PracticeOrg) -> None:
    practice.fault("userinfo", status=503, body="<html>")
    practice.fault("identity", status=200, body="[]")
    practice.fault("query", body='{"records":[{"Id":"00D5g000004PrctEAC","Name":"Practice Org"}]}')
    practice.fault("query", body='{"records":[]}')
    found = report(token)
    assert found.username == ""
    assert found.user_id.startswith("005")


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        '{"DailyApiRequests": 7}',
        '{"DailyApiRequests": {"Max": "many"}}',
        '{"DailyApiRequests": {"Max": 99999999999999999999, "Remaining": 1}}',
        "<html>",
    ],
)
def test_odd_limits_fall_back_to_the_header(token: TokenAnswer, practice: PracticeOrg, body: str) -> None:
    # versions, organization, then limits: the third call to the API.
    for _ in range(2):
        practice.fault("api", kind="pass")
    practice.fault("api", body=body)
    assert report(token).api_calls_max == 15000


def test_a_dead_token(token: TokenAnswer, practice: PracticeOrg) -> None:
    practice.expire()
    assert problem_of(token) is Problem.SESSION_REFUSED


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"api_disabled": "org"}, Problem.API_DISABLED_FOR_ORG),
        ({"api_disabled": "user"}, Problem.API_DISABLED_FOR_USER),
        ({"daily_requests": 0}, Problem.REQUEST_LIMIT_EXCEEDED),
    ],
)
def test_an_org_that_refuses(
    token: TokenAnswer, practice: PracticeOrg, settings: dict[str, Any], problem: Problem
) -> None:
    practice.change_org(**settings)
    assert problem_of(token) is problem


def test_the_token_is_not_sent_after_a_redirect(token: TokenAnswer, practice: PracticeOrg) -> None:
    for at in ("api", "userinfo", "identity"):
        practice.fault(at, status=302, headers={"Location": "https://evil.example/services/data/"}, times=None)
    assert problem_of(token) is Problem.INSTANCE_MOVED


def test_a_refused_list_of_versions_is_not_the_end(token: TokenAnswer, practice: PracticeOrg) -> None:
    practice.fault(
        "api", status=404, body='[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]'
    )
    found = report(token)
    assert found.api_version == "66.0"
    assert found.org_name == "Practice Org"


def test_a_site_never_gets_the_token(
    token: TokenAnswer, practice: PracticeOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    practice.fault("userinfo", status=403, times=None)
    asked: list[str] = []
    plain = transport.BoundedClient.opened

    def opened(client: Any, request: Any, **options: Any) -> Any:
        asked.append(request.url.host)
        return plain(client, request, **options)

    monkeypatch.setattr(transport.BoundedClient, "opened", opened)
    path = token.identity_url.partition("/id/")[2]
    for site in ("evil.my.site.com", "evil.secure.force.com"):
        found = report(replace(token, identity_url=f"https://{site}/id/{path}"))
        assert found.org_id.startswith("00D")
    assert set(asked) == {"127.0.0.1"}
