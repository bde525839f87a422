"""The practice org's OAuth endpoints and log-in page, worded as Salesforce words them."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlencode

from authlib.oauth2.rfc7523 import JWTBearerGrant
from flask import Blueprint, Response, jsonify, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from datasync_flask.practice_org.faults import count_and_fault, the_org
from datasync_flask.practice_org.org import (
    PASSWORD,
    USER_ID,
    USERNAME,
    App,
    signature,
    verifier_matches,
)

bp = Blueprint("oauth", __name__)


def origin() -> str:
    """Return the org's own origin, as the client reached it."""
    return request.host_url.rstrip("/")


def is_logged_in() -> bool:
    """True when this browser is logged in to the org."""
    return bool(session.get("user"))


@bp.get("/")
def login_page() -> ResponseReturnValue:
    """Salesforce's log-in page."""
    return render_template(
        "login.html", start=request.args.get("startURL", ""), username=USERNAME, password=PASSWORD, error=""
    )


@bp.post("/login")
def login() -> ResponseReturnValue:
    """Log in and go where the person wanted to go."""
    start = request.form.get("startURL", "")
    if request.form.get("username") != USERNAME or request.form.get("pw") != PASSWORD:
        error = "Please check your username and password."
        page = render_template("login.html", start=start, username=USERNAME, password=PASSWORD, error=error)
        return page, 200
    session["user"] = USERNAME
    return redirect(start if start.startswith("/") and not start.startswith("//") else "/lightning/setup/home")


def _own_error_page(error: str, description: str) -> ResponseReturnValue:
    """What Salesforce must not redirect: the client never hears of it."""
    if the_org().settings.error_style == "page":
        text = f"error={error}&error_description={description}"
        return render_template("oauth_error.html", text=text), 400
    query = urlencode({"error": error, "error_description": description})
    return redirect(f"/setup/secur/RemoteAccessErrorPage.apexp?{query}")


@bp.get("/setup/secur/RemoteAccessErrorPage.apexp")
def error_page() -> ResponseReturnValue:
    """Salesforce's own error page."""
    return render_template("oauth_error.html", text="")


def _back(redirect_uri: str, state: str, **params: str) -> ResponseReturnValue:
    if state:
        params["state"] = state
    separator = "&" if "?" in redirect_uri else "?"
    return redirect(redirect_uri + separator + urlencode(params))


@bp.get("/services/oauth2/authorize")
def authorize() -> ResponseReturnValue:
    """The authorize endpoint (RFC 6749 section 3.1)."""
    client_id = request.args.get("client_id", "")
    count_and_fault("authorize", client_id)
    refusal = _authorize_refusal(client_id)
    if refusal is not None:
        return refusal
    if not is_logged_in():
        start = request.full_path
        return redirect("/?" + urlencode({"ec": "302", "startURL": start}))
    app = the_org().apps[client_id]
    if app.blocked:
        return _own_error_page("OAUTH_APP_BLOCKED", "this app is blocked by admin")
    if not app.installed:
        return _own_error_page("invalid_client", "app must be installed into org")
    if app.admin_approved_only and not app.user_approved:
        return _own_error_page("OAUTH_APP_ACCESS_DENIED", "user is not admin approved to access this app")
    scopes = request.args.get("scope", "").split() or app.scopes
    return render_template("allow.html", app=app, scopes=scopes, params=request.args)


def _authorize_refusal(client_id: str) -> ResponseReturnValue | None:
    redirect_uri, state = request.args.get("redirect_uri", ""), request.args.get("state", "")
    app = the_org().known_app(client_id)
    if app is None:
        return _own_error_page("invalid_client_id", "client identifier invalid")
    if not redirect_uri:
        return _own_error_page("redirect_uri_missing", "redirect_uri not provided")
    if redirect_uri not in app.effective_callback_urls():
        return _own_error_page("redirect_uri_mismatch", "redirect_uri must match configuration")
    if request.args.get("response_type") != "code":
        description = "response type not supported"
        return _back(redirect_uri, state, error="unsupported_response_type", error_description=description)
    challenge, method = request.args.get("code_challenge", ""), request.args.get("code_challenge_method", "S256")
    if app.pkce_required and (not challenge or method != "S256"):
        return _back(redirect_uri, state, error="invalid_request", error_description="missing required code challenge")
    if not set(request.args.get("scope", "").split()) <= set(app.scopes):
        description = "the requested scope is not allowed"
        return _back(redirect_uri, state, error="invalid_scope", error_description=description)
    return None


@bp.post("/services/oauth2/authorize/answer")
def answer() -> ResponseReturnValue:
    """Allow or Deny."""
    form = request.form
    app = the_org().known_app(form["client_id"])
    if not is_logged_in() or app is None or form["redirect_uri"] not in app.effective_callback_urls():
        return _own_error_page("invalid_client_id", "client identifier invalid")
    if form.get("choice") != "allow":
        return _back(
            form["redirect_uri"],
            form["state"],
            error="access_denied",
            error_description="end-user denied authorization",
        )
    scopes = form["scope"].split() or app.scopes
    code = the_org().new_code(app, form["redirect_uri"], form["code_challenge"], scopes)
    return _back(form["redirect_uri"], form["state"], code=code)


def _refuse(error: str, description: str, status: int = 400) -> ResponseReturnValue:
    response = jsonify({"error": error, "error_description": description})
    response.headers["Cache-Control"] = "no-store"
    return response, status


@bp.post("/services/oauth2/token")
def token() -> ResponseReturnValue:
    """The token endpoint (RFC 6749 section 3.2)."""
    form = request.form
    claims = _claims_of(form["assertion"]) if form.get("grant_type") == JWTBearerGrant.GRANT_TYPE else None
    client_id = form.get("client_id", "") if claims is None else str(claims.get("iss", ""))
    fault = count_and_fault("token", client_id)
    app = the_org().known_app(client_id, at_token_endpoint=True)
    if app is None:
        return _refuse("invalid_client_id", "client identifier invalid")
    works_without = not app.secret_required and form.get("grant_type") in {"authorization_code", "refresh_token"}
    is_proven = form["client_secret"] == app.client_secret if "client_secret" in form else works_without
    if claims is None and not is_proven:
        return _refuse("invalid_client", "invalid client credentials")
    grants = {
        "authorization_code": _by_code,
        "refresh_token": _by_refresh_token,
        "client_credentials": _by_client_credentials,
        JWTBearerGrant.GRANT_TYPE: _by_assertion,
    }
    grant = grants.get(form.get("grant_type", ""))
    if grant is None:
        return _refuse("unsupported_grant_type", "grant type not supported")
    answered = grant(app)
    if isinstance(answered, dict) and fault is not None and fault.kind == "change":
        # Answers properly, but for some values: another instance_url, no refresh token.
        answered.update({key: value for key, value in fault.headers.items() if value})
        for key in [key for key, value in fault.headers.items() if not value]:
            answered.pop(key, None)
    if not isinstance(answered, dict):
        return answered
    response = jsonify(answered)
    response.headers["Cache-Control"] = "no-store"
    return response


def _by_code(app: App) -> dict[str, Any] | ResponseReturnValue:
    org, form = the_org(), request.form
    with org.lock:
        code = org.codes.get(form.get("code", ""))
        if code is None or code.client_id != app.client_id:
            return _refuse("invalid_grant", "invalid authorization code")
        if code.is_used or code.expires_at < time.time():
            return _refuse("invalid_grant", "expired authorization code")
        if code.redirect_uri != form.get("redirect_uri"):
            return _refuse("redirect_uri_mismatch", "redirect_uri must match configuration")
        if code.challenge and not verifier_matches(form.get("code_verifier", ""), code.challenge):
            return _refuse("invalid_grant", "invalid code verifier")
        code.is_used = True
        return _token_answer(app, code.scopes, org.new_tokens(app, code.scopes))


def _by_refresh_token(app: App) -> dict[str, Any] | ResponseReturnValue:
    org = the_org()
    value = request.form.get("refresh_token", "")
    found = org.tokens.get(value)
    if found is None or found.kind != "refresh" or found.client_id != app.client_id:
        return _refuse("invalid_grant", "expired access/refresh token")
    with org.refreshing_family(found.family) as is_free:
        if not is_free:
            return _refuse("invalid_grant", "token request is already being processed")
        time.sleep(org.settings.refresh_seconds)
        with org.lock:
            if found.is_dead:
                # A rotated refresh token that is used again takes everything down with it.
                org.kill_family(found.family)
                return _refuse("invalid_grant", "expired access/refresh token")
            found.is_dead = app.rotation
            return _token_answer(app, found.scopes, org.new_tokens(app, found.scopes, found.family))


def _by_client_credentials(app: App) -> dict[str, Any] | ResponseReturnValue:
    if not app.client_credentials:
        return _refuse("unsupported_grant_type", "grant type not supported")
    if not app.run_as:
        return _refuse("invalid_grant", "no client credentials user enabled")
    scopes = [scope for scope in app.scopes if scope not in {"full", "web", "refresh_token"}]
    return _token_answer(app, scopes, the_org().new_tokens(app, scopes, refreshable=False))


def _claims_of(assertion: str) -> dict[str, Any]:
    """Return an assertion's claims, unproven; nothing when it isn't one."""
    try:
        claims = json.loads(jws.extract_compact(assertion.encode()).payload)
    except (JoseError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _by_assertion(app: App) -> dict[str, Any] | ResponseReturnValue:
    """Take a signed token (RFC 7523): the certificate's signature, the audience, the time, the user, in this order."""
    org = the_org()
    if not app.jwt_bearer or not app.certificate:
        return _refuse("unsupported_grant_type", "grant type not supported")
    try:
        claims = jwt.decode(request.form["assertion"], RSAKey.import_key(app.certificate), algorithms=["RS256"]).claims
    except JoseError:
        return _refuse("invalid_grant", "invalid assertion")
    if claims.get("aud") != (org.settings.audience or origin()):
        return _refuse("invalid_grant", "audience is invalid")
    if not time.time() < claims.get("exp", 0) <= time.time() + 180:
        return _refuse("invalid_grant", "invalid assertion")
    allowed_before = any(
        token.kind == "refresh" and token.client_id == app.client_id and not token.is_dead
        for token in org.tokens.values()
    )
    approved = app.user_approved if app.admin_approved_only else allowed_before
    if claims.get("sub") != USERNAME or not approved:
        return _refuse("invalid_grant", "user hasn't approved this consumer")
    return _token_answer(app, app.scopes, org.new_tokens(app, app.scopes, refreshable=False))


def _token_answer(app: App, scopes: list[str], tokens: dict[str, str]) -> dict[str, Any]:
    identity_url = f"{origin()}/id/{the_org().settings.org_id}/{USER_ID}"
    issued_at = str(int(time.time() * 1000))
    return {
        **tokens,
        "signature": signature(app, identity_url, issued_at),
        "scope": " ".join(scopes),
        "instance_url": origin(),
        "id": identity_url,
        "token_type": "Bearer",
        "issued_at": issued_at,
        "api_instance_url": origin(),
    }


@bp.post("/services/oauth2/revoke")
def revoke() -> ResponseReturnValue:
    """The revocation endpoint (RFC 7009)."""
    count_and_fault("revoke")
    org = the_org()
    found = org.tokens.get(request.form.get("token", ""))
    if found is None or found.is_dead:
        return Response("error=invalid_token&error_description=invalid+token", 400)
    if found.kind == "refresh":
        org.kill_family(found.family)
    else:
        found.is_dead = True
        org.save()
    return Response("", 200)
