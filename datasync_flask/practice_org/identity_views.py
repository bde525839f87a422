"""Who the user is: userinfo, the identity URL, OpenID Connect's discovery document, keys and id_token.

Source: Salesforce Help, "Identity URLs", "The UserInfo Endpoint", "OpenID Connect Discovery Endpoint".
"""

from __future__ import annotations

import base64
import hashlib
import time
from functools import cache
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from datasync_flask.practice_org.answers import bearer
from datasync_flask.practice_org.catalog import USER_ID
from datasync_flask.practice_org.faults import count_and_fault, the_org
from datasync_flask.practice_org.oauth_views import identity_address, origin
from datasync_flask.practice_org.org import USERNAME

bp = Blueprint("identity", __name__)

# Scopes that let an app read the user's identity; `api` alone doesn't.
_IDENTITY_SCOPES = frozenset({"id", "openid", "profile", "email", "address", "phone", "full", "web"})
_CHANGED = "2026-01-15T09:00:00Z"
_ID_TOKEN_SECONDS = 120


@cache
def _key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "256", "use": "sig", "alg": "RS256"})


def id_token(client_id: str, nonce: str, access_token: str) -> str:
    """A signed id_token (OpenID Connect Core section 2)."""
    now = int(time.time())
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    claims = {
        "iss": origin(), "sub": identity_address(), "aud": client_id, "iat": now, "exp": now + _ID_TOKEN_SECONDS,
        "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(), **({"nonce": nonce} if nonce else {}),
        "preferred_username": USERNAME, "name": "Ada Practice", "email": USERNAME, "email_verified": True,
        "organization_id": the_org().settings.org_id, "user_id": USER_ID,
    }  # fmt: skip
    key = _key()
    return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)


@bp.get("/.well-known/openid-configuration")
def discovery() -> ResponseReturnValue:
    """The discovery document."""
    count_and_fault("discovery")
    base = f"{origin()}/services/oauth2"
    return jsonify(
        {
            "issuer": origin(),
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "revocation_endpoint": f"{base}/revoke",
            "userinfo_endpoint": f"{base}/userinfo",
            "jwks_uri": f"{origin()}/id/keys",
            "introspection_endpoint": f"{base}/introspect",
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "scopes_supported": ["api", "full", "id", "openid", "refresh_token", "web"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "display_values_supported": ["page", "popup", "touch"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "none"],
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "name", "email", "preferred_username"],
        }
    )


@bp.get("/id/keys")
def keys() -> ResponseReturnValue:
    """The keys that sign id_tokens."""
    return jsonify(KeySet([_key()]).as_dict(private=False))


def _photos() -> dict[str, str]:
    return {"picture": f"{origin()}/profilephoto/005/F", "thumbnail": f"{origin()}/profilephoto/005/T"}


def _urls() -> dict[str, str]:
    base, org_id = origin(), the_org().settings.org_id[:15]
    rest = f"{base}/services/data/v{{version}}/"
    soap = {
        name: f"{base}/services/Soap/{letter}/{{version}}/{org_id}"
        for name, letter in (("enterprise", "c"), ("metadata", "m"), ("partner", "u"))
    }
    chatter = {
        "feeds": "feeds", "groups": "groups", "users": "users", "feed_items": "feed-items",
        "feed_elements": "feed-elements",
    }  # fmt: skip
    return {
        **soap,
        "rest": rest,
        **{name: f"{rest}{name}/" for name in ("sobjects", "search", "query", "recent")},
        "tooling_soap": f"{base}/services/Soap/T/{{version}}/{org_id}",
        "tooling_rest": f"{rest}tooling/",
        "profile": f"{base}/{USER_ID}",
        **{name: f"{rest}chatter/{path}" for name, path in chatter.items()},
        "custom_domain": base,
    }


@bp.route("/services/oauth2/userinfo", methods=["GET", "POST"])
def userinfo() -> ResponseReturnValue:
    """The UserInfo endpoint; it needs a scope for identity."""
    count_and_fault("userinfo")
    token = bearer()
    if "Authorization" not in request.headers:
        return Response("Missing_OAuth_Token", 403, content_type="text/html;charset=UTF-8")
    if token is None or not _IDENTITY_SCOPES & set(token.scopes):
        return Response("Bad_OAuth_Token", 403, content_type="text/html;charset=UTF-8")
    return jsonify(
        {
            "sub": identity_address(), "user_id": USER_ID, "organization_id": the_org().settings.org_id,
            "preferred_username": USERNAME, "nickname": "ada", "name": "Ada Practice", "email": USERNAME,
            "email_verified": True, "given_name": "Ada", "family_name": "Practice", "zoneinfo": "Europe/Berlin",
            "photos": _photos(), "profile": f"{origin()}/{USER_ID}", "picture": _photos()["picture"], "address": {},
            "is_salesforce_integration_user": False, "urls": _urls(), "active": True, "user_type": "STANDARD",
            "language": "en_US", "locale": "en_US", "utcOffset": 3600000, "updated_at": _CHANGED,
        }
    )  # fmt: skip


@bp.get("/id/<org_id>/<user_id>")
def identity(org_id: str, user_id: str) -> ResponseReturnValue:
    """The identity URL; `?version=latest` puts the version into its addresses."""
    count_and_fault("identity")
    own_id = the_org().settings.org_id
    token = bearer() or the_org().live_access(request.args.get("oauth_token", ""))
    if token is None:
        return Response("Bad_OAuth_Token", 403, content_type="text/html;charset=UTF-8")
    if org_id[:15] != own_id[:15]:
        return Response("Wrong_Org", 403, content_type="text/html;charset=UTF-8")
    if user_id[:15] != USER_ID[:15]:
        return Response("Bad_Id", 403, content_type="text/html;charset=UTF-8")
    return jsonify(_identity())


def _identity() -> dict[str, Any]:
    urls, version = _urls(), request.args.get("version", "")
    if version:
        number = "68.0" if version == "latest" else version
        urls = {name: url.replace("{version}", number) for name, url in urls.items()}
    address = dict.fromkeys(("addr_street", "addr_city", "addr_state", "addr_country", "addr_zip"))
    return {
        "id": identity_address(), "asserted_user": True, "user_id": USER_ID,
        "organization_id": the_org().settings.org_id, "username": USERNAME, "nick_name": "ada",
        "display_name": "Ada Practice", "email": USERNAME, "email_verified": True, "first_name": "Ada",
        "last_name": "Practice", "timezone": "Europe/Berlin", "photos": _photos(), **address, "mobile_phone": None,
        "mobile_phone_verified": False, "is_lightning_login_user": False,
        "status": {"created_date": None, "body": None}, "urls": urls, "active": True, "user_type": "STANDARD",
        "language": "en_US", "locale": "en_US", "utcOffset": 3600000, "last_modified_date": _CHANGED,
        "is_app_installed": True,
    }  # fmt: skip
