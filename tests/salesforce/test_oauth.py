from __future__ import annotations

import contextlib
import ssl
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_flask.salesforce import oauth
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.oauth import AppCredentials, read_token_answer
from tests.support.practice import PracticeOrg

CALLBACK = "http://127.0.0.1:5000/oauth/salesforce/callback"
ANSWER = {
    "access_token": "00D!x",
    "instance_url": "https://acme.my.salesforce.com",
    "id": "https://login.salesforce.com/id/00Dxx0000000001EAA/005xx000001Sv6dAAC",
    "scope": "api id",
    "issued_at": "1708058728442",
}


@pytest.fixture
def credentials(practice: PracticeOrg) -> AppCredentials:
    app = practice.register(CALLBACK, client_credentials=True, run_as="ada@practice.example")
    return AppCredentials(practice.origin, app["client_id"], app["client_secret"], (practice.origin,))


def refused(call: Any) -> Problem:
    with pytest.raises(SalesforceError) as error:
        call()
    return error.value.problem


def test_client_credentials(credentials: AppCredentials) -> None:
    answer = oauth.exchange_without_person(credentials)
    assert answer.access_token
    assert answer.refresh_token == ""
    assert answer.instance_url == credentials.origin


def test_trusted_authorities_are_read_once(credentials: AppCredentials, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_arguments: Any, **_named: Any) -> None:
        raise AssertionError("the authorities are read again")

    oauth.exchange_without_person(credentials)
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", read)
    assert oauth.exchange_without_person(credentials).access_token


def test_a_made_up_code(credentials: AppCredentials) -> None:
    assert refused(lambda: oauth.exchange_code(credentials, "code", "v" * 43, CALLBACK)) is Problem.CODE_EXPIRED


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>",
        "[]",
        "7",
        '"text"',
        "null",
        '{"access_token": 7}',
        "{}",
        '{"access_token": "x"',
        "access_token=x&instance_url=y",
    ],
)
def test_a_success_that_is_none(credentials: AppCredentials, practice: PracticeOrg, body: str) -> None:
    practice.fault("token", status=200, body=body)
    assert refused(lambda: oauth.exchange_without_person(credentials)) is Problem.NOT_SALESFORCE


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (500, Problem.SERVER_ERROR),
        (503, Problem.SERVER_ERROR),
        (429, Problem.LOGIN_RATE_EXCEEDED),
        (302, Problem.NOT_SALESFORCE),
        (404, Problem.NOT_SALESFORCE),
    ],
)
def test_other_statuses(credentials: AppCredentials, practice: PracticeOrg, status: int, problem: Problem) -> None:
    practice.fault("token", status=status, body="<html>", headers={"Location": "https://evil.example/"})
    assert refused(lambda: oauth.exchange_without_person(credentials)) is problem


@pytest.mark.parametrize(
    "instance",
    [
        "https://evil.io",
        "https://evilsalesforce.com",
        "http://acme.my.salesforce.com",
        "https://salesforce.com.evil.io",
        "",
        "javascript:x",
        "https://a@acme.my.salesforce.com",
    ],
)
def test_tokens_are_not_taken_for_other_hosts(instance: str) -> None:
    assert refused(lambda: read_token_answer(ANSWER | {"instance_url": instance}, ())) is Problem.UNTRUSTED_INSTANCE


def test_parts_of_a_token_answer() -> None:
    answer = read_token_answer(ANSWER, ())
    assert (answer.org_id, answer.user_id) == ("00Dxx0000000001EAA", "005xx000001Sv6dAAC")
    assert answer.scopes == ("api", "id")


def test_an_identity_url_elsewhere_is_not_kept() -> None:
    assert read_token_answer(ANSWER | {"id": "https://evil.io/id/00D/005"}, ()).identity_url == ""


@pytest.mark.parametrize("answer", ["error=invalid_token&error_description=x", '{"error":"invalid_token"}'])
def test_revoking_what_is_dead_already_is_fine(credentials: AppCredentials, practice: PracticeOrg, answer: str) -> None:
    practice.fault("revoke", status=400, body=answer)
    oauth.revoke(credentials, "token")


@pytest.mark.parametrize("form", ["{}", "<b>{}</b>", "client_secret={}&x=1"])
def test_a_secret_that_the_answer_repeats_is_not_shown(
    credentials: AppCredentials, practice: PracticeOrg, form: str
) -> None:
    """Neither in the fault's words nor, with them, on pages, in the history and in logs."""
    awkward = replace(credentials, client_secret='s3cret+/="é')
    for app, told in (
        (credentials, credentials.client_secret),
        (awkward, awkward.client_secret),
        (awkward, quote_plus(awkward.client_secret)),
    ):
        practice.refuse("token", "odd_error", form.format(told))
        with pytest.raises(SalesforceError) as error:
            oauth.exchange_without_person(app)
        assert form.format("\u2026") in error.value.detail
    practice.refuse("token", "invalid_grant", form.format("5Aep861.refresh"))
    with pytest.raises(SalesforceError) as error:
        oauth.refresh(credentials, "5Aep861.refresh")
    assert "5Aep861" not in error.value.detail


def test_revoking_that_fails(credentials: AppCredentials, practice: PracticeOrg) -> None:
    practice.fault("revoke", status=503, body="<html>")
    assert refused(lambda: oauth.revoke(credentials, "token")) is Problem.UNEXPECTED


@given(
    st.dictionaries(
        st.sampled_from(["access_token", "instance_url", "id", "scope", "issued_at", "refresh_token"]),
        st.none() | st.integers() | st.text(max_size=30) | st.lists(st.text(max_size=5), max_size=2),
    )
)
def test_no_token_answer_is_too_odd(odd: dict[str, Any]) -> None:
    with contextlib.suppress(SalesforceError):
        read_token_answer({"access_token": "x", **odd}, ())
