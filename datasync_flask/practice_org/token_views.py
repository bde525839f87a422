"""The practice org's token endpoint, revocation and introspection, worded as Salesforce words them."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import unquote

from authlib.oauth2.rfc7523 import JWTBearerGrant
from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from datasync_flask.practice_org import identity_views as identity
from datasync_flask.practice_org.faults import count_and_fault, the_org
from datasync_flask.practice_org.oauth_views import identity_address, origin
from datasync_flask.practice_org.org import USERNAME, App, signature, verifier_matches

bp = Blueprint("token", __name__)

LOGIN_ADDRESSES = ("https://login.salesforce.com", "https://test.salesforce.com")
TOKEN_PATH = "/services/oauth2/token"


def _client() -> tuple[str, str]:
    """The client's id and secret, from the body or from HTTP Basic (RFC 6749 section 2.3.1)."""
    form, basic = request.form, request.authorization
    if basic is not None and basic.type == "basic" and not form.get("client_id"):
        return unquote(basic.username or ""), unquote(basic.password or "")
    if basic is not None and basic.type == "basic" and not form.get("client_secret"):
        return form["client_id"], unquote(basic.password or "")
    return form.get("client_id", ""), form.get("client_secret", "")


def _refuse(error: str, description: str, status: int = 400) -> ResponseReturnValue:
    response = jsonify({"error": error, "error_description": description})
    response.headers["Cache-Control"] = "no-store"
    return response, status


@bp.get("/services/oauth2/token")
def token_by_get() -> ResponseReturnValue:
    """The token endpoint accepts only POST."""
    return _refuse("invalid_request", "must use HTTP POST")


@bp.post("/services/oauth2/token")
def token() -> ResponseReturnValue:
    """The token endpoint (RFC 6749 section 3.2)."""
    form = request.form
    is_signed = form.get("grant_type") == JWTBearerGrant.GRANT_TYPE
    claims = _claims_of(form.get("assertion", "")) if is_signed else None
    client_id, secret = _client()
    if claims is not None:
        client_id = str(claims.get("iss", ""))
    fault = count_and_fault("token", client_id)
    app = the_org().known_app(client_id, at_token_endpoint=True)
    if app is None:
        return _refuse("invalid_client_id", "client identifier invalid")
    works_without = not app.secret_required and form.get("grant_type") in {"authorization_code", "refresh_token"}
    # A secret that is sent has to be right, required or not; an empty one counts as none.
    is_proven = secret == app.client_secret if secret else works_without
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
        # A proper answer with some other values, such as another instance_url or no refresh token.
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
        return _token_answer(app, code.scopes, org.new_tokens(app, code.scopes), nonce=code.nonce)


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
                # Using a rotated refresh token again revokes everything.
                org.kill_family(found.family)
                return _refuse("invalid_grant", "expired access/refresh token")
            found.is_dead = app.rotation
            return _token_answer(app, found.scopes, org.new_tokens(app, found.scopes, found.family), nonce="")


def _by_client_credentials(app: App) -> dict[str, Any] | ResponseReturnValue:
    if not app.client_credentials:
        return _refuse("unsupported_grant_type", "grant type not supported")
    if not app.run_as:
        return _refuse("invalid_grant", "no client credentials user enabled")
    scopes = [scope for scope in app.scopes if scope not in {"full", "refresh_token"}]
    return _token_answer(app, scopes, the_org().new_tokens(app, scopes, refreshable=False))


def _claims_of(assertion: str) -> dict[str, Any]:
    """An assertion's claims, unverified; empty if it isn't one."""
    try:
        claims = json.loads(jws.extract_compact(assertion.encode()).payload)
    except (JoseError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _is_meant_for_us(audience: Any) -> bool:
    """True for an audience of this org: that of its settings, or else its own address or Salesforce's login hosts."""
    named = the_org().settings.audience
    takes = {named} if named else {origin(), *LOGIN_ADDRESSES}
    given = audience if isinstance(audience, list) else [audience]
    return any(isinstance(each, str) and each.rstrip("/").removesuffix(TOKEN_PATH) in takes for each in given)


def _expiry(claim: Any) -> float:
    """When an assertion expires. Clients send seconds or milliseconds (far in the future), as numbers or texts."""
    try:
        return float(claim)
    except (TypeError, ValueError):
        return 0.0


def _by_assertion(app: App) -> dict[str, Any] | ResponseReturnValue:
    """Accept a signed token (RFC 7523) after checking signature, audience, time and user, in this order."""
    org = the_org()
    if not app.jwt_bearer or not app.certificate:
        return _refuse("unsupported_grant_type", "grant type not supported")
    try:
        key = RSAKey.import_key(app.certificate)
        claims = jwt.decode(request.form.get("assertion", ""), key, algorithms=["RS256"]).claims
    except (JoseError, ValueError):
        return _refuse("invalid_grant", "invalid assertion")
    if not _is_meant_for_us(claims.get("aud")):
        return _refuse("invalid_grant", "audience is invalid")
    if not time.time() < _expiry(claims.get("exp")):
        return _refuse("invalid_grant", "invalid assertion")
    allowed_before = any(
        token.kind == "refresh" and token.client_id == app.client_id and not token.is_dead
        for token in org.tokens.values()
    )
    approved = app.user_approved if app.admin_approved_only else allowed_before
    if claims.get("sub") != USERNAME or not approved:
        return _refuse("invalid_grant", "user hasn't approved this consumer")
    return _token_answer(app, app.scopes, org.new_tokens(app, app.scopes, refreshable=False))


def _token_answer(app: App, scopes: list[str], tokens: dict[str, str], *, nonce: str | None = None) -> dict[str, Any]:
    """A token answer, with an id_token if the scopes ask for one and a person signed in."""
    issued_at = str(int(time.time() * 1000))
    id_token = {}
    if nonce is not None and "openid" in scopes:
        id_token = {"id_token": identity.id_token(app.client_id, nonce, tokens["access_token"])}
    return {
        **tokens,
        "signature": signature(app, identity_address(), issued_at),
        "scope": " ".join(scopes),
        **id_token,
        "instance_url": origin(),
        "id": identity_address(),
        "token_type": "Bearer",
        "issued_at": issued_at,
        "api_instance_url": origin(),
    }


@bp.route("/services/oauth2/revoke", methods=["GET", "POST"])
def revoke() -> ResponseReturnValue:
    """The revocation endpoint (RFC 7009)."""
    count_and_fault("revoke")
    org = the_org()
    found = org.tokens.get(request.values.get("token", ""))
    if found is None or found.is_dead:
        text = "error=invalid_token&error_description=invalid+token"
        return Response(text, 400, content_type="application/x-www-form-urlencoded")
    if found.kind == "refresh":
        org.kill_family(found.family)
    else:
        found.is_dead = True
        org.save()
    return Response("", 200)


@bp.post("/services/oauth2/introspect")
def introspect() -> ResponseReturnValue:
    """Token introspection (RFC 7662): an app may ask about its own tokens."""
    client_id, secret = _client()
    count_and_fault("introspect", client_id)
    app = the_org().known_app(client_id, at_token_endpoint=True)
    if app is None or (app.secret_required and not secret) or (secret and secret != app.client_secret):
        return _refuse("invalid_client", "invalid client credentials", 401)
    token = the_org().tokens.get(request.form.get("token", ""))
    if token is None or token.is_dead or token.client_id != client_id or token.expires_at < time.time():
        return jsonify({"active": False})
    times = {"exp": int(token.expires_at)} if token.kind == "access" else {}
    issued_at = int(token.issued_at)
    return jsonify(
        {
            "active": True, "scope": " ".join(token.scopes), "client_id": client_id, "username": USERNAME,
            "sub": identity_address(), "token_type": f"{token.kind}_token", **times, "iat": issued_at,
            "nbf": issued_at,
        }
    )  # fmt: skip
