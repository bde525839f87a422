"""To the sign-on service and back."""

from __future__ import annotations

import logging

from flask import Blueprint, abort, current_app, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from datasync_flask.accounts import sso
from datasync_flask.accounts.forms import SignInForm
from datasync_flask.accounts.views import FAILURES_PER_ADDRESS, login_page, start_session
from datasync_flask.page_extensions import limiter
from datasync_flask.security.access import public, public_link, safe_next

bp = Blueprint("sso", __name__)
log = logging.getLogger(__name__)

_NEXT = "sso_next"


def _refused(message: str) -> ResponseReturnValue:
    form = SignInForm(formdata=None)
    form.form_errors = [message]
    return login_page(form, ""), 422


def _is_on() -> None:
    if not current_app.config["SETTINGS"].oidc_issuer:
        abort(404)


@bp.get("/sso")
@public
@limiter.limit(FAILURES_PER_ADDRESS)
def begin() -> ResponseReturnValue:
    """Leave for the sign-on service."""
    _is_on()
    session[_NEXT] = safe_next(request.args.get("next"))
    try:
        answer: ResponseReturnValue = sso.client().authorize_redirect(public_link("sso.receive"))
    except sso.FAULTS as error:
        log.warning("the sign-on service can't be reached: %s", type(error).__name__)
        return _refused(
            gettext("The sign-on service doesn't answer. Try again in a moment, or sign in with a password.")
        )
    return answer


@bp.get("/sso/callback")
@public
@limiter.limit(FAILURES_PER_ADDRESS)
def receive() -> ResponseReturnValue:
    """Come back from the sign-on service."""
    _is_on()
    target = safe_next(session.get(_NEXT))
    try:
        token = sso.client().authorize_access_token()
        claims = dict(token.get("userinfo") or {})
        if not claims.get("email"):
            claims |= dict(sso.client().userinfo(token=token))
    except sso.FAULTS as error:
        log.warning("single sign-on failed: %s", type(error).__name__)
        return _refused(
            gettext("The sign-on service didn't let you in. Begin again; if it goes on, tell whoever runs it.")
        )
    try:
        user = sso.person_of(claims)
    except sso.SignOnRefused as refusal:
        return _refused(str(refusal))
    start_session(user, "single sign-on")
    return redirect(target, 303)
