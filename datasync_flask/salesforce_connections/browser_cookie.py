"""Identifies the browser that left for Salesforce, with a cookie that survives a sign-out."""

from __future__ import annotations

import secrets

from flask import request

from datasync_flask.security.cookies import set_cookie

COOKIE = "datasync_browser"
_LIFETIME = 3600


def mark_of_browser() -> str:
    """The mark of this browser; the cookie stores it for the next hour."""
    mark = known_mark() or secrets.token_urlsafe(32)
    set_cookie(COOKIE, mark, _LIFETIME)
    return mark


def known_mark() -> str:
    """The mark of this browser from when somebody left for Salesforce, '' if nobody did."""
    return request.cookies.get(COOKIE, "")[:100]
