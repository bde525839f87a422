"""The round trip to the sign-on service, to sign in or to link one's account."""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask.accounts import guessing, service, sso
from datasync_flask.accounts.forms import SignInForm
from datasync_flask.accounts.rights import public, safe_next
from datasync_flask.accounts.views import login_page, start_session
from datasync_flask.addresses import public_link
from datasync_flask.clock import utcnow

bp = Blueprint("sso", __name__)
log = logging.getLogger(__name__)

_NEXT = "sso_next"
# The person who wants to link their account, and until when. Only a form sets it, so that no other site can.
_LINKING = "sso_linking"
_LINKING_LIFETIME = timedelta(minutes=10)
# Authlib accepts only a state from this browser's session; the state says which of the two was begun.
_LINK_STATE = "link."


def _refused(message: str) -> ResponseReturnValue:
    guessing.count_wrong("sso")
    form = SignInForm(formdata=None)
    form.form_errors = [message]
    return login_page(form, ""), 422


def _is_on() -> None:
    if not current_app.config["SETTINGS"].oidc_issuer:
        abort(404)


def _leave(state: str) -> ResponseReturnValue:
    answer: ResponseReturnValue = sso.client().authorize_redirect(public_link("sso.receive"), state=state)
    return answer


def _no_answer(error: Exception) -> str:
    log.warning("the sign-on service can't be reached: %s", type(error).__name__)
    return gettext("The sign-on service doesn’t answer. Try again in a moment, or sign in with a password.")


@bp.get("/sso")
@public
def begin() -> ResponseReturnValue:
    """Go to the sign-on service."""
    _is_on()
    session[_NEXT] = safe_next(request.args.get("next"))
    try:
        return _leave(secrets.token_urlsafe(24))
    except sso.FAULTS as error:
        return _refused(_no_answer(error))


@bp.get("/sso/callback")
@public
def receive() -> ResponseReturnValue:
    """Come back from the sign-on service."""
    _is_on()
    target = safe_next(session.get(_NEXT))
    is_linking = request.args.get("state", "").startswith(_LINK_STATE)
    try:
        claims = sso.received_claims()
    except sso.FAULTS as error:
        log.warning("single sign-on failed: %s: %s", type(error).__name__, str(error)[:200])
        message = gettext("The sign-on service didn’t let you in. Begin again; if it goes on, tell whoever runs it.")
        return _to_account(message) if is_linking and current_user.is_authenticated else _refused(message)
    if is_linking:
        return _link(claims)
    try:
        user = sso.person_of(claims)
    except sso.SignOnRefused as refusal:
        return _refused(str(refusal))
    start_session(user, "single sign-on")
    return redirect(target, 303)


@bp.post("/account/sso")
def ask_to_link() -> ResponseReturnValue:
    """Begin to link one's account: say what will happen, and lead to the sign-on service."""
    _is_on()
    password = request.form.get("your_password", "")
    if not service.is_confirmed(current_user) and not service.confirm(current_user, password):
        return _to_account(gettext("Enter your own password, the one for DataSync, then press “Link single sign-on”."))
    session[_LINKING] = [current_user.id, (utcnow() + _LINKING_LIFETIME).isoformat()]
    # A page with a link instead of a redirect: browsers apply form-action to redirects after a form.
    return render_template("accounts/link_sign_on.html", name=current_app.config["SETTINGS"].oidc_name)


@bp.get("/account/sso/begin")
def begin_to_link() -> ResponseReturnValue:
    """Go to the sign-on service to link one's account."""
    _is_on()
    if not _wants_to_link():
        return _to_account(gettext("Press “Link single sign-on” first."))
    try:
        return _leave(_LINK_STATE + secrets.token_urlsafe(24))
    except sso.FAULTS as error:
        return _to_account(_no_answer(error))


@bp.post("/account/sso/unlink")
def unlink() -> ResponseReturnValue:
    """Unlink one's account, so that only its password works."""
    _is_on()
    if not current_user.user.password_hash:
        return _to_account(
            gettext(
                "You have no password here and couldn’t sign in any more. Ask an administrator for a link to choose "
                "one."
            )
        )
    if sso.unlink(current_user.user):
        flash(gettext("Single sign-on is unlinked. Your password opens your account."))
    return redirect(url_for("people.account"), 303)


def _to_account(message: str) -> ResponseReturnValue:
    flash(message)
    return redirect(url_for("people.account"), 303)


def _wants_to_link() -> bool:
    """True when the signed-in person recently pressed the button in this browser."""
    user_id, until = session.get(_LINKING) or (0, "")
    return bool(current_user.is_authenticated and user_id == current_user.id) and (
        datetime.fromisoformat(until) > utcnow()
    )


def _link(claims: dict[str, object]) -> ResponseReturnValue:
    if not _wants_to_link():
        return _refused(gettext("You were signed out meanwhile, so nothing was linked. Sign in and begin again."))
    session.pop(_LINKING, None)
    try:
        sso.link(current_user.user, claims)
    except sso.SignOnRefused as refusal:
        return _to_account(str(refusal))
    return _to_account(gettext("Single sign-on is linked: it opens your account from now on."))
