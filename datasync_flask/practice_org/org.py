"""The practice org's state: apps, codes, tokens, settings, and requested faults."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from datasync_flask.practice_org.catalog import PROFILE_ID, USER_ID, Row
from datasync_flask.practice_org.data import Data
from datasync_flask.practice_org.soql_answer import Answer

ORG_ID = "00D5g000004PrctEAC"
USERNAME = "ada@practice.example"
PASSWORD = "practice"
CLI_APP = "PlatformCLI"


@dataclass
class App:
    """An external client app or a connected app."""

    client_id: str
    client_secret: str
    callback_urls: list[str]
    scopes: list[str]
    # When each endpoint knows the app, in seconds since the epoch.
    known_at: float
    token_known_at: float
    kind: str = "external"
    name: str = "DataSync"
    contact_email: str = ""
    created_at: float = field(default_factory=time.time)
    propagation_seconds: float = 0.0
    # The app's Callback URLs until a change of them has propagated.
    former_callback_urls: list[str] = field(default_factory=list)
    callbacks_known_at: float = 0.0
    pkce_required: bool = True
    # If off, the app works without its secret, but a secret that is sent has to be right.
    secret_required: bool = True
    client_credentials: bool = False
    run_as: str = ""
    # Signed tokens: whether they are on, the certificate to check signatures, and whether an administrator approved
    # the user's profile.
    jwt_bearer: bool = False
    certificate: str = ""
    user_approved: bool = False
    rotation: bool = False
    refresh_policy: str = "until_revoked"
    admin_approved_only: bool = False
    blocked: bool = False
    installed: bool = True

    def effective_callback_urls(self) -> list[str]:
        """The Callback URLs that Salesforce's servers know now."""
        return self.callback_urls if time.time() >= self.callbacks_known_at else self.former_callback_urls

    def change_callback_urls(self, urls: list[str]) -> None:
        """Change the Callback URLs; the change has to propagate too."""
        self.former_callback_urls = self.effective_callback_urls()
        self.callback_urls = urls
        self.callbacks_known_at = time.time() + self.propagation_seconds


@dataclass
class Code:
    """An authorization code."""

    client_id: str
    redirect_uri: str
    challenge: str
    scopes: list[str]
    expires_at: float
    is_used: bool = False
    nonce: str = ""


@dataclass
class Token:
    """An access or refresh token; tokens of one approval share a family."""

    kind: str
    client_id: str
    family: str
    scopes: list[str]
    expires_at: float
    is_dead: bool = False
    issued_at: float = field(default_factory=time.time)


@dataclass
class Settings:
    """How the org behaves as a whole."""

    propagation_seconds: float = 20.0
    code_seconds: float = 900.0
    access_token_seconds: float = 7200.0
    # "redirect": errors on a separate page; "page": a 400 with the same words.
    error_style: str = "redirect"
    org_name: str = "Practice Org"
    # A refreshed sandbox, or another org behind the same address.
    org_id: str = ORG_ID
    is_sandbox: bool = False
    api_disabled: str = ""
    limits_forbidden: bool = False
    daily_requests: int = 15000
    daily_bulk_jobs: int = 10_000
    refresh_seconds: float = 0.0
    # The required audience of signed tokens; empty: the org's own origin and Salesforce's login hosts.
    audience: str = ""
    # Bulk: whether it is off, the seconds until a job is complete, the most rows on a page of a result.
    bulk_off: bool = False
    bulk_refuses_json: bool = False
    job_seconds: float = 0.0
    result_page_rows: int = 50_000
    # Parallel result pages: "chunks" as in real orgs, "documented" as in the documentation, "" for none.
    result_pages: str = "chunks"
    # The delay of every answer in seconds, and kilobytes a second; 0: as fast as possible.
    latency: float = 0.0
    bandwidth: float = 0.0


@dataclass
class Fault:
    """A requested fault: what the org does instead of answering properly."""

    at: str
    kind: str = "answer"
    times: int | None = 1
    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    client_id: str = ""


def _command_line_app() -> App:
    """Every org's app for Salesforce's own command line, whose name is its id and which has no secret."""
    return App(
        client_id=CLI_APP, client_secret="", callback_urls=["http://localhost:1717/OauthRedirect"], kind="platform",
        scopes=["refresh_token", "api", "web"], known_at=0.0, token_known_at=0.0, name="Salesforce CLI",
        pkce_required=False, secret_required=False,
    )  # fmt: skip


class Org:
    """All state, behind one lock, and saved to a file if there is one."""

    def __init__(self, propagation: float = 20.0, state: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.settings = Settings(propagation_seconds=propagation)
        self.apps: dict[str, App] = {}
        self.codes: dict[str, Code] = {}
        self.tokens: dict[str, Token] = {}
        self.faults: list[Fault] = []
        self.requests: Counter[str] = Counter()
        self.refreshing: set[str] = set()
        self.requests_today = 0
        self.data = Data(self._own_rows)
        # (object, id) of the most recently read records, the newest first.
        self.recent: deque[tuple[str, str]] = deque([("User", USER_ID)], maxlen=200)
        # Keys that log in once, without a password.
        self.one_time_keys: set[str] = set()
        # REST queries with more rows to come.
        self.locators: dict[str, Answer] = {}
        self._state = state
        self._load()
        self.apps.setdefault(CLI_APP, _command_line_app())

    def _own_rows(self) -> dict[str, Row]:
        """The org's rows about itself and its user."""
        settings, since = self.settings, datetime(2024, 1, 15, 9, tzinfo=UTC)
        dates: Row = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), since)
        locale = {"LanguageLocaleKey": "en_US", "TimeZoneSidKey": "Europe/Berlin"}
        return {
            "Organization": {
                "Id": settings.org_id, "Name": settings.org_name, "IsSandbox": settings.is_sandbox,
                "OrganizationType": "Developer Edition", "InstanceName": "PRAC1", "Country": "DE",
                "DefaultLocaleSidKey": "en_US", "FiscalYearStartMonth": 1, **locale, **dates,
            },
            "User": {
                "Id": USER_ID, "Username": USERNAME, "Name": "Ada Practice", "FirstName": "Ada", "LastName": "Practice",
                "Email": USERNAME, "Alias": "ada", "IsActive": True, "UserType": "Standard",
                "LocaleSidKey": "en_US", "ProfileId": PROFILE_ID, **locale, **dates,
            },
            "Profile": {"Id": PROFILE_ID, "Name": "Read Only", "UserType": "Standard", **dates},
        }  # fmt: skip

    def saw(self, name: str, row_id: str) -> None:
        """Remember that a record was read."""
        with self.lock:
            if (name, row_id) in self.recent:
                self.recent.remove((name, row_id))
            self.recent.appendleft((name, row_id))

    def register(self, data: dict[str, Any]) -> App:
        """Add an app from JSON or a form; missing values are generated."""
        with self.lock:
            now = time.time()
            propagation = float(data.get("propagation_seconds", self.settings.propagation_seconds))
            token_propagation = float(data.get("token_propagation_seconds", propagation))
            app = App(
                client_id=data.get("client_id") or "3MVG9" + secrets.token_urlsafe(60).replace("-", "x")[:80],
                client_secret=data.get("client_secret") or secrets.token_hex(32).upper(),
                callback_urls=list(data.get("callback_urls", ())),
                scopes=list(data.get("scopes") or ("api", "refresh_token", "id")),
                known_at=now + propagation,
                token_known_at=now + token_propagation,
                propagation_seconds=propagation,
            )
            self.change(app, data)
            self.apps[app.client_id] = app
            return app

    def change(self, app: App, data: dict[str, Any]) -> None:
        """Change the values that can change without creating another app."""
        with self.lock:
            if "callback_urls" in data and data["callback_urls"] != app.callback_urls:
                app.change_callback_urls(list(data["callback_urls"]))
            changeable = {
                "client_secret", "scopes", "kind", "name", "contact_email", "pkce_required", "secret_required",
                "client_credentials", "run_as", "jwt_bearer", "certificate", "user_approved", "rotation",
                "refresh_policy", "admin_approved_only", "blocked", "installed", "propagation_seconds",
            }  # fmt: skip
            for name in changeable & data.keys():
                if data[name] is not None:
                    setattr(app, name, data[name])
            if data.get("known_now"):
                app.known_at = app.token_known_at = app.callbacks_known_at = time.time()
            self.save()

    def known_app(self, client_id: str, *, at_token_endpoint: bool = False) -> App | None:
        """The app once this endpoint knows it."""
        with self.lock:
            app = self.apps.get(client_id)
            if app is None:
                return None
            known_at = app.token_known_at if at_token_endpoint else app.known_at
            return app if time.time() >= known_at else None

    def new_code(self, app: App, redirect_uri: str, challenge: str, scopes: list[str], nonce: str = "") -> str:
        """A new authorization code."""
        with self.lock:
            code = "aPrx" + secrets.token_urlsafe(40) + "=="
            expires_at = time.time() + self.settings.code_seconds
            self.codes[code] = Code(app.client_id, redirect_uri, challenge, scopes, expires_at, nonce=nonce)
            self.save()
            return code

    def new_tokens(self, app: App, scopes: list[str], family: str = "", *, refreshable: bool = True) -> dict[str, str]:
        """New tokens, with a refresh token if scopes and the app's policy allow it."""
        with self.lock:
            is_new_family = not family
            family = family or secrets.token_hex(8)
            # Letters, digits, dot and underscore: what clients accept as an access token.
            access = f"{self.settings.org_id[:15]}!{secrets.token_urlsafe(72).replace('-', '.')}"
            self.tokens[access] = Token(
                "access", app.client_id, family, scopes, time.time() + self.settings.access_token_seconds
            )
            made = {"access_token": access}
            may_refresh = refreshable and "refresh_token" in scopes and app.refresh_policy != "immediate"
            if may_refresh and (is_new_family or app.rotation):
                refresh = "5Aep861" + secrets.token_urlsafe(60)
                self.tokens[refresh] = Token("refresh", app.client_id, family, scopes, float("inf"))
                made["refresh_token"] = refresh
            self.save()
            return made

    def kill_family(self, family: str) -> None:
        """Revoke every token of one approval."""
        with self.lock:
            for token in self.tokens.values():
                if token.family == family:
                    token.is_dead = True
            self.save()

    def live_access(self, value: str) -> Token | None:
        """An access token that is still valid."""
        with self.lock:
            token = self.tokens.get(value)
            is_live = token is not None and token.kind == "access" and not token.is_dead
            return token if is_live and token is not None and token.expires_at > time.time() else None

    @contextmanager
    def refreshing_family(self, family: str) -> Iterator[bool]:
        """Yield False when another refresh of the same approval is under way."""
        with self.lock:
            is_free = family not in self.refreshing
            self.refreshing.add(family)
        try:
            yield is_free
        finally:
            if is_free:
                with self.lock:
                    self.refreshing.discard(family)

    def take_fault(self, at: str, client_id: str = "") -> Fault | None:
        """The fault to produce at an endpoint now; counts it down."""
        with self.lock:
            for fault in self.faults:
                if fault.at == at and fault.client_id in {"", client_id}:
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times <= 0:
                            self.faults.remove(fault)
                    return fault
            return None

    def save(self) -> None:
        """Write apps and tokens to the state file, so that a demo can be stopped and started."""
        if self._state is None:
            return
        content = {
            "apps": [dataclasses.asdict(app) for app in self.apps.values()],
            "tokens": {value: dataclasses.asdict(token) for value, token in self.tokens.items() if not token.is_dead},
        }
        draft = self._state.with_suffix(".new")
        draft.write_text(json.dumps(content))
        draft.replace(self._state)

    def _load(self) -> None:
        if self._state is None or not self._state.exists():
            return
        content = json.loads(self._state.read_text())
        self.apps = {entry["client_id"]: App(**entry) for entry in content["apps"]}
        self.tokens = {value: Token(**entry) for value, entry in content["tokens"].items()}


def signature(app: App, identity_url: str, issued_at: str) -> str:
    """The token answer's signature: base64(HMAC-SHA256(client_secret, id + issued_at))."""
    mac = hmac.new(app.client_secret.encode(), (identity_url + issued_at).encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def verifier_matches(verifier: str, challenge: str) -> bool:
    """True when the PKCE verifier hashes to the challenge (RFC 7636 section 4.6)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge
