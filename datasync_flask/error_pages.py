"""Error pages: each says what happened and what to do next."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, jsonify, make_response, render_template, request
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, TooManyRequests

from datasync_flask.accounts.rights import answers_with_fragment
from datasync_flask.addresses import is_api, this_page, wants_fragment
from datasync_flask.clock import utcnow
from datasync_flask.extensions import db

log = logging.getLogger(__name__)

_TEXTS = {
    400: (_l("This request can’t be understood"), _l("Go back and try again.")),
    403: (
        _l("You don’t have permission"),
        _l("Your role doesn’t allow it. An administrator of DataSync can give you another one."),
    ),
    404: (_l("Page not found"), _l("The address is misspelt, or what was here has been deleted.")),
    409: (_l("Something else is going on"), _l("Wait until it is over, then try again.")),
    422: (_l("Something in it isn’t right"), _l("The errors say what.")),
    405: (_l("This address works differently"), _l("Go back and use the buttons on the page.")),
    413: (_l("That is too much text"), _l("Go back and paste less.")),
    429: (_l("Too many failed tries"), _l("Wait five minutes, then try again. Nobody is locked out for longer.")),
}
_FAULT = (
    _l("Something went wrong"),
    _l("It isn’t your fault, and nothing you saved is lost. Try again in a moment."),
)


def init_app(app: Flask) -> None:
    """Add the error pages to `app`."""
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)


def _error_page(
    status: int, title: str, advice: str, *, data: dict[str, Any] | None = None, again_at: datetime | None = None
) -> ResponseReturnValue:
    if is_api():
        told = data or {}
        return api_error(
            status, told.get("message") or f"{title}. {advice}", told.get("errors") or told.get("messages")
        )
    name = "errors/_fragment.html" if wants_fragment() or answers_with_fragment() else "errors/error.html"
    return_to = _page_to_return_to() if status == 401 else None
    page = render_template(name, status=status, title=title, advice=advice, again_at=again_at, return_to=return_to)
    return page, status


def _page_to_return_to() -> str | None:
    """The page for somebody who signs in again: the one that htmx asked from, or the address if it has a page."""
    if wants_fragment():
        shown = urlsplit(request.headers.get("HX-Current-URL", ""))
        return shown._replace(scheme="", netloc="", fragment="").geturl() or None
    adapter = request_ctx.url_adapter
    return this_page() if adapter is not None and adapter.test(method="GET") else None


def api_error(status: int, message: str, errors: dict[str, Any] | None = None) -> ResponseReturnValue:
    """Answer a program in JSON, with the errors by field if there are any."""
    body: dict[str, Any] = {"code": status, "status": HTTPStatus(status).phrase, "message": message}
    headers = {"WWW-Authenticate": 'Bearer realm="DataSync"'} if status == 401 else {}
    return jsonify(body | ({"errors": errors} if errors else {})), status, headers


def _http_error(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status < 400:
        return error.get_response()
    if status == 401 and is_api():
        advice = gettext("Send a valid token (Authorization: Bearer). You create tokens on the page Your account.")
        return _error_page(401, gettext("Not signed in"), advice)
    if status == 401:
        return _error_page(401, gettext("You are signed out"), gettext("Sign in again; what was saved is still there."))
    title, advice = _TEXTS.get(status, _FAULT)
    if isinstance(error, TooManyRequests) and isinstance(error.retry_after, int):
        again_at = utcnow() + timedelta(seconds=error.retry_after)
        text = gettext("Nobody is locked out for longer than five minutes.")
        if is_api():
            text = gettext("You can try again in %(seconds)s seconds.", seconds=error.retry_after)
        answer = make_response(_error_page(status, str(title), str(text), again_at=again_at))
        answer.headers["Retry-After"] = str(error.retry_after)
        return answer
    return _error_page(status, str(title), str(advice), data=getattr(error, "data", None))


def _csrf_error(error: CSRFError) -> ResponseReturnValue:
    if not current_user.is_authenticated and request.endpoint not in {"accounts.login_post", "accounts.setup"}:
        return _error_page(
            401,
            gettext("You are signed out"),
            gettext("Sign in again, then press the button on the page again."),
        )
    return _error_page(
        400,
        gettext("This page was open for too long"),
        gettext("Go back, load the page again, and press the button once more."),
    )


def _unexpected_error(error: Exception) -> ResponseReturnValue:
    log.error("unexpected error on %s", request.path, exc_info=error)
    db.session.rollback()
    title, advice = _FAULT
    return _error_page(500, str(title), str(advice))
