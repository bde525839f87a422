"""The token endpoint: code, client-credentials, JWT-bearer and refresh-token grants, and revocation.

Sources: RFC 6749 sections 4.1.3, 4.4.2, 5 and 6; RFC 7523; RFC 7636; RFC 7009; Salesforce help "OAuth 2.0 Web
Server Flow", "OAuth 2.0 Client Credentials Flow", "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration", "OAuth
2.0 Refresh Token Flow", "Revoke OAuth Tokens".
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx2
from authlib.integrations.httpx_client import OAuth2Client

from datasync_flask.salesforce import assertions
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.hosts import is_api_origin, is_trusted_origin, origin_of
from datasync_flask.salesforce.oauth_refusals import Asked, Flow, as_said, classify_oauth_error, oauth_error_of
from datasync_flask.salesforce.pages import not_salesforce, trouble_instead_of_answer
from datasync_flask.salesforce.transport import (
    DIRECT,
    TIMEOUT,
    USER_AGENT,
    BoundedClient,
    json_of,
    text_of,
    time_of,
    trust,
)

AUTHORIZE_PATH = "/services/oauth2/authorize"
TOKEN_PATH = "/services/oauth2/token"
REVOKE_PATH = "/services/oauth2/revoke"

# The characters of a token (RFC 6750 section 2.1, and those in Salesforce's tokens).
_HEADER_VALUE = re.compile(r"[\x21-\x7e]+")
_ORG_OF_TOKEN = re.compile(r"(00D[0-9A-Za-z]{12,15})!")
_IDENTITY = re.compile(r"/id/(00D[0-9A-Za-z]{12,15})/(005[0-9A-Za-z]{12,15})/?$")


@dataclass(frozen=True)
class AppCredentials:
    """One connection's app in Salesforce; `origin` is where people log in, with a site's path.

    Without a secret the app is a public client, which only PKCE proves. With a `signing_key` (PEM), token requests are
    signed assertions for `username`.
    """

    origin: str
    client_id: str
    client_secret: str = field(repr=False)
    trusted: Collection[str] = ()
    username: str = ""
    signing_key: str = field(default="", repr=False)
    # Salesforce has long known this app: if it no longer does, that isn't propagation.
    has_worked: bool = False

    @property
    def authorize_url(self) -> str:
        """Address of the authorize endpoint."""
        return self.origin + AUTHORIZE_PATH

    @property
    def token_url(self) -> str:
        """Address of the token endpoint."""
        return self.origin + TOKEN_PATH

    @property
    def audiences(self) -> tuple[str, ...]:
        """The audiences to try one after the other when sending only an assertion."""
        return assertions.audiences(self.origin) if self.signing_key else ()

    def asking(self, flow: Flow) -> Asked:
        """The context for interpreting a refusal of this app."""
        return Asked(flow, self.has_worked, bool(self.client_secret))


@dataclass(frozen=True)
class TokenAnswer:
    """A successful token answer. It has no expiry, because Salesforce doesn't send one."""

    access_token: str
    refresh_token: str
    instance_url: str
    identity_url: str
    scopes: tuple[str, ...]

    @property
    def org_id(self) -> str:
        """The org's 15- or 18-character id, read from the identity URL, else from the access token ('' when neither
        has one).
        """
        found = _IDENTITY.search(self.identity_url) or _ORG_OF_TOKEN.match(self.access_token)
        return found.group(1) if found else ""

    @property
    def user_id(self) -> str:
        """The user's 15- or 18-character id, read from the identity URL ('' when it has none)."""
        found = _IDENTITY.search(self.identity_url)
        return found.group(2) if found else ""


class SalesforceOAuth2Client(OAuth2Client, BoundedClient):
    """Authlib's OAuth 2 client over :class:`BoundedClient`, which understands Salesforce's refusals."""

    def __init__(self, *args: Any, trusted: Collection[str] = (), asked: Asked | None = None, **kwargs: Any) -> None:
        # Authlib calls httpx2's own initialiser, bypassing BoundedClient's.
        self._trusted, self._asked = trusted, asked or Asked()
        super().__init__(*args, timeout=TIMEOUT, verify=trust(), mounts=DIRECT, **kwargs)
        self.headers["User-Agent"] = USER_AGENT

    def parse_response_token(self, resp: httpx2.Response) -> dict[str, Any]:
        """The token dict. Raises SalesforceError for refusals and for anything that isn't a token answer."""
        body = json_of(resp)
        refusal = oauth_error_of(body)
        if refusal is not None:
            raise _refused(refusal, resp, self._asked)
        if trouble := trouble_instead_of_answer(resp, str(resp.request.url), self._trusted):
            raise trouble
        if resp.status_code != 200 or not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
            raise not_salesforce(resp)
        self.token = body
        return body


def _refused(refusal: tuple[str, str], response: httpx2.Response, asked: Asked) -> SalesforceError:
    problem = classify_oauth_error(*refusal, asked)
    said_at = time_of(response)
    if problem is Problem.CERTIFICATE_REFUSED and said_at is not None:
        # Salesforce uses the same words for an assertion with a wrong time.
        seconds = round((datetime.now(UTC) - said_at).total_seconds())
        if abs(seconds) > assertions.CLOCK_MAY_DIFFER_SECONDS:
            difference = f"{abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} Salesforce's clock"
            return SalesforceError(Problem.CLOCK_WRONG, f"{as_said(refusal)} ({difference})", is_about_access=True)
    return SalesforceError(problem, as_said(refusal), is_about_access=True)


def _client(app: AppCredentials, flow: Flow) -> SalesforceOAuth2Client:
    return SalesforceOAuth2Client(
        client_id=app.client_id,
        client_secret=app.client_secret,
        # The assertion authenticates the app, so there is no need to send a secret too.
        token_endpoint_auth_method="client_secret_post" if app.client_secret and flow is not Flow.JWT else "none",
        trusted=app.trusted,
        asked=app.asking(flow),
    )


def exchange_code(app: AppCredentials, code: str, code_verifier: str, redirect_uri: str) -> TokenAnswer:
    """Exchange an authorization code (RFC 6749 section 4.1.3 with RFC 7636). Raises SalesforceError."""
    with _client(app, Flow.CODE) as client:
        answer = client.fetch_token(
            app.token_url,
            grant_type="authorization_code",
            code=code,
            code_verifier=code_verifier,
            redirect_uri=redirect_uri,
        )
    return read_token_answer(answer, app.trusted)


def exchange_without_person(app: AppCredentials) -> TokenAnswer:
    """Get a token with a signed assertion if there is a key, else with client credentials. Raises SalesforceError."""
    return _exchange_assertion(app) if app.signing_key else _exchange_client_credentials(app)


def _exchange_client_credentials(app: AppCredentials) -> TokenAnswer:
    """Request a token as in RFC 6749 section 4.4.2."""
    with _client(app, Flow.CLIENT_CREDENTIALS) as client:
        answer = client.fetch_token(app.token_url, grant_type="client_credentials")
    return read_token_answer(answer, app.trusted)


# Salesforce's answers to an assertion with a wrong audience, the most specific last.
_ABOUT_THE_AUDIENCE = (
    Problem.AUDIENCE_REFUSED,
    Problem.CLIENT_UNKNOWN,
    Problem.APP_NOT_FOUND,
    Problem.APP_NOT_INSTALLED,
    Problem.APP_GONE,
    Problem.CONSUMER_NOT_APPROVED,
)


def _exchange_assertion(app: AppCredentials) -> TokenAnswer:
    """Request a token as in RFC 7523 section 2.1, for one audience after the other."""
    refusals: list[SalesforceError] = []
    with _client(app, Flow.JWT) as client:
        for audience in app.audiences:
            assertion = assertions.sign(
                app.signing_key, client_id=app.client_id, username=app.username, audience=audience
            )
            try:
                answer = client.fetch_token(app.token_url, grant_type=assertions.GRANT_TYPE, assertion=assertion)
                return read_token_answer(answer, app.trusted)
            except SalesforceError as refusal:
                if refusal.problem not in _ABOUT_THE_AUDIENCE:
                    raise
                refusals.append(refusal)
    raise max(refusals, key=lambda refusal: _ABOUT_THE_AUDIENCE.index(refusal.problem))


def refresh(app: AppCredentials, refresh_token: str) -> TokenAnswer:
    """Get a new access token; with rotation on, the answer also has a new refresh token, and the old one is dead.

    `scope` is never sent, because Salesforce refuses a refresh with it. Raises SalesforceError.
    """
    with _client(app, Flow.REFRESH) as client:
        answer = client.refresh_token(app.token_url, refresh_token=refresh_token)
    return read_token_answer(answer, app.trusted)


def revoke(app: AppCredentials, token: str) -> None:
    """Revoke a token (RFC 7009); a token that is already dead counts as revoked. Raises SalesforceError otherwise."""
    with BoundedClient(app.trusted) as client:
        response = client.post(app.origin + REVOKE_PATH, data={"token": token})
    if response.status_code == 200:
        return
    body = json_of(response)
    error = str(body.get("error", "")) if isinstance(body, dict) else parse_qs(text_of(response)).get("error", [""])[0]
    if error != "invalid_token":
        raise SalesforceError(Problem.UNEXPECTED, f"HTTP {response.status_code} {error}")


def read_token_answer(answer: dict[str, Any], trusted: Collection[str]) -> TokenAnswer:
    """The parts of a token answer. Raises SalesforceError when its instance isn't Salesforce's own."""
    instance_url = str(answer.get("instance_url") or "")
    if not is_api_origin(instance_url, trusted):
        raise SalesforceError(Problem.UNTRUSTED_INSTANCE, instance_url or "no instance_url")
    identity_url = str(answer.get("id") or "")
    if not _HEADER_VALUE.fullmatch(answer["access_token"]):
        raise SalesforceError(Problem.NOT_SALESFORCE, "a token that can't stand in a header")
    return TokenAnswer(
        access_token=str(answer["access_token"]),
        refresh_token=str(answer.get("refresh_token") or ""),
        instance_url=origin_of(instance_url),
        identity_url=identity_url if is_trusted_origin(identity_url, trusted) else "",
        scopes=tuple(str(answer.get("scope") or "").split()),
    )
