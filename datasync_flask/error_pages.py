"""The pages for answers that are not what somebody asked for: each says what happened and what to do next."""

from __future__ import annotations

import logging

from flask import Flask, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from datasync_flask.extensions import db
from datasync_flask.security.access import answers_with_fragment, wants_fragment

log = logging.getLogger(__name__)

_WORDS = {
    400: (_l("This request can't be understood"), _l("Go back and try again.")),
    403: (
        _l("You may not do this"),
        _l("Your role doesn't allow it. An administrator of DataSync can give you another one."),
    ),
    404: (_l("There is nothing here"), _l("The address is misspelt, or what was here has been deleted.")),
    405: (_l("This address works differently"), _l("Go back and use the buttons on the page.")),
    413: (_l("That is too much text"), _l("Go back and paste less.")),
    429: (_l("Too many failed tries"), _l("Wait five minutes, then try again. Nobody is locked out for longer.")),
}
_FAULT = (
    _l("Something went wrong here"),
    _l("It isn't your fault, and nothing you saved is lost. Try again in a moment."),
)


def init_error_pages(app: Flask) -> None:
    """Give `app` its error pages."""
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)


def _error_page(status: int, title: str, advice: str) -> ResponseReturnValue:
    if wants_fragment() or answers_with_fragment():
        return render_template("errors/_fragment.html", status=status, title=title, advice=advice), status
    return render_template("errors/error.html", status=status, title=title, advice=advice), status


def _http_error(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status < 400:
        return error.get_response()
    if status == 401:
        return _error_page(401, gettext("You are signed out"), gettext("Sign in again; what was saved is still there."))
    title, advice = _WORDS.get(status, _FAULT)
    return _error_page(status, str(title), str(advice))


def _csrf_error(error: CSRFError) -> ResponseReturnValue:
    if not current_user.is_authenticated and request.endpoint not in {"accounts.login_post", "accounts.setup"}:
        return _error_page(
            401,
            gettext("You are signed out"),
            gettext("Sign in again, go back to the page and press the button again."),
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
