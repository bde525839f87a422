"""Forms for signing in and for the first administrator."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, SubmitField
from wtforms.validators import InputRequired, Length

from datasync_flask.accounts.service import MIN_PASSWORD_LENGTH


class _EmailForm(FlaskForm):
    """What both forms begin with."""

    email = EmailField(
        _l("Email"),
        [
            InputRequired(_l("Enter your email address.")),
            Length(max=254, message=_l("That is too long for an email address.")),
        ],
        render_kw={"autocomplete": "username", "autofocus": True},
    )


class SignInForm(_EmailForm):
    """Email and password."""

    password = PasswordField(
        _l("Password"),
        [InputRequired(_l("Enter your password."))],
        render_kw={"autocomplete": "current-password"},
    )
    submit = SubmitField(_l("Sign in"))


class SetupForm(_EmailForm):
    """The first administrator's email and password."""

    password = PasswordField(
        _l("Password"),
        [InputRequired(_l("Choose a password."))],
        description=_l(
            "At least %(number)s characters. A few words in a row are easy to remember.", number=MIN_PASSWORD_LENGTH
        ),
        render_kw={"autocomplete": "new-password"},
    )
    submit = SubmitField(_l("Create administrator"))
