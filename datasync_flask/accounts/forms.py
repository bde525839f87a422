"""Forms for signing in and for the first administrator."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import EmailField, PasswordField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types
from wtforms.validators import InputRequired, Length

from datasync_flask.accounts.service import MIN_PASSWORD_LENGTH, refuse_unseen
from datasync_flask.forms import ListedChoice, PostedForm


def _new_password(label: Any) -> PasswordField:
    return PasswordField(
        label,
        [InputRequired(_l("Choose a password."))],
        description=_l(
            "At least %(number)s characters. A few words in a row are easy to remember.", number=MIN_PASSWORD_LENGTH
        ),
        render_kw={"autocomplete": "new-password"},
    )


class _EmailForm(PostedForm):
    """The field that both forms begin with."""

    email = EmailField(
        _l("Email"),
        [
            InputRequired(_l("Enter your email address.")),
            Length(max=254, message=_l("That is too long for an email address.")),
        ],
        render_kw={"autocomplete": "username"},
    )

    def validate_email(self, field: EmailField) -> None:
        """Refuse invisible characters."""
        refuse_unseen(field.data or "")


class SignInForm(_EmailForm):
    """Email and password."""

    password = PasswordField(
        _l("Password"),
        [InputRequired(_l("Enter your password."))],
        render_kw={"autocomplete": "current-password"},
    )


class SetupForm(_EmailForm):
    """The first administrator's email and password."""

    password = _new_password(_l("Password"))


class InviteForm(_EmailForm):
    """The address and role of an invited person."""

    role = ListedChoice(
        _l("Role"),
        choices=[
            SelectChoice("viewer", _l("Viewer: reads")),
            SelectChoice("editor", _l("Editor: changes connections and extractions")),
            SelectChoice("admin", _l("Administrator: also people and settings")),
        ],
        default="editor",
    )


class PasswordForm(PostedForm):
    """A new password; for one's own account, the current one too."""

    present = PasswordField(
        _l("Current password"),
        [InputRequired(_l("Enter your current password."))],
        render_kw={"autocomplete": "current-password"},
    )
    password = _new_password(_l("New password"))

    def __init__(self, *args: Any, asks_present: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not asks_present:
            del self["present"]


class TokenForm(PostedForm):
    """An API token's name and lifetime."""

    name = StringField(
        _l("Name"),
        [Length(max=80, message=_l("Use at most 80 characters."))],
        render_kw={"autocomplete": "off", "maxlength": 80},
    )
    days = ListedChoice(
        _l("Expires after"),
        choices=[
            SelectChoice("30", _l("30 days")),
            SelectChoice("90", _l("90 days")),
            SelectChoice("365", _l("a year")),
            SelectChoice("0", _l("never")),
        ],
        default="90",
    )
