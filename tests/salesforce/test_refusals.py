"""What a refusal means: by both words, by the flow, and by whether the app ever worked."""

from __future__ import annotations

import pytest

from datasync_flask.salesforce.data_refusals import classify_api_error
from datasync_flask.salesforce.errors import Problem, Reason
from datasync_flask.salesforce.oauth_refusals import Asked, Flow, classify_oauth_error

NOT_INSTALLED = "External client app is not installed in this org"
CROSS_ORG = "Cross-org OAuth flows are not supported for this external client app"
LONG_AGO = Asked(app_has_worked=True)


@pytest.mark.parametrize(
    ("error", "description", "asked", "problem"),
    [
        ("app_not_found", NOT_INSTALLED, Asked(), Problem.APP_NOT_FOUND),
        ("app_not_found", "", Asked(), Problem.APP_NOT_FOUND),
        ("app_not_found", NOT_INSTALLED, LONG_AGO, Problem.APP_NOT_INSTALLED),
        ("app_not_found", "", LONG_AGO, Problem.APP_GONE),
        ("invalid_client_id", "client identifier invalid", LONG_AGO, Problem.APP_GONE),
        ("invalid_client_id", "client identifier invalid", Asked(Flow.REFRESH), Problem.APP_GONE),
        ("invalid_client_id", "client identifier invalid", Asked(Flow.JWT), Problem.CLIENT_UNKNOWN),
        ("OAUTH_EC_APP_NOT_FOUND", NOT_INSTALLED, Asked(), Problem.APP_NOT_INSTALLED),
        ("OAUTH_EC_APP_NOT_FOUND", "", Asked(), Problem.APP_NOT_INSTALLED),
        ("OAUTH_EC_APP_BLOCKED", "", Asked(), Problem.APP_BLOCKED),
        ("invalid_request", "missing required code_challenge", Asked(), Problem.PKCE_MISSING),
        ("invalid_grant", "request rate limit exceeded", Asked(Flow.REFRESH), Problem.LOGIN_RATE_EXCEEDED),
        ("OAUTH_APP_BLOCKED", "", Asked(), Problem.APP_BLOCKED),
        ("OAUTH_AUTHORIZATION_BLOCKED", "", Asked(), Problem.APP_BLOCKED),
        ("OAUTH_APP_ACCESS_DENIED", "", Asked(), Problem.USER_NOT_APPROVED),
        ("OAUTH_APPROVAL_ERROR_GENERIC", "An unexpected error has occured", Asked(), Problem.APPROVAL_FAILED),
        ("invalid_client", CROSS_ORG, Asked(), Problem.APP_OF_ANOTHER_ORG),
        ("invalid_client", CROSS_ORG, Asked(Flow.CLIENT_CREDENTIALS), Problem.APP_OF_ANOTHER_ORG),
        ("invalid_client", "app must be installed into org", Asked(), Problem.APP_NOT_INSTALLED),
        ("invalid_client", "invalid client credentials", Asked(sends_secret=False), Problem.SECRET_NEEDED),
        ("invalid_client", "", Asked(Flow.JWT, sends_secret=False), Problem.CERTIFICATE_REFUSED),
        ("invalid_grant", "expired authorization code", Asked(Flow.JWT), Problem.CLOCK_WRONG),
        ("invalid_grant", "JWT has expired", Asked(Flow.JWT), Problem.CLOCK_WRONG),
        ("invalid_grant", "assertion: exp is too far in the future", Asked(Flow.JWT), Problem.CLOCK_WRONG),
        ("invalid_assertion", "iat claim is in the future", Asked(Flow.JWT), Problem.CLOCK_WRONG),
        ("invalid_assertion", "", Asked(Flow.JWT), Problem.CERTIFICATE_REFUSED),
        ("invalid_grant", "expired authorization code", Asked(), Problem.CODE_EXPIRED),
        ("invalid_grant", "expired authorization code", Asked(Flow.REFRESH), Problem.REVOKED),
        ("invalid_grant", "", Asked(Flow.REFRESH), Problem.REVOKED),
        ("invalid_grant", "user hasn\u2019t approved this consumer", Asked(Flow.JWT), Problem.CONSUMER_NOT_APPROVED),
        ("invalid_grant", "inactive organization", Asked(Flow.REFRESH), Problem.ORG_INACTIVE),
        ("inactive_org", "", Asked(), Problem.ORG_INACTIVE),
        ("unsupported_grant_type", "grant type not supported", Asked(Flow.JWT), Problem.FLOW_NOT_ENABLED),
        ("unsupported_grant_type", "grant type not supported", Asked(), Problem.CODE_FLOW_NOT_ENABLED),
        ("unknown_error", "retry your request", Asked(Flow.REFRESH), Problem.SERVER_ERROR),
        ("brand_new", "never seen", LONG_AGO, Problem.UNEXPECTED),
        # Codes with many causes: words that nobody here knows are shown, and aren't taken for the usual cause.
        ("invalid_client", "this app may not be used from here", Asked(), Problem.UNEXPECTED),
        ("invalid_client", "PKCE is required for this client", Asked(), Problem.UNEXPECTED),
        ("invalid_client", "client authentication failed", Asked(), Problem.SECRET_REFUSED),
        ("invalid_client", "invalid client secret", Asked(), Problem.SECRET_REFUSED),
        ("invalid_client", "client secret is required", Asked(sends_secret=False), Problem.SECRET_NEEDED),
        ("access_denied", "the app's policy doesn't let this profile in", Asked(), Problem.UNEXPECTED),
        ("access_denied", "user is not admin approved to access this app", Asked(), Problem.USER_NOT_APPROVED),
        ("access_denied", "IP restricted", Asked(), Problem.IP_RESTRICTED),
        ("access_denied", "The user denied the request", Asked(), Problem.DENIED),
        ("access-denied", "end-user denied authorization", Asked(), Problem.DENIED),
        ("access_denied", "", Asked(), Problem.DENIED),
        # The same words under another code are about the flow, not about a code or token.
        ("unauthorized_client", "authorization code flow is not enabled", Asked(), Problem.CODE_FLOW_NOT_ENABLED),
        ("unsupported_grant_type", "refresh token flow is off", Asked(Flow.REFRESH), Problem.CODE_FLOW_NOT_ENABLED),
        ("invalid_request", "refresh token rotation is required", Asked(Flow.REFRESH), Problem.UNEXPECTED),
        # What expires need not be the assertion.
        ("invalid_grant", "user's password has expired", Asked(Flow.JWT), Problem.UNEXPECTED),
        ("invalid_grant", "trial has expired", Asked(Flow.JWT), Problem.UNEXPECTED),
        ("invalid_assertion", "certificate expired", Asked(Flow.JWT), Problem.CERTIFICATE_REFUSED),
    ],
)
def test_both_words_flow_and_past_decide(error: str, description: str, asked: Asked, problem: Problem) -> None:
    assert classify_oauth_error(error, description, asked) is problem


def test_only_what_is_new_may_be_propagation() -> None:
    assert not classify_oauth_error("app_not_found", NOT_INSTALLED, LONG_AGO).may_be_propagation
    assert classify_oauth_error("unknown_error", "retry your request").is_transient
    assert Problem.CLOCK_WRONG.reason is Reason.CLOCK_WRONG


@pytest.mark.parametrize("api", ["API", "REST API", "SOAP API", "Bulk API", "REST and SOAP API"])
def test_a_session_closed_to_any_api(api: str) -> None:
    body = [{"errorCode": "INVALID_SESSION_ID", "message": f"This session is not valid for use with the {api}"}]
    assert classify_api_error(401, body, "").problem is Problem.API_SCOPE_MISSING
