"""Forms for signing in and for the first administrator."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, SubmitField
from wtforms.validators import InputRequired, Length

from datasync_flask.accounts.service import MIN_PASSWORD_LENGTH


class _EmailForm(FlaskForm):
    """What both forms begin with."""

    email = EmailField(
        "Email",
        [InputRequired("Enter your email address."), Length(max=254, message="That is too long for an email address.")],
        render_kw={"autocomplete": "username", "autofocus": True},
    )


class SignInForm(_EmailForm):
    """Email and password."""

    password = PasswordField(
        "Password",
        [InputRequired("Enter your password.")],
        render_kw={"autocomplete": "current-password"},
    )
    submit = SubmitField("Sign in")


class SetupForm(_EmailForm):
    """The first administrator's email and password."""

    password = PasswordField(
        "Password",
        [InputRequired("Choose a password.")],
        description=f"At least {MIN_PASSWORD_LENGTH} characters. A few words in a row are easy to remember.",
        render_kw={"autocomplete": "new-password"},
    )
    submit = SubmitField("Create administrator")
