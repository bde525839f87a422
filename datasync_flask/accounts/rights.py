"""Closed by default: a view needs a sign-in unless it is marked public, and may require a role."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from flask import abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from datasync_flask.accounts import guessing
from datasync_flask.accounts.models import SignedIn
from datasync_flask.accounts.people import person_with_token
from datasync_flask.addresses import is_api, this_page, wants_fragment
from datasync_flask.roles import Role
from datasync_flask.roles import fragment as fragment
from datasync_flask.roles import needs_role as needs_role
from datasync_flask.roles import public as public


def answers_with_fragment() -> bool:
    """True when the view of this request is marked as a fragment."""
    view = current_app.view_functions.get(request.endpoint or "")
    return bool(getattr(view, "is_fragment", False))


def safe_next(target: str | None) -> str:
    """`target` if it is a path on this site, else the start page: no open redirect (RFC 9700 section 4.11)."""
    # Other programs may use the rest of the host.
    is_below = (target or "").startswith(f"{request.script_root}/")
    if not target or not is_below or target.startswith(("//", "/\\")) or "\\" in target:
        return url_for("home.index")
    parts = urlsplit(target)
    climbs = ".." in unquote(parts.path).split("/")
    if parts.scheme or parts.netloc or climbs or any(ord(character) < 32 for character in target):
        return url_for("home.index")
    return target


def guard() -> ResponseReturnValue | None:
    """Let a request through or answer it, before every view."""
    if request.endpoint is None or request.endpoint == "static":
        return None
    view = current_app.view_functions[request.endpoint]
    if getattr(view, "is_public", False):
        return None
    if is_api():
        _sign_in_with_token()
    if not current_user.is_authenticated:
        if wants_fragment() or answers_with_fragment() or request.method not in {"GET", "HEAD"}:
            abort(401)
        return redirect(url_for("accounts.login", next=this_page()))
    role: Role | None = getattr(view, "needs_role", None)
    if role is not None and not current_user.has_role(role):
        abort(403)
    return None


def _sign_in_with_token() -> None:
    """Sign in the bearer of a personal token (RFC 6750 section 2.1); a browser's session doesn't count here."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else ""
    person = person_with_token(given) if given else None
    if person is None:
        if given:
            guessing.count_wrong("tokens")
        abort(401)
    # Where Flask-Login stores the person of this request.
    g._login_user = SignedIn.of(person)
