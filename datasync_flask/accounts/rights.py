"""Closed by default: a view is reachable without sign-in only when marked public, and may ask for a role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from flask import Flask, abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from datasync_flask.accounts import guessing
from datasync_flask.accounts.models import Role, SignedIn
from datasync_flask.accounts.people import person_with_token

View = TypeVar("View", bound=Callable[..., Any])


def public(view: View) -> View:
    """Mark `view` as reachable without sign-in."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def needs_role(role: Role) -> Callable[[View], View]:
    """Mark a view as open to people with `role` or a higher one only; everyone signed in may use the others."""

    def mark(view: View) -> View:
        view.needs_role = role  # type: ignore[attr-defined]
        return view

    return mark


def fragment(view: View) -> View:
    """Mark a view as answering with a piece of a page: signed out it says 401 instead of showing a sign-in page."""
    view.is_fragment = True  # type: ignore[attr-defined]
    return view


def wants_fragment() -> bool:
    """True when htmx asks for a piece of a page rather than a person for a page."""
    return request.headers.get("HX-Request") == "true"


def answers_with_fragment() -> bool:
    """True when the view of this request is marked as a fragment."""
    view = current_app.view_functions.get(request.endpoint or "")
    return bool(getattr(view, "is_fragment", False))


def safe_next(target: str | None) -> str:
    """Return `target` when it is a path on this site, else the start page: no open redirect (RFC 9700 section 4.11)."""
    # Another program may have the rest of the host.
    is_below = (target or "").startswith(f"{request.script_root}/")
    if not target or not is_below or target.startswith(("//", "/\\")) or "\\" in target:
        return url_for("home.index")
    parts = urlsplit(target)
    climbs = ".." in unquote(parts.path).split("/")
    if parts.scheme or parts.netloc or climbs or any(ord(character) < 32 for character in target):
        return url_for("home.index")
    return target


def this_page() -> str:
    """Return the path of the page that is asked for, with its query, as a browser shows it."""
    return str(request.script_root + request.full_path.rstrip("?"))


def public_link(endpoint: str, **values: Any) -> str:
    """Return a page's whole address as people elsewhere reach it."""
    return str(current_app.config["SETTINGS"].public_origin + url_for(endpoint, **values))


def _guard() -> ResponseReturnValue | None:
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


def is_api() -> bool:
    """True for requests to the HTTP API, which programs make."""
    return request.path.startswith("/api/")


def _sign_in_with_token() -> None:
    """Let the bearer of a personal token act (RFC 6750 section 2.1); a browser's session counts for nothing here."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else ""
    person = person_with_token(given) if given else None
    if person is None:
        if given:
            guessing.count_wrong("tokens")
        abort(401)
    # Where Flask-Login keeps who this request's person is.
    g._login_user = SignedIn.of(person)


def init_access(app: Flask) -> None:
    """Put the guard before every view of `app`."""
    app.before_request(_guard)
