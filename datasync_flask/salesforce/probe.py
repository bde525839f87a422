"""The probe: does Salesforce already know an app? The server sends it, without a person.

Salesforce has no "do you know this app" request, but two answers together show it. The token endpoint gets a code that
can't exist, and says whether the client is unknown before it checks the code. The authorize endpoint shows a login page
for an app it knows. For an unknown app, or a Callback URL that isn't the app's, it shows its own error page (a redirect
to RemoteAccessErrorPage, or a 400 with the same words). A probe never claims more than it saw.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

import httpx2
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.hosts import is_trusted_origin
from datasync_flask.salesforce.oauth import AppCredentials
from datasync_flask.salesforce.oauth_refusals import Asked, Flow, as_said, classify_oauth_error, oauth_error_of
from datasync_flask.salesforce.pages import (
    REDIRECTS,
    error_page_ahead,
    is_error_page,
    not_salesforce,
    plain_text,
    refusal_in_address,
    refusal_on_page,
    trouble_instead_of_answer,
)
from datasync_flask.salesforce.transport import BoundedClient, json_of, redirect_target, text_of

MAX_HOPS = 3

_LOGIN_PAGE = re.compile(
    r"type\s*=\s*[\"']?password|name\s*=\s*[\"']?(username|un|pw)\b|allow access\s*\?", re.IGNORECASE
)

# Which of two answers says more about why the app isn't ready, worst first.
_ORDER = (
    Problem.CLIENT_UNKNOWN,
    Problem.APP_NOT_FOUND,
    Problem.APP_GONE,
    Problem.APP_OF_ANOTHER_ORG,
    Problem.CALLBACK_MISMATCH,
    Problem.SECRET_REFUSED,
    Problem.SECRET_NEEDED,
)


@dataclass(frozen=True)
class Observation:
    """The result of one probe: `problem` is None when both endpoints behaved as for an app they know."""

    problem: Problem | None
    detail: str
    requests: int

    @property
    def is_ready(self) -> bool:
        """True when nothing in the result prevents asking a person to allow access."""
        return self.problem is None


def probe_app(app: AppCredentials, callback_url: str, scope: str) -> Observation:
    """Probe once, and again if the first probe says ready, because Salesforce's servers may disagree.

    Never raises: a missing answer is an observation too.
    """
    first = _probe_once(app, callback_url, scope)
    if not first.is_ready:
        return first
    second = _probe_once(app, callback_url, scope)
    return Observation(second.problem, second.detail, first.requests + second.requests)


def _probe_once(app: AppCredentials, callback_url: str, scope: str) -> Observation:
    with BoundedClient(app.trusted) as client:
        token = _probe_token_endpoint(client, app, callback_url)
        if token.problem in _ORDER:
            return token
        authorize = _probe_authorize_endpoint(client, app, callback_url, scope)
    requests = token.requests + authorize.requests
    worst = authorize if authorize.problem in _ORDER or token.is_ready else token
    return Observation(worst.problem, worst.detail, requests)


def _probe_token_endpoint(client: BoundedClient, app: AppCredentials, callback_url: str) -> Observation:
    form = {
        "grant_type": "authorization_code",
        "code": f"aPrx{secrets.token_urlsafe(24)}==",
        "client_id": app.client_id,
        **({"client_secret": app.client_secret} if app.client_secret else {}),
        "redirect_uri": callback_url,
        "code_verifier": secrets.token_urlsafe(48),
    }
    try:
        response = client.post(app.token_url, data=form, headers={"Accept": "application/json"})
    except SalesforceError as error:
        return Observation(error.problem, error.detail, 1)
    refusal = oauth_error_of(json_of(response))
    if refusal is None:
        return _unclear(response, app.token_url, app, 1)
    problem = classify_oauth_error(*refusal, app.asking(Flow.CODE))
    # The made-up code is refused: only a known client gets that far.
    knows_client = problem in {Problem.CODE_EXPIRED, Problem.VERIFIER_REFUSED, Problem.PKCE_MISSING} or (
        refusal[0] == "invalid_grant" and problem in {Problem.UNEXPECTED, Problem.REVOKED}
    )
    return Observation(None if knows_client else problem, as_said(refusal), 1)


def _probe_authorize_endpoint(client: BoundedClient, app: AppCredentials, callback_url: str, scope: str) -> Observation:
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
        if response.status_code not in REDIRECTS:
            return _read_page(response, url, app, hop)
        target = redirect_target(response, url)
        if not target:
            return _unclear(response, url, app, hop)
        refusal = refusal_in_address(target)
        if refusal is not None:
            return Observation(classify_oauth_error(*refusal, app.asking(Flow.CODE)), as_said(refusal), hop)
        if target.startswith(callback_url) or not is_trusted_origin(target, app.trusted):
            # Salesforce redirects people, back to us or to their own sign-in, only for an app it knows.
            return Observation(None, "redirect to the Callback URL or to a sign-in elsewhere", hop)
        url = target
    return Observation(None, "redirect to a login page", MAX_HOPS)


def _read_page(response: httpx2.Response, url: str, app: AppCredentials, hop: int) -> Observation:
    asked: Asked = app.asking(Flow.CODE)
    refusal = oauth_error_of(json_of(response))
    if refusal is not None:
        return Observation(classify_oauth_error(*refusal, asked), as_said(refusal), hop)
    is_login_page = response.status_code == 200 and bool(_LOGIN_PAGE.search(text_of(response)))
    refusal = None if is_login_page else refusal_on_page(response)
    if refusal is not None:
        said = as_said(refusal) if refusal[0] != refusal[1] else refusal[0]
        return Observation(classify_oauth_error(*refusal, asked), said, hop)
    if not is_login_page and (is_error_page(response, url) or error_page_ahead(response)):
        # Whatever it says, it isn't what comes for an app that may be allowed.
        return Observation(Problem.UNEXPECTED, plain_text(response)[:300], hop)
    if response.status_code == 200:
        trouble = None if is_login_page else trouble_instead_of_answer(response, url, app.trusted)
        if trouble is not None:
            return Observation(trouble.problem, trouble.detail, hop)
        return Observation(None, "a login page" if is_login_page else "a page without an error", hop)
    words = plain_text(response)[:300]
    if 400 <= response.status_code < 500 and words and not trouble_instead_of_answer(response, url, app.trusted):
        return Observation(Problem.UNEXPECTED, words, hop)
    return _unclear(response, url, app, hop)


def _unclear(response: httpx2.Response, url: str, app: AppCredentials, requests: int) -> Observation:
    trouble = trouble_instead_of_answer(response, url, app.trusted) or not_salesforce(response)
    return Observation(trouble.problem, trouble.detail, requests)
