"""Gives browsers in which an account was signed in before their own tries, so guesses elsewhere don't lock them out.

Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
"""

from __future__ import annotations

import secrets

from flask import current_app, request
from itsdangerous import BadData, URLSafeSerializer

from datasync_flask.accounts.models import hash_token
from datasync_flask.security.cookies import set_cookie

COOKIE = "datasync_known_browser"
_LIFETIME_SECONDS = 365 * 86400


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="known browser")


def known_for(address: str) -> str:
    """This browser's id if the account of `address` was signed in here before, else ''."""
    try:
        account, browser = _serializer().loads(request.cookies.get(COOKIE, ""))
    except (BadData, ValueError, TypeError):
        return ""
    return str(browser) if account == hash_token(address) else ""


def remember(address: str) -> None:
    """Remember that the account of `address` was signed in in this browser."""
    # Keep an existing id: a new one would give new tries.
    browser = known_for(address) or secrets.token_hex(8)
    value = _serializer().dumps([hash_token(address), browser])
    assert isinstance(value, str)  # noqa: S101 (of a text the serializer makes a text; its types allow bytes)
    set_cookie(COOKIE, value, _LIFETIME_SECONDS)
