"""A server-side look whether Salesforce already knows an app, without a person.

Salesforce has no "do you know this app" request. Two answers together tell: the token endpoint, asked with a code that
cannot exist, says whether the client is unknown before it looks at the code; the authorize endpoint shows a login page
for an app it knows and an error page of its own (a redirect to RemoteAccessErrorPage, or a 400 with the same words) for
one it doesn't, or for a Callback URL that isn't the app's. A look never claims more than it saw.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from html import unescape
from urllib.parse import parse_qs, unquote_plus, urljoin, urlsplit

import httpx2
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from datasync_flask.salesforce.errors import (
    Problem,
    SalesforceError,
    classify_oauth_error,
    oauth_error_of,
)
from datasync_flask.salesforce.hosts import is_trusted_origin
from datasync_flask.salesforce.oauth import AppCredentials
from datasync_flask.salesforce.transport import BoundedClient, json_of, text_of

MAX_HOPS = 3

# What Salesforce's own error page says, in its address or its text.
_PAGE_WORDS = (
    ("invalid_client_id", Problem.CLIENT_UNKNOWN),
    ("client identifier invalid", Problem.CLIENT_UNKNOWN),
    ("redirect_uri_mismatch", Problem.CALLBACK_MISMATCH),
    ("redirect_uri must match", Problem.CALLBACK_MISMATCH),
    ("redirect_uri_missing", Problem.CALLBACK_MISMATCH),
    ("must be installed into org", Problem.APP_NOT_INSTALLED),
    ("oauth_app_blocked", Problem.APP_BLOCKED),
    ("blocked by admin", Problem.APP_BLOCKED),
    ("oauth_app_access_denied", Problem.USER_NOT_APPROVED),
    ("oauth_approval_error_generic", Problem.UNEXPECTED),
)
_LOGIN_PAGE = re.compile(r"type\s*=\s*[\"']?password|name\s*=\s*[\"']?(username|un|pw)\b|allow access", re.IGNORECASE)

# Which of two answers says more about what keeps the app from being ready, worst first.
_ORDER = (
    Problem.CLIENT_UNKNOWN,
    Problem.CALLBACK_MISMATCH,
    Problem.SECRET_REFUSED,
)


@dataclass(frozen=True)
class Observation:
    """What one look saw: `problem` is None when both endpoints behaved as for an app they know."""

    problem: Problem | None
    detail: str
    requests: int

    @property
    def is_ready(self) -> bool:
        """True when nothing that was seen speaks against asking a person to allow access."""
        return self.problem is None


def look(app: AppCredentials, callback_url: str, scope: str) -> Observation:
    """Look once, and once more when the first look says ready: servers may disagree from one request to the next.

    Never raises: what keeps an answer from coming is itself an observation.
    """
    first = _look_once(app, callback_url, scope)
    if not first.is_ready:
        return first
    second = _look_once(app, callback_url, scope)
    return Observation(second.problem, second.detail, first.requests + second.requests)


def _look_once(app: AppCredentials, callback_url: str, scope: str) -> Observation:
    with BoundedClient(app.trusted) as client:
        token = _look_at_token_endpoint(client, app, callback_url)
        if token.problem in _ORDER:
            return token
        authorize = _look_at_authorize_endpoint(client, app, callback_url, scope)
    requests = token.requests + authorize.requests
    worst = authorize if authorize.problem in _ORDER or token.is_ready else token
    return Observation(worst.problem, worst.detail, requests)


def _look_at_token_endpoint(client: BoundedClient, app: AppCredentials, callback_url: str) -> Observation:
    form = {
        "grant_type": "authorization_code",
        "code": f"aPrx{secrets.token_urlsafe(24)}==",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "redirect_uri": callback_url,
        "code_verifier": secrets.token_urlsafe(48),
    }
    try:
        response = client.post(app.token_url, data=form, headers={"Accept": "application/json"})
    except SalesforceError as error:
        return Observation(error.problem, error.detail, 1)
    refusal = oauth_error_of(json_of(response))
    if refusal is None:
        return _unclear(response, 1)
    detail = ": ".join(part for part in refusal if part)
    problem = classify_oauth_error(*refusal)
    # The made-up code is refused: only a client that is known gets that far.
    knows_client = problem in {Problem.CODE_EXPIRED, Problem.VERIFIER_REFUSED, Problem.PKCE_MISSING} or (
        refusal[0] == "invalid_grant" and problem in {Problem.UNEXPECTED, Problem.REVOKED}
    )
    return Observation(None if knows_client else problem, detail, 1)


def _look_at_authorize_endpoint(
    client: BoundedClient, app: AppCredentials, callback_url: str, scope: str
) -> Observation:
    params = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": callback_url,
        "state": secrets.token_urlsafe(16),
        "code_challenge": create_s256_code_challenge(secrets.token_urlsafe(48)),
        "code_challenge_method": "S256",
    }
    if scope:
        params["scope"] = scope
    url = f"{app.authorize_url}?{httpx2.QueryParams(params)}"
    for hop in range(1, MAX_HOPS + 1):
        try:
            response = client.get(url, headers={"Accept": "text/html"})
        except SalesforceError as error:
            return Observation(error.problem, error.detail, hop)
        if response.status_code not in {301, 302, 303, 307, 308}:
            return _read_page(response, hop)
        target = urljoin(url, response.headers.get("location", ""))
        problem = _problem_in_address(target)
        if problem is not None:
            return Observation(problem, f"redirect to {urlsplit(target).path}", hop)
        if target.startswith(callback_url) or not is_trusted_origin(target, app.trusted):
            # Only for an app it knows does Salesforce send people on: back to us, or to their own sign-in.
            return Observation(None, "redirect to the Callback URL or to a sign-in elsewhere", hop)
        url = target
    return Observation(None, "redirect to a login page", MAX_HOPS)


def _problem_in_address(url: str) -> Problem | None:
    query = parse_qs(urlsplit(url).query)
    error, description = query.get("error", [""])[0], query.get("error_description", [""])[0]
    if error:
        return classify_oauth_error(error, description)
    return _problem_in_text(unquote_plus(url)) if "RemoteAccessErrorPage" in url else None


def _problem_in_text(text: str) -> Problem | None:
    words = unescape(unquote_plus(text)).lower()
    return next((problem for needle, problem in _PAGE_WORDS if needle in words), None)


def _read_page(response: httpx2.Response, hop: int) -> Observation:
    refusal = oauth_error_of(json_of(response))
    if refusal is not None:
        return Observation(classify_oauth_error(*refusal), ": ".join(part for part in refusal if part), hop)
    text = text_of(response)
    problem = _problem_in_text(text)
    is_login_page = bool(_LOGIN_PAGE.search(text))
    if problem is not None and not (is_login_page and response.status_code == 200):
        return Observation(problem, f"an error page (HTTP {response.status_code})", hop)
    if response.status_code == 200:
        return Observation(None, "a login page" if is_login_page else "a page without an error", hop)
    return _unclear(response, hop)


def _unclear(response: httpx2.Response, requests: int) -> Observation:
    status, kind = response.status_code, response.headers.get("content-type", "no content type")
    if status == 429:
        return Observation(Problem.LOGIN_RATE_EXCEEDED, "HTTP 429", requests)
    problem = Problem.SERVER_ERROR if status >= 500 else Problem.NOT_SALESFORCE
    return Observation(problem, f"HTTP {status}, {kind}", requests)
