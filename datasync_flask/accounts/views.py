"""Signing in and out, and the page for the first administrator."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user, login_user, logout_user
from flask_wtf.csrf import generate_csrf

from datasync_flask.accounts import guessing, known_browsers, service
from datasync_flask.accounts.forms import SetupForm, SignInForm
from datasync_flask.accounts.models import Role, User
from datasync_flask.accounts.rights import public, safe_next
from datasync_flask.audit import trail
from datasync_flask.extensions import db
from datasync_flask.languages import LANGUAGES, keep_language

bp = Blueprint("accounts", __name__)


def _limits(address: str) -> list[guessing.Limit]:
    """The limits for a try to sign in."""
    browser = known_browsers.known_for(address)
    if browser:
        return [guessing.of_browser(browser)]
    return [guessing.of_network("sign-in"), guessing.of_account(address)]


def start_session(user: User, method: str) -> None:
    """Sign `user` in; `method` is how they proved who they are."""
    # A session from before the sign-in mustn't continue after it (session fixation).
    session.clear()
    session.permanent = True
    trail.record(trail.Event.SIGNED_IN, ("person", user.id, user.email), who=user.email, by=user.id, way=method)
    known_browsers.remember(user.email)
    browser = request.headers.get("User-Agent", "")
    login_user(service.open_session(user, address=request.remote_addr or "", browser=browser))
    # Create it now: two first pages opened at once would each create one, and one would be refused.
    g.pop("csrf_token", None)
    generate_csrf()


def login_page(form: SignInForm, target: str) -> str:
    """The sign-in page; `target` is the page that the person requested."""
    settings = current_app.config["SETTINGS"]
    sso = settings.oidc_name if settings.oidc_issuer else ""
    return render_template("accounts/login.html", form=form, next=target, sso=sso, is_fresh=not service.any_account())


@bp.get("/login")
@public
def login() -> ResponseReturnValue:
    """The sign-in page."""
    if current_user.is_authenticated:
        return redirect(safe_next(request.args.get("next")))
    return login_page(SignInForm(), request.args.get("next", ""))


@bp.post("/login")
@public
def login_post() -> ResponseReturnValue:
    """Sign in; a refusal never says whether address or password was wrong."""
    form = SignInForm()
    email, password = form.email.data or "", form.password.data or ""
    # Whole fields may be 256 KB long; no address is.
    address = service.lookup_address(email[:1000])
    limits = _limits(address)
    if email and password:
        # Count tries that the form refuses too: another spelling must not avoid the count.
        guessing.take(*limits)
    if form.validate_on_submit():
        user = service.authenticate(email, password)
        if user is not None:
            guessing.give_back(*limits)
            start_session(user, "password")
            return redirect(safe_next(request.form.get("next")), 303)
        form.password.errors = [gettext("The email address or the password is wrong.")]
        trail.record(trail.Event.SIGN_IN_FAILED, ("person", "", address), who=address or "nobody")
        db.session.commit()
    return login_page(form, request.form.get("next", "")), 422


@bp.post("/logout")
@public
def logout() -> ResponseReturnValue:
    """End the session here and on the server."""
    if current_user.is_authenticated:
        trail.record(trail.Event.SIGNED_OUT, ("person", current_user.id, current_user.email))
        service.close_session(current_user.token)
    logout_user()
    session.clear()
    flash(gettext("You are signed out."))
    return redirect(url_for("accounts.login"), 303)


@bp.post("/language")
@public
def choose_language() -> ResponseReturnValue:
    """Remember the chosen language: for the account, and for this browser before sign-in."""
    code = request.form.get("language", "")
    if code in LANGUAGES:
        keep_language(code)
    return redirect(safe_next(request.form.get("next")), 303)


@bp.route("/setup", methods=["GET", "POST"])
@public
def setup() -> ResponseReturnValue:
    """The first administrator; the link to this page is printed at start and ends with the first account."""
    if service.any_account():
        flash(gettext("DataSync is set up already. Sign in with your account."))
        return redirect(url_for("accounts.login"), 303)
    if not service.setup_token_matches(request.args.get("token", "")):
        if request.args.get("token"):
            guessing.count_wrong("links")
        return render_template("accounts/setup_refused.html"), 403
    form = SetupForm()
    if form.validate_on_submit():
        try:
            user = service.create_user(form.email.data or "", form.password.data or "", Role.ADMIN)
        except service.AccountError as error:
            form[error.field].errors = [str(error)]
        else:
            start_session(user, "set-up link")
            return redirect(url_for("home.index"), 303)
    return render_template("accounts/setup.html", form=form), 422 if form.errors else 200
