"""Common parts of the forms of all connections: description and labels, a confirmed delete, the form's page."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from wtforms import HiddenField, IntegerField, PasswordField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types
from wtforms.validators import DataRequired, Length, ValidationError

from datasync_flask.accounts.service import confirm, is_confirmed
from datasync_flask.addresses import wants_fragment
from datasync_flask.connections import labels
from datasync_flask.connections.descriptions import MAX_LENGTH, DescriptionTaken, is_description_taken
from datasync_flask.connections.models import Connection, description_key
from datasync_flask.connections.settings import Setting
from datasync_flask.forms import ListedChoice, PostedForm, RadioChoice, SettingsForm, one_line, strip
from datasync_flask.security.crypto import SecretUnreadable, secret_box

# How long a typed secret is kept for the next try, if the form has a mistake in another field.
HELD_BACK_SECONDS = 3600


def description_field(missing: Any, hint: Any = "") -> Any:
    """The field for a description; `missing` is the error if it is empty, `hint` stands below it."""
    return StringField(
        _l("Description"),
        [DataRequired(missing), Length(max=MAX_LENGTH, message=_l("Use at most 120 characters."))],
        filters=[one_line, strip],
        description=hint,
        render_kw={"autocomplete": "off", "maxlength": MAX_LENGTH},
    )


def _field(setting: Setting) -> Any:
    """The field for a setting."""
    common: dict[str, Any] = {"validators": setting.validators, "description": setting.hint, "default": setting.default}
    if setting.is_secret:
        # With "off", browsers would fill in the person's own password for DataSync.
        attributes = {"autocomplete": "new-password", **setting.attributes}
        return PasswordField(setting.label, **common, render_kw=attributes)
    if setting.choices:
        choices = [SelectChoice(str(key), title) for key, title in setting.choices.items()]
        return (RadioChoice if setting.is_spread else ListedChoice)(setting.label, choices=choices, **common)
    if setting.between:
        return IntegerField(setting.label, **common)
    field = TextAreaField if "rows" in setting.attributes else StringField
    return field(setting.label, **common, filters=setting.filters, render_kw=dict(setting.attributes))


class DescribedForm(SettingsForm):
    """A form with a unique description, and with a field for each of some settings."""

    description = description_field(
        _l("Give the connection a description, for instance the org’s name."), _l("Shown in lists")
    )

    def __init__(
        self, connection: Connection | None, settings: Mapping[str, Setting] = MappingProxyType({}), **options: Any
    ) -> None:
        if settings:
            # WTForms makes the fields of an instance from this list.
            description, *others = type(self)._unbound_fields  # type: ignore[misc, has-type]
            declared = [(name, _field(setting)) for name, setting in settings.items()]
            self._unbound_fields = [description, *declared, *others]
        super().__init__(**options)
        self.connection: Any = connection
        self.declared = settings

    def validate_description(self, field: Any) -> None:
        """Refuse a description that another connection has."""
        if is_description_taken(field.data, self.connection.id if self.connection else ""):
            raise ValidationError(str(DescriptionTaken().message))


class ConnectionForm(DescribedForm):
    """A form with all settings of a connection, which may have labels too."""

    label_names = StringField(
        _l("Labels"),
        filters=[one_line, strip],
        description=_l("Optional, separated by commas. The list can be filtered and grouped by them."),
        render_kw={"autocomplete": "off", "maxlength": 500, "list": "known-labels"},
    )
    # When the settings last changed, as far as this page knows.
    edited = HiddenField()

    def __init__(self, connection: Connection | None, *args: Any, data: Mapping[str, Any], **options: Any) -> None:
        if connection is not None:
            stored = {"edited": connection.updated_at.isoformat(), "label_names": labels.joined(connection.labels)}
            data = {**stored, "description": connection.description, **data}
        super().__init__(connection, *args, data=data, **options)

    def validate_label_names(self, field: Any) -> None:
        """Refuse labels that wouldn't fit a row of the list."""
        labels.check(field.data or "")

    @property
    def chosen_labels(self) -> list[str]:
        """The labels typed; a form without the field, as scripts may send it, doesn't change them."""
        if self.label_names.raw_data:
            return labels.parse(self.label_names.data or "")
        return [label.name for label in self.connection.labels] if self.connection else []


class ConfirmedForm(PostedForm):
    """Asks for the person's own password before an action that is hard to undo, unless they entered it recently."""

    your_password = PasswordField(_l("Your own password"), render_kw={"autocomplete": "current-password"})

    @property
    def asks_password(self) -> bool:
        """True when the person has to confirm their password."""
        return current_user.is_authenticated and not is_confirmed(current_user)

    def check_your_password(self) -> None:
        """Raise ValidationError when the password is needed and isn't right."""
        if self.asks_password and not confirm(current_user, self.your_password.data or ""):
            raise ValidationError(gettext("You signed in a while ago: enter your own password, the one for DataSync."))


class DeleteForm(ConfirmedForm):
    """Asks for the description, so that nobody deletes the wrong connection."""

    description = StringField(
        _l("To confirm, type the description"),
        filters=[one_line, strip],
        render_kw={"autocomplete": "off", "maxlength": MAX_LENGTH},
    )

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection

    def validate_description(self, field: Any) -> None:
        """Compare as the list does, ignoring case and kind of space."""
        if description_key(field.data or "") != self.connection.description_key:
            raise ValidationError(gettext("This isn’t its description. Nothing was deleted."))

    def validate_your_password(self, _field: Any) -> None:
        """Ask for the deleting person's password."""
        self.check_your_password()


def keep(field: HiddenField, secret: str) -> None:
    """Put a typed secret, encrypted, into a hidden field for the next try of the person who typed it."""
    field.data = secret_box().seal(_mark() + secret)


def open_kept(field: HiddenField, refusal: str) -> str:
    """The secret kept in a hidden field since the previous try.

    Raises ValidationError if it is too old, somebody else's, or another encrypted value, such as a stored secret.
    """
    if not field.data:
        return ""
    try:
        opened = secret_box().open(field.data, max_age=HELD_BACK_SECONDS)
    except SecretUnreadable:
        opened = ""
    if not opened.startswith(_mark()):
        field.data = ""
        raise ValidationError(refusal)
    return opened.removeprefix(_mark())


def _mark() -> str:
    return f"typed by {getattr(current_user, 'id', '')}: "


def form_page(template: str, form: SettingsForm, **context: Any) -> ResponseReturnValue:
    """The page of a form; if the form was refused, with 422 and in place of the page it was sent from."""
    page = render_template(template, form=form, **context)
    if request.method == "GET" or not form.is_wrong:
        return page
    headers = {"HX-Retarget": "#main", "HX-Reselect": "#main", "HX-Reswap": "outerHTML"} if wants_fragment() else {}
    return page, 422, headers
