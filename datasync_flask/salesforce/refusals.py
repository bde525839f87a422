"""What a refusal of Salesforce's OAuth endpoints means: by its two words, by the flow, and by what the app was before.

The same table serves the token endpoint's answers, the callback's `error`, redirects to Salesforce's own error page and
that page's text. Sources: RFC 6749 sections 4.1.2.1 and 5.2; Salesforce help "OAuth 2.0 Authorization Errors",
"Connected App and OAuth error codes", "External Client Apps" and the OAUTH_ codes that its error page shows.
Descriptions vary from release to release, so words are looked for in them.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Any

from datasync_flask.salesforce.errors import Problem


class Flow(enum.StrEnum):
    """What was asked for when the refusal came."""

    CODE = "code"
    CLIENT_CREDENTIALS = "client_credentials"
    JWT = "jwt"
    REFRESH = "refresh"


@dataclass(frozen=True)
class Asked:
    """What decides, beside the words, what a refusal means.

    `app_has_worked`: Salesforce knew this app long ago, so that it isn't new any more. `sends_secret`: a Client Secret
    went along.
    """

    flow: Flow = Flow.CODE
    app_has_worked: bool = False
    sends_secret: bool = True


# (words in the description, problem), looked at in order before the error code itself.
_BY_DESCRIPTION = (
    ("cross-org oauth", Problem.APP_OF_ANOTHER_ORG),
    ("not installed in this org", Problem.APP_NOT_FOUND),
    ("must be installed into org", Problem.APP_NOT_INSTALLED),
    ("client identifier invalid", Problem.CLIENT_UNKNOWN),
    ("redirect_uri must match", Problem.CALLBACK_MISMATCH),
    ("blocked by admin", Problem.APP_BLOCKED),
    ("not admin approved", Problem.USER_NOT_APPROVED),
    ("hasn't approved this consumer", Problem.CONSUMER_NOT_APPROVED),
    ("audience is invalid", Problem.AUDIENCE_REFUSED),
    ("invalid assertion", Problem.CERTIFICATE_REFUSED),
    ("no client credentials user", Problem.NO_RUN_AS_USER),
    ("not supported on this domain", Problem.MY_DOMAIN_NEEDED),
    ("already being processed", Problem.TOKEN_REQUEST_BUSY),
    ("retry your request", Problem.SERVER_ERROR),
    ("code challenge", Problem.PKCE_MISSING),
    ("code_challenge", Problem.PKCE_MISSING),
    ("code verifier", Problem.VERIFIER_REFUSED),
    ("code_verifier", Problem.VERIFIER_REFUSED),
    ("authorization code", Problem.CODE_EXPIRED),
    ("access/refresh token", Problem.REVOKED),
    ("refresh token", Problem.REVOKED),
    ("token validity expired", Problem.REVOKED),
    ("ip restricted", Problem.IP_RESTRICTED),
    ("invalid login hours", Problem.IP_RESTRICTED),
    ("login rate exceeded", Problem.LOGIN_RATE_EXCEEDED),
    ("rate limit exceeded", Problem.LOGIN_RATE_EXCEEDED),
    ("invalid client credentials", Problem.SECRET_REFUSED),
    ("end-user denied", Problem.DENIED),
    ("inactive user", Problem.USER_INACTIVE),
    ("inactive org", Problem.ORG_INACTIVE),
)

# Codes without the OAUTH_ and EC_ that error pages put before them: OAUTH_EC_APP_NOT_FOUND stands under app_not_found.
_BY_CODE = {
    "invalid_client_id": Problem.CLIENT_UNKNOWN,
    "app_not_found": Problem.APP_NOT_FOUND,
    "redirect_uri_mismatch": Problem.CALLBACK_MISMATCH,
    "redirect_uri_missing": Problem.CALLBACK_MISMATCH,
    "invalid_client": Problem.SECRET_REFUSED,
    "invalid_client_credentials": Problem.SECRET_REFUSED,
    "app_blocked": Problem.APP_BLOCKED,
    "authorization_blocked": Problem.APP_BLOCKED,
    "app_access_denied": Problem.USER_NOT_APPROVED,
    "invalid_app_access": Problem.USER_NOT_APPROVED,
    "approval_error_generic": Problem.APPROVAL_FAILED,
    "inactive_user": Problem.USER_INACTIVE,
    "inactive_org": Problem.ORG_INACTIVE,
    "unsupported_grant_type": Problem.FLOW_NOT_ENABLED,
    "unauthorized_client": Problem.FLOW_NOT_ENABLED,
    "invalid_assertion": Problem.CERTIFICATE_REFUSED,
    "access_denied": Problem.DENIED,
    "access-denied": Problem.DENIED,
    "invalid_scope": Problem.SCOPE_REFUSED,
    "rate_limit_exceeded": Problem.LOGIN_RATE_EXCEEDED,
    "server_error": Problem.SERVER_ERROR,
    "temporarily_unavailable": Problem.SERVER_ERROR,
}
_ERROR_PAGE_PREFIX = re.compile(r"^oauth_(ec_)?")

# An assertion holds for minutes: what Salesforce says about its times is said about the clock that they came from.
_ABOUT_TIME = re.compile(r"expir|not yet valid|in the future|too (old|early|far)|clock|\b(exp|iat|nbf)\b")

# What the same words mean for one flow only.
_BY_FLOW = {
    (Flow.CODE, Problem.FLOW_NOT_ENABLED): Problem.CODE_FLOW_NOT_ENABLED,
    (Flow.REFRESH, Problem.FLOW_NOT_ENABLED): Problem.CODE_FLOW_NOT_ENABLED,
    # Until Winter '25 Salesforce spoke of a code when it meant a refresh token.
    (Flow.REFRESH, Problem.CODE_EXPIRED): Problem.REVOKED,
    # Without a secret there is only the signature that the app can be refused for.
    (Flow.JWT, Problem.SECRET_REFUSED): Problem.CERTIFICATE_REFUSED,
}
_GRANT_WITHOUT_WORDS = {Flow.CODE: Problem.CODE_EXPIRED, Flow.REFRESH: Problem.REVOKED}


def classify_oauth_error(error: str, description: str, asked: Asked | None = None) -> Problem:
    """Return the problem behind an OAuth refusal; UNEXPECTED for words that nobody here knows."""
    asked = asked or Asked()
    words = description.lower().replace("\u2019", "'")
    code = error.strip().lower()
    if asked.flow is Flow.JWT and code in {"invalid_grant", "invalid_assertion"} and _ABOUT_TIME.search(words):
        return Problem.CLOCK_WRONG
    problem = _by_words(code, words)
    if problem is Problem.UNEXPECTED and code == "invalid_grant" and not words:
        return _GRANT_WITHOUT_WORDS.get(asked.flow, problem)
    if problem is Problem.SECRET_REFUSED and not asked.sends_secret and asked.flow is not Flow.JWT:
        return Problem.SECRET_NEEDED
    if problem in {Problem.CLIENT_UNKNOWN, Problem.APP_NOT_FOUND}:
        return _unknown_app(problem, code, words, asked)
    return _BY_FLOW.get((asked.flow, problem), problem)


def _by_words(code: str, words: str) -> Problem:
    for needle, problem in _BY_DESCRIPTION:
        if needle in words:
            return problem
    return _BY_CODE.get(code) or _BY_CODE.get(_ERROR_PAGE_PREFIX.sub("", code), Problem.UNEXPECTED)


def _unknown_app(problem: Problem, code: str, words: str, asked: Asked) -> Problem:
    if code.startswith("oauth_"):
        # Error pages say it to somebody who is logged in: this org has been asked, and doesn't have the app.
        return Problem.APP_NOT_INSTALLED
    if asked.app_has_worked or asked.flow is Flow.REFRESH:
        return Problem.APP_NOT_INSTALLED if "not installed" in words else Problem.APP_GONE
    return problem


def oauth_words(problem: Problem) -> list[str]:
    """Return the error codes and words of Salesforce's OAuth endpoints that stand for `problem`."""
    tables = (_BY_CODE.items(), _BY_DESCRIPTION)
    return [words for table in tables for words, meant in table if meant is problem]


def oauth_error_of(body: Any) -> tuple[str, str] | None:
    """Return (error, description) of a token endpoint's answer, or None when it holds no error."""
    if isinstance(body, dict) and isinstance(body.get("error"), str):
        description = body.get("error_description")
        return body["error"], description if isinstance(description, str) else ""
    return None


def as_said(refusal: tuple[str, str]) -> str:
    """Return both words of a refusal as one line, as Salesforce said them."""
    return ": ".join(part for part in refusal if part)
