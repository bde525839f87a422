from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_flask.salesforce.data_refusals import classify_api_error
from datasync_flask.salesforce.errors import (
    Problem,
    Reason,
    tidy,
)
from datasync_flask.salesforce.oauth_refusals import classify_oauth_error, oauth_error_of


@pytest.mark.parametrize(
    ("error", "description", "problem"),
    [
        ("invalid_client_id", "client identifier invalid", Problem.CLIENT_UNKNOWN),
        ("invalid_client", "client identifier invalid", Problem.CLIENT_UNKNOWN),
        ("invalid_client", "invalid client credentials", Problem.SECRET_REFUSED),
        ("invalid_client", "", Problem.SECRET_REFUSED),
        ("invalid_client", "app must be installed into org", Problem.APP_NOT_INSTALLED),
        ("redirect_uri_mismatch", "redirect_uri must match configuration", Problem.CALLBACK_MISMATCH),
        ("redirect_uri_missing", "redirect_uri not provided", Problem.CALLBACK_MISMATCH),
        ("invalid_grant", "expired authorization code", Problem.CODE_EXPIRED),
        ("invalid_grant", "invalid authorization code", Problem.CODE_EXPIRED),
        ("invalid_grant", "invalid code verifier", Problem.VERIFIER_REFUSED),
        ("invalid_request", "invalid code verifier", Problem.VERIFIER_REFUSED),
        ("invalid_request", "missing required code challenge", Problem.PKCE_MISSING),
        ("invalid_grant", "expired access/refresh token", Problem.REVOKED),
        ("invalid_grant", "token validity expired", Problem.REVOKED),
        ("invalid_grant", "token request is already being processed", Problem.TOKEN_REQUEST_BUSY),
        ("invalid_grant", "ip restricted", Problem.IP_RESTRICTED),
        ("invalid_grant", "IP restricted or invalid login hours", Problem.IP_RESTRICTED),
        ("invalid_grant", "no client credentials user enabled", Problem.NO_RUN_AS_USER),
        ("invalid_grant", "request not supported on this domain", Problem.MY_DOMAIN_NEEDED),
        ("unsupported_grant_type", "grant type not supported", Problem.CODE_FLOW_NOT_ENABLED),
        ("invalid_app_access", "user is not admin approved to access this app", Problem.USER_NOT_APPROVED),
        ("OAUTH_APP_BLOCKED", "this app is blocked by admin", Problem.APP_BLOCKED),
        ("OAUTH_APP_ACCESS_DENIED", "", Problem.USER_NOT_APPROVED),
        ("access_denied", "end-user denied authorization", Problem.DENIED),
        ("access-denied", "", Problem.DENIED),
        ("invalid_scope", "the requested scope is not allowed", Problem.SCOPE_REFUSED),
        ("rate_limit_exceeded", "login rate exceeded", Problem.LOGIN_RATE_EXCEEDED),
        ("inactive_user", "", Problem.USER_INACTIVE),
        ("server_error", "", Problem.SERVER_ERROR),
        ("something_new", "never seen", Problem.UNEXPECTED),
    ],
)
def test_oauth_errors_are_told_apart(error: str, description: str, problem: Problem) -> None:
    assert classify_oauth_error(error, description) is problem


@pytest.mark.parametrize(
    ("status", "body", "text", "problem"),
    [
        (
            401,
            [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}],
            "",
            Problem.SESSION_REFUSED,
        ),
        (
            401,
            [{"errorCode": "INVALID_SESSION_ID", "message": "This session is not valid for use with the REST API"}],
            "",
            Problem.API_SCOPE_MISSING,
        ),
        (403, [{"errorCode": "API_DISABLED_FOR_ORG", "message": "x"}], "", Problem.API_DISABLED_FOR_ORG),
        (
            403,
            [{"errorCode": "API_CURRENTLY_DISABLED", "message": "API is disabled for this User"}],
            "",
            Problem.API_DISABLED_FOR_USER,
        ),
        (
            403,
            [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}],
            "",
            Problem.REQUEST_LIMIT_EXCEEDED,
        ),
        (403, None, "Bad_OAuth_Token", Problem.SESSION_REFUSED),
        (503, None, "<html>", Problem.SERVER_ERROR),
        (400, [], "", Problem.UNEXPECTED),
        (400, "text", "", Problem.UNEXPECTED),
        (404, [7], "", Problem.UNEXPECTED),
    ],
)
def test_api_errors_are_told_apart(status: int, body: Any, text: str, problem: Problem) -> None:
    assert classify_api_error(status, body, text).problem is problem


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["error", "errorCode", "message", "x"]), inner)
    ),
    max_leaves=8,
)


@given(st.integers(100, 599), json_values, st.text(max_size=50))
def test_no_answer_is_too_odd_to_be_classified(status: int, body: Any, text: str) -> None:
    assert classify_api_error(status, body, text).problem in Problem
    refusal = oauth_error_of(body)
    if refusal is not None:
        assert classify_oauth_error(*refusal) in Problem


@given(st.text(max_size=1000))
def test_remote_text_becomes_one_short_printable_line(text: str) -> None:
    tidied = tidy(text)
    assert len(tidied) <= 300
    assert tidied.isprintable()


def test_every_problem_has_a_reason_and_every_reason_a_problem() -> None:
    assert {problem.reason for problem in Problem} == set(Reason)
