"""The pages about people: who may sign in, invitations, one's own account."""

from __future__ import annotations

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user, logout_user

from datasync_flask.accounts import endings, guessing, people, service, sso
from datasync_flask.accounts.endings import Happening
from datasync_flask.accounts.forms import InviteForm, PasswordForm, TokenForm
from datasync_flask.accounts.models import PersonLink, Role, User
from datasync_flask.accounts.rights import needs_role, public
from datasync_flask.accounts.views import start_session
from datasync_flask.addresses import public_link
from datasync_flask.extensions import db
from datasync_flask.queue import queue

bp = Blueprint("people", __name__)


def _people_page(form: InviteForm, *, link: str = "", link_for: str = "") -> str:
    return render_template(
        "accounts/people.html",
        people=people.everybody(),
        links=people.open_links(),
        roles=[role.value for role in Role],
        form=form,
        link=link,
        link_for=link_for,
        sends_mail=bool(current_app.config["SETTINGS"].smtp_url),
        endings=endings,
    )


@bp.get("/people")
@needs_role(Role.ADMIN)
def index() -> ResponseReturnValue:
    """Who may sign in."""
    return _people_page(InviteForm())


def _mail(address: str, subject: str, link: str, sentence: str) -> None:
    if current_app.config["SETTINGS"].smtp_url:
        queue().mail_soon(address, subject, f"{sentence}\n\n{link}\n")


@bp.post("/people/invite")
@needs_role(Role.ADMIN)
def invite() -> ResponseReturnValue:
    """Invite a person; the link is shown once."""
    form = InviteForm()
    if form.validate_on_submit():
        try:
            address = service.normalise_email(form.email.data or "")
            token = people.invite(address, Role(form.role.data), by=current_user)
        except service.AccountError as error:
            form.email.errors = [str(error)]
        else:
            link = public_link("people.join", token=token)
            sentence = gettext("%(who)s invites you to DataSync. Choose a password here:", who=current_user.email)
            _mail(address, gettext("Invitation to DataSync"), link, sentence)
            return _people_page(InviteForm(formdata=None), link=link, link_for=address)
    return _people_page(form), 422


@bp.post("/people/<int:user_id>/role")
@needs_role(Role.ADMIN)
def change_role(user_id: int) -> ResponseReturnValue:
    """Change a person's role."""
    db.get_or_404(User, user_id)
    role = request.form.get("role", "")
    if role not in {each.value for each in Role}:
        abort(400)
    try:
        ended = endings.what_ends(*people.change_role(user_id, Role(role)))
        flash(gettext("Saved. Ended: %(what)s.", what="; ".join(ended)) if ended else gettext("Saved."))
    except service.AccountError as error:
        flash(str(error))
    return redirect(url_for("people.index"), 303)


@bp.post("/people/<int:user_id>/reset")
@needs_role(Role.ADMIN)
def reset(user_id: int) -> ResponseReturnValue:
    """Create a link for choosing a new password; it is shown once."""
    user = db.get_or_404(User, user_id)
    link = public_link("people.join", token=people.make_reset_link(user, by=current_user))
    _mail(user.email, gettext("A new password for DataSync"), link, gettext("Choose a new password here:"))
    return _people_page(InviteForm(formdata=None), link=link, link_for=user.email)


@bp.post("/people/<int:user_id>/remove")
@needs_role(Role.ADMIN)
def remove(user_id: int) -> ResponseReturnValue:
    """Remove an account."""
    db.get_or_404(User, user_id)
    try:
        flash(gettext("Removed the account of %(email)s.", email=people.remove(user_id)))
    except service.AccountError as error:
        flash(str(error))
    return redirect(url_for("people.index"), 303)


@bp.post("/people/links/<public_id:link_id>/withdraw")
@needs_role(Role.ADMIN)
def withdraw(link_id: str) -> ResponseReturnValue:
    """Revoke an invitation."""
    if people.withdraw(link_id):
        flash(gettext("Link revoked"))
    return redirect(url_for("people.index"), 303)


@bp.route("/join/<token>", methods=["GET", "POST"])
@public
def join(token: str) -> ResponseReturnValue:
    """Accept an invitation, or choose a new password."""
    link: PersonLink | None = people.link_of(token[:100])
    if link is None:
        guessing.count_wrong("links")
        return render_template("accounts/link_over.html"), 404
    form = PasswordForm()
    if form.validate_on_submit():
        try:
            user = people.use_link(link, form.password.data or "")
        except service.AccountError as error:
            form.password.errors = [str(error)]
        else:
            start_session(user, "link")
            return redirect(url_for("home.index"), 303)
    page = render_template("accounts/join.html", form=form, link=link, token=token)
    return (page, 422) if form.errors or form.password.errors else page


def _account_page(form: PasswordForm, token_form: TokenForm, *, token: str = "") -> str:
    return render_template(
        "accounts/account.html",
        form=form,
        token_form=token_form,
        new_token=token,
        tokens=people.tokens_of(current_user.user),
        sessions=people.sessions_of(current_user.user),
        has_password=bool(current_user.user.password_hash),
        sign_on=current_app.config["SETTINGS"].oidc_name if current_app.config["SETTINGS"].oidc_issuer else "",
        identity=sso.identity_of(current_user.user),
        asks_password=not service.is_confirmed(current_user),
        endings=endings,
    )


@bp.get("/account")
def account() -> ResponseReturnValue:
    """One's own account: password, sessions, API tokens."""
    return _account_page(PasswordForm(asks_present=True), TokenForm())


@bp.post("/account/password")
def change_password() -> ResponseReturnValue:
    """Change one's own password; all other sessions end."""
    form = PasswordForm(asks_present=True)
    if form.validate_on_submit():
        user = current_user.user
        if not service.is_own_password(current_user, form.present.data or ""):
            form.present.errors = [gettext("This isn’t your current password.")]
        else:
            try:
                service.set_password(user, form.password.data or "", Happening.PASSWORD_CHANGED)
            except service.AccountError as error:
                form.password.errors = [str(error)]
            else:
                start_session(user, "password")
                flash(gettext("The password is changed. You are signed out everywhere else."))
                return redirect(url_for("people.account"), 303)
    return _account_page(form, TokenForm(formdata=None)), 422


@bp.post("/account/sign-out-everywhere")
def sign_out_everywhere() -> ResponseReturnValue:
    """End all of one's sessions."""
    people.sign_out_everywhere(current_user.user)
    logout_user()
    session.clear()
    flash(gettext("You are signed out everywhere."))
    return redirect(url_for("accounts.login"), 303)


@bp.post("/account/tokens")
def make_token() -> ResponseReturnValue:
    """Create an API token; it is shown once."""
    form = TokenForm()
    if form.validate_on_submit():
        try:
            token = people.make_token(current_user.user, form.name.data or "", int(form.days.data))
        except service.AccountError as error:
            form.name.errors = [str(error)]
        else:
            return _account_page(PasswordForm(formdata=None, asks_present=True), TokenForm(formdata=None), token=token)
    return _account_page(PasswordForm(formdata=None, asks_present=True), form), 422


@bp.post("/account/tokens/<public_id:token_id>/withdraw")
def withdraw_token(token_id: str) -> ResponseReturnValue:
    """Revoke an API token."""
    if people.withdraw_token(current_user.user, token_id):
        flash(gettext("Token revoked"))
    return redirect(url_for("people.account"), 303)
