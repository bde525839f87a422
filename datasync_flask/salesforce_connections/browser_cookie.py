"""Identifies the browser that left for Salesforce, with a cookie that survives a sign-out."""

from __future__ import annotations

import secrets

from flask import after_this_request, current_app, request
from flask.wrappers import Response

COOKIE = "datasync_browser"
_LIFETIME = 3600


def mark_of_browser() -> str:
    """The mark of this browser; the cookie stores it for the next hour."""
    mark = known_mark() or secrets.token_urlsafe(32)

    def remember(response: Response) -> Response:
        config = current_app.config
        response.set_cookie(
            COOKIE,
            mark,
            max_age=_LIFETIME,
            path=current_app.session_interface.get_cookie_path(current_app),
            secure=bool(config["SESSION_COOKIE_SECURE"]),
            httponly=True,
            # Salesforce's redirect comes from another site; it is a top-level GET, which Lax lets through.
            samesite="Lax",
        )
        return response

    after_this_request(remember)
    return mark


def known_mark() -> str:
    """The mark of this browser from when somebody left for Salesforce, '' if nobody did."""
    return request.cookies.get(COOKIE, "")[:100]
