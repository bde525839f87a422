"""The meaning of a refusal of Salesforce's OAuth endpoints, by its words, the flow, and the app's past.

The same table applies to the token endpoint's answers, the callback's `error`, redirects to Salesforce's own error page
and that page's text. Sources: RFC 6749 sections 4.1.2.1 and 5.2; Salesforce help "OAuth 2.0 Authorization Errors",
"Connected App and OAuth error codes", "External Client Apps" and the OAUTH_ codes that its error page shows.
Descriptions vary from release to release, so the table has parts of them.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Any

from datasync_flask.salesforce.errors import Problem
from datasync_flask.salesforce.refusals import Refusal, meaning_of


class Flow(enum.StrEnum):
    """The kind of request that was refused."""

    CODE = "code"
    CLIENT_CREDENTIALS = "client_credentials"
    JWT = "jwt"
    REFRESH = "refresh"


@dataclass(frozen=True)
class Asked:
    """The context, besides the words, that decides what a refusal means.

    `app_has_worked`: Salesforce has long known this app, so it isn't new. `sends_secret`: the request had a Client
    Secret.
    """

    flow: Flow = Flow.CODE
    app_has_worked: bool = False
    sends_secret: bool = True


# The first matching row counts: words go before codes. Error pages put OAUTH_ and EC_ before a code; a code that isn't
# here with them is looked up without.
REFUSALS = (
    Refusal(Problem.APP_OF_ANOTHER_ORG, words="cross-org oauth"),
    Refusal(Problem.APP_NOT_FOUND, words="not installed in this org"),
    Refusal(Problem.APP_NOT_INSTALLED, words="must be installed into org"),
    Refusal(Problem.CLIENT_UNKNOWN, words="client identifier invalid"),
    Refusal(Problem.CALLBACK_MISMATCH, words="redirect_uri must match"),
    Refusal(Problem.APP_BLOCKED, words="blocked by admin"),
    Refusal(Problem.USER_NOT_APPROVED, words="not admin approved"),
    Refusal(Problem.CONSUMER_NOT_APPROVED, words="hasn't approved this consumer"),
    Refusal(Problem.AUDIENCE_REFUSED, words="audience is invalid"),
    Refusal(Problem.CERTIFICATE_REFUSED, words="invalid assertion"),
    Refusal(Problem.NO_RUN_AS_USER, words="no client credentials user"),
    Refusal(Problem.MY_DOMAIN_NEEDED, words="not supported on this domain"),
    Refusal(Problem.TOKEN_REQUEST_BUSY, words="already being processed"),
    Refusal(Problem.SERVER_ERROR, words="retry your request"),
    Refusal(Problem.PKCE_MISSING, words="code challenge"),
    Refusal(Problem.PKCE_MISSING, words="code_challenge"),
    Refusal(Problem.VERIFIER_REFUSED, words="code verifier"),
    Refusal(Problem.VERIFIER_REFUSED, words="code_verifier"),
    Refusal(Problem.CODE_EXPIRED, code="invalid_grant", words="authorization code"),
    Refusal(Problem.REVOKED, words="access/refresh token"),
    Refusal(Problem.REVOKED, code="invalid_grant", words="refresh token"),
    Refusal(Problem.REVOKED, words="token validity expired"),
    Refusal(Problem.IP_RESTRICTED, words="ip restricted"),
    Refusal(Problem.IP_RESTRICTED, words="invalid login hours"),
    Refusal(Problem.LOGIN_RATE_EXCEEDED, words="login rate exceeded"),
    Refusal(Problem.LOGIN_RATE_EXCEEDED, words="rate limit exceeded"),
    Refusal(Problem.SECRET_REFUSED, words="invalid client credentials"),
    Refusal(Problem.SECRET_REFUSED, code="invalid_client", words="secret"),
    Refusal(Problem.SECRET_REFUSED, code="invalid_client", words="client authentication"),
    Refusal(Problem.DENIED, words="end-user denied"),
    Refusal(Problem.DENIED, code="access_denied", words="user denied"),
    Refusal(Problem.USER_INACTIVE, words="inactive user"),
    Refusal(Problem.ORG_INACTIVE, words="inactive org"),
    Refusal(Problem.APP_NOT_INSTALLED, code="OAUTH_EC_APP_NOT_FOUND"),
    Refusal(Problem.APP_BLOCKED, code="OAUTH_APP_BLOCKED"),
    Refusal(Problem.APP_BLOCKED, code="OAUTH_AUTHORIZATION_BLOCKED"),
    Refusal(Problem.USER_NOT_APPROVED, code="OAUTH_APP_ACCESS_DENIED"),
    Refusal(Problem.APPROVAL_FAILED, code="OAUTH_APPROVAL_ERROR_GENERIC"),
    Refusal(Problem.CLIENT_UNKNOWN, code="invalid_client_id"),
    Refusal(Problem.APP_NOT_FOUND, code="app_not_found"),
    Refusal(Problem.CALLBACK_MISMATCH, code="redirect_uri_mismatch"),
    Refusal(Problem.CALLBACK_MISMATCH, code="redirect_uri_missing"),
    Refusal(Problem.SECRET_REFUSED, code="invalid_client"),
    Refusal(Problem.SECRET_REFUSED, code="invalid_client_credentials"),
    Refusal(Problem.APP_BLOCKED, code="app_blocked"),
    Refusal(Problem.APP_BLOCKED, code="authorization_blocked"),
    Refusal(Problem.USER_NOT_APPROVED, code="app_access_denied"),
    Refusal(Problem.USER_NOT_APPROVED, code="invalid_app_access"),
    Refusal(Problem.APPROVAL_FAILED, code="approval_error_generic"),
    Refusal(Problem.USER_INACTIVE, code="inactive_user"),
    Refusal(Problem.ORG_INACTIVE, code="inactive_org"),
    Refusal(Problem.FLOW_NOT_ENABLED, code="unsupported_grant_type"),
    Refusal(Problem.FLOW_NOT_ENABLED, code="unauthorized_client"),
    Refusal(Problem.CERTIFICATE_REFUSED, code="invalid_assertion"),
    Refusal(Problem.DENIED, code="access_denied"),
    Refusal(Problem.DENIED, code="access-denied"),
    Refusal(Problem.SCOPE_REFUSED, code="invalid_scope"),
    Refusal(Problem.LOGIN_RATE_EXCEEDED, code="rate_limit_exceeded"),
    Refusal(Problem.SERVER_ERROR, code="server_error"),
    Refusal(Problem.SERVER_ERROR, code="temporarily_unavailable"),
)
_ERROR_PAGE_PREFIX = re.compile(r"^oauth_(ec_)?")

# An assertion is valid for minutes: if Salesforce objects to its times, the clock that made them is wrong.
_ABOUT_TIME = re.compile(r"expir|not yet valid|in the future|too (old|early|far)|clock|\b(exp|iat|nbf)\b")
# Other things than an assertion expire as well.
_OF_OTHERS = re.compile(r"certificate|password|trial|licen[cs]e|\borg")

# These codes stand for many causes: with words that nobody here knows, the words count and not the usual cause.
_GENERAL_CODES = frozenset({"invalid_client", "access_denied", "access-denied"})

# Meanings of the same words for one flow only.
_BY_FLOW = {
    (Flow.CODE, Problem.FLOW_NOT_ENABLED): Problem.CODE_FLOW_NOT_ENABLED,
    (Flow.REFRESH, Problem.FLOW_NOT_ENABLED): Problem.CODE_FLOW_NOT_ENABLED,
    # Until Winter '25 Salesforce said "code" when it meant a refresh token.
    (Flow.REFRESH, Problem.CODE_EXPIRED): Problem.REVOKED,
    # Without a secret, only the signature can be the reason for refusing the app.
    (Flow.JWT, Problem.SECRET_REFUSED): Problem.CERTIFICATE_REFUSED,
}
_GRANT_WITHOUT_DESCRIPTION = {Flow.CODE: Problem.CODE_EXPIRED, Flow.REFRESH: Problem.REVOKED}


def classify_oauth_error(error: str, description: str, asked: Asked | None = None) -> Problem:
    """The problem behind an OAuth refusal; UNEXPECTED for unknown words."""
    asked = asked or Asked()
    words = description.lower().replace("\u2019", "'")
    code = error.strip().lower()
    is_of_assertion = asked.flow is Flow.JWT and code in {"invalid_grant", "invalid_assertion"}
    if is_of_assertion and _ABOUT_TIME.search(words) and not _OF_OTHERS.search(words):
        return Problem.CLOCK_WRONG
    problem = _by_phrase(code, words)
    if problem is Problem.UNEXPECTED and code == "invalid_grant" and not words:
        return _GRANT_WITHOUT_DESCRIPTION.get(asked.flow, problem)
    if problem is Problem.SECRET_REFUSED and not asked.sends_secret and asked.flow is not Flow.JWT:
        return Problem.SECRET_NEEDED
    if problem in {Problem.CLIENT_UNKNOWN, Problem.APP_NOT_FOUND}:
        return _unknown_app(problem, code, words, asked)
    return _BY_FLOW.get((asked.flow, problem), problem)


def _by_phrase(code: str, words: str) -> Problem:
    bare = _ERROR_PAGE_PREFIX.sub("", code)
    has_other_text = bool(words.strip()) and code in _GENERAL_CODES
    table = [row for row in REFUSALS if row.words] if has_other_text else REFUSALS
    return meaning_of(table, code, words) or meaning_of(table, bare, words) or Problem.UNEXPECTED


def _unknown_app(problem: Problem, code: str, words: str, asked: Asked) -> Problem:
    if code.startswith("oauth_"):
        # Error pages say this only to somebody who is logged in: this org doesn't have the app.
        return Problem.APP_NOT_INSTALLED
    if asked.app_has_worked or asked.flow is Flow.REFRESH:
        return Problem.APP_NOT_INSTALLED if "not installed" in words else Problem.APP_GONE
    return problem


def oauth_error_of(body: Any) -> tuple[str, str] | None:
    """(error, description) of a token endpoint's answer, or None when it has no error."""
    if isinstance(body, dict) and isinstance(body.get("error"), str):
        description = body.get("error_description")
        return body["error"], description if isinstance(description, str) else ""
    return None


def as_said(refusal: tuple[str, str]) -> str:
    """The error and description of a refusal in one line, in Salesforce's words."""
    return ": ".join(part for part in refusal if part)
