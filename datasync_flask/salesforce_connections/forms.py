"""The Salesforce form: every fault at its field, nothing typed is lost, a secret never travels back in the clear."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from flask import current_app
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types
from wtforms.validators import DataRequired, Length, ValidationError

from datasync_flask.accounts.service import confirm, is_confirmed
from datasync_flask.connections import labels
from datasync_flask.connections.models import Connection, description_key
from datasync_flask.forms import SettingsForm
from datasync_flask.salesforce import scopes
from datasync_flask.salesforce.hosts import AddressRefused, is_my_domain, understand_login_address
from datasync_flask.salesforce_connections import app_values, service, store
from datasync_flask.salesforce_connections.app_values import ValueRefused
from datasync_flask.salesforce_connections.models import (
    AuthMethod,
    LoginHost,
    SalesforceConnection,
    SecretUse,
    TrackingType,
    login_origin_of,
)
from datasync_flask.salesforce_connections.service import SalesforceSettings
from datasync_flask.security.crypto import SecretUnreadable

TRACKING_TYPES = {
    TrackingType.NONE: (_l("None"), _l("Loads everything each time.")),
    TrackingType.DATE: (
        _l("Date"),
        _l("Loads what changed since the last run. Objects without a date are loaded whole."),
    ),
    TrackingType.DATE_DELETES: (
        _l("Date and deletes"),
        _l("Loads what changed since the last run, and removes what was deleted in Salesforce."),
    ),
}
LOGIN_HOSTS = {
    LoginHost.PRODUCTION: (_l("Production"), "login.salesforce.com"),
    LoginHost.SANDBOX: (_l("Sandbox"), "test.salesforce.com"),
    LoginHost.CUSTOM: (_l("My Domain"), _l("the org's own address")),
}
AUTH_METHODS = {
    AuthMethod.AUTHORIZATION_CODE: (
        _l("A person allows access"),
        _l("Once, on Salesforce's Allow Access page. This is the usual way."),
    ),
    AuthMethod.CLIENT_CREDENTIALS: (
        _l("Headless"),
        _l("No person: the app works in the name of a run-as user. Only with My Domain."),
    ),
    AuthMethod.JWT_BEARER: (
        _l("Signed token (JWT)"),
        _l("No person and no secret: DataSync signs with its own certificate, which the app in Salesforce holds."),
    ),
}
SECRET_USES = {
    SecretUse.REQUIRED: _l("The app requires its secret"),
    SecretUse.NONE: _l("The app works without a secret (PKCE only)"),
}
# How long a secret that was typed into a form with a mistake elsewhere is kept for the next try.
KEPT_SECRET_SECONDS = 3600


def strip(value: str | None) -> str | None:
    """Return text without surrounding white space and without characters that can't be seen.

    Joiners stay where scripts and emoji need them: between letters, marks and signs beyond ASCII.
    """
    if value is None:
        return None
    kept = ""
    for character in value:
        is_joiner = character in "\u200c\u200d" and kept[-1:] > "\x7f" and unicodedata.category(kept[-1])[0] in "LMS"
        if is_joiner or unicodedata.category(character) not in {"Cc", "Cf"}:
            kept += character
    return kept.strip()


def one_line(value: str | None) -> str | None:
    """Return text as one line with single spaces, in Unicode NFC."""
    return " ".join(unicodedata.normalize("NFC", value).split()) if value is not None else None


class QuickEditForm(SettingsForm):
    """What can be changed in the list as well as in the form."""

    description = StringField(
        _l("Description"),
        [
            DataRequired(_l("Give the connection a description, for instance the org's name.")),
            Length(max=120, message=_l("Use at most 120 characters.")),
        ],
        filters=[one_line, strip],
        description=_l("Its name in the list."),
        render_kw={"autocomplete": "off", "maxlength": 120},
    )
    tracking_type = SelectField(
        _l("Tracking type"),
        choices=[SelectChoice(key.value, title) for key, (title, _) in TRACKING_TYPES.items()],
        default=TrackingType.DATE.value,
    )

    def __init__(self, connection: Connection | None = None, **kwargs: Any) -> None:
        super().__init__(obj=connection, **kwargs)
        self.connection = connection

    def validate_description(self, field: Any) -> None:
        """Refuse a description that another connection has."""
        if service.is_description_taken(field.data, self.connection.id if self.connection else ""):
            raise ValidationError(gettext("Another connection has this description already. Choose another one."))

    def changes(self, fields: list[str]) -> dict[str, str]:
        """Return the values of the fields that were sent."""
        return {name: str(self[name].data) for name in fields}


class ConfirmedForm(FlaskForm):
    """Asks for the person's own password when that was given long ago, before what is hard to undo."""

    your_password = PasswordField(_l("Your own password"), render_kw={"autocomplete": "current-password"})

    @property
    def asks_password(self) -> bool:
        """True when the person has to show once more who they are."""
        return current_user.is_authenticated and not is_confirmed(current_user)

    def check_your_password(self) -> None:
        """Raise ValidationError when the password is needed and isn't right."""
        if self.asks_password and not confirm(current_user, self.your_password.data or ""):
            raise ValidationError(gettext("You signed in a while ago: enter your own password, the one for DataSync."))


class DeleteForm(ConfirmedForm):
    """Asks for the description, so that nobody deletes the connection beside the one they mean."""

    description = StringField(
        _l("To delete it, type its description"),
        filters=[one_line, strip],
        render_kw={"autocomplete": "off", "maxlength": 120},
    )

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection

    def validate_description(self, field: Any) -> None:
        """Compare as the list compares: neither case nor kind of space matters."""
        if description_key(field.data or "") != self.connection.description_key:
            raise ValidationError(gettext("This isn't its description. Nothing was deleted."))

    def validate_your_password(self, _field: Any) -> None:
        """Ask for the password of the person who deletes."""
        self.check_your_password()


class SalesforceForm(QuickEditForm, ConfirmedForm):
    """Settings of a Salesforce connection. Everything but the description may still be missing: then it is a draft."""

    login_host = SelectField(
        _l("Login host"),
        choices=[SelectChoice(key.value, f"{title} ({hint})") for key, (title, hint) in LOGIN_HOSTS.items()],
        default=LoginHost.PRODUCTION.value,
    )
    login_url = StringField(
        _l("Login address"),
        filters=[strip],
        description=_l("Paste any address you see while you are in Salesforce, like acme.my.salesforce.com."),
        render_kw={"autocomplete": "off", "spellcheck": "false", "inputmode": "url", "maxlength": 2000},
    )
    auth_method = RadioField(
        _l("Authentication"),
        choices=[SelectChoice(key.value, title) for key, (title, _) in AUTH_METHODS.items()],
        default=AuthMethod.AUTHORIZATION_CODE.value,
    )
    client_id = StringField(
        _l("Client ID"),
        description=_l("Salesforce calls it Consumer Key. It may still be missing: save now and come back."),
        render_kw={"autocomplete": "off", "spellcheck": "false", "maxlength": 512},
    )
    client_secret = PasswordField(
        _l("Client Secret"),
        # With "off", browsers fill in the person's own password for DataSync.
        render_kw={"autocomplete": "new-password", "maxlength": 512},
    )
    client_secret_use = SelectField(
        _l("Require secret"),
        choices=[SelectChoice(key.value, title) for key, title in SECRET_USES.items()],
        default=SecretUse.REQUIRED.value,
        description=_l("As the app's setting Require secret for Web Server Flow in Salesforce says."),
    )
    username = StringField(
        _l("Username"),
        [Length(max=255, message=_l("Use at most 255 characters."))],
        filters=[strip],
        description=_l("The Salesforce user in whose name data is read, best one who may only read."),
        render_kw={"autocomplete": "off", "spellcheck": "false", "maxlength": 255},
    )
    permission_level = SelectField(
        _l("Permission level"),
        choices=[SelectChoice(level.key, _l(level.title)) for level in scopes.PERMISSION_LEVELS],
        default=scopes.DEFAULT,
        description=_l(
            "What DataSync asks for. Salesforce has no read-only scope: what the user may not do, DataSync "
            "can't do either, so a user who may only read is the safest choice."
        ),
    )
    label_names = StringField(
        _l("Labels"),
        filters=[one_line, strip],
        description=_l("Optional, separated by commas. The list can be filtered and grouped by them."),
        render_kw={"autocomplete": "off", "maxlength": 500, "list": "known-labels"},
    )
    kept_secret = HiddenField()
    # When the settings were last changed, as this page saw them.
    edited = HiddenField()

    def __init__(self, connection: SalesforceConnection | None = None, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        self.login_origin = ""
        self.login_note = ""
        self._found_secret = ""
        if connection is not None and not self.is_submitted():
            self.edited.data = connection.updated_at.isoformat()
            self.label_names.data = labels.joined(connection.labels)

    @property
    def has_kept_secret(self) -> bool:
        """True when a secret typed before is kept for this form."""
        return bool(self.kept_secret.data)

    def validate_login_url(self, field: Any) -> None:
        """Understand the pasted address; refuse one that isn't Salesforce's, with the reason."""
        if self.login_host.data != LoginHost.CUSTOM:
            return
        trusted = current_app.config["SETTINGS"].salesforce_hosts
        try:
            address = understand_login_address(field.data or "", trusted)
        except AddressRefused as refusal:
            raise ValidationError(gettext(refusal.message, **refusal.values)) from None
        self.login_origin = address.url
        if address.differs:
            self.login_note = gettext(
                "You pasted %(pasted)s; the org's login address is %(origin)s.",
                pasted=field.data,
                origin=address.url,
            )

    def validate_auth_method(self, field: Any) -> None:
        """Headless authentication exists at the org's own address only."""
        if field.data != AuthMethod.CLIENT_CREDENTIALS:
            return
        trusted = current_app.config["SETTINGS"].salesforce_hosts
        needs_my_domain = self.login_host.data != LoginHost.CUSTOM
        if not needs_my_domain:
            try:
                origin = understand_login_address(self.login_url.data or "", trusted).url
            except AddressRefused:
                return
            needs_my_domain = not is_my_domain(origin, trusted)
        if needs_my_domain:
            raise ValidationError(
                gettext(
                    "Headless authentication works only at the org's own address: choose My Domain as the login host "
                    "and enter an address like acme.my.salesforce.com."
                )
            )

    def validate_label_names(self, field: Any) -> None:
        """Refuse labels that wouldn't fit a row of the list."""
        labels.check(field.data or "")

    def validate_client_id(self, field: Any) -> None:
        """Take a copy's dirt away; refuse what cannot be a Consumer Key."""
        try:
            field.data = app_values.client_id_in(field.data or "")
        except ValueRefused as refusal:
            raise ValidationError(gettext(refusal.message)) from None

    def validate_username(self, field: Any) -> None:
        """Refuse what can't be a Salesforce user's name, which has the form of an e-mail address."""
        if field.data and not re.fullmatch(r"[^@\s]+@[^@\s]+", field.data):
            raise ValidationError(gettext("A Salesforce Username has the form of an e-mail address, with an @ in it."))

    def validate_client_secret(self, field: Any) -> None:
        """Take the typed secret, or the one kept from the try before; refuse what cannot be one."""
        text = field.data or ""
        if not text and self.kept_secret.data:
            try:
                text = store.secret_box().open(self.kept_secret.data, max_age=KEPT_SECRET_SECONDS)
            except SecretUnreadable:
                self.kept_secret.data = ""
                raise ValidationError(gettext("Enter the Client Secret again: it was kept for an hour only.")) from None
        try:
            text = app_values.client_secret_in(text, client_id=self.client_id.data or "")
            if text and self._works_without_secret:
                # Not stored either, so that nothing is kept that nobody uses.
                raise app_values.no_secret_wanted()
        except ValueRefused as refusal:
            self.kept_secret.data = ""
            raise ValidationError(gettext(refusal.message)) from None
        self._found_secret = text
        if not text and (address := self._address_of_secret()):
            raise ValidationError(
                gettext(
                    "Enter the Client Secret again: the stored one belongs to %(address)s and is sent nowhere else.",
                    address=address,
                )
            )

    def _address_of_secret(self) -> str:
        """Return the login address that the stored Client Secret was entered for, when this form has another one."""
        connection = self.connection
        if not isinstance(connection, SalesforceConnection) or not connection.client_secret_sealed:
            return ""
        if self.auth_method.data == AuthMethod.JWT_BEARER or self.login_url.errors or self.login_host.errors:
            return ""
        is_same = connection.login_origin == login_origin_of(self.login_host.data, self._login_url())
        return "" if is_same else connection.login_origin

    @property
    def _works_without_secret(self) -> bool:
        chosen = (self.auth_method.data, self.client_secret_use.data)
        return chosen == (AuthMethod.AUTHORIZATION_CODE, SecretUse.NONE)

    def validate(self, *args: Any, **kwargs: Any) -> bool:
        """Ask for the password of the person who replaces a stored secret, when everything else is right."""
        is_valid = bool(super().validate(*args, **kwargs))
        stored = isinstance(self.connection, SalesforceConnection) and self.connection.client_secret_sealed
        if is_valid and stored and self._found_secret:
            try:
                self.check_your_password()
            except ValidationError as error:
                self.your_password.errors = [str(error)]
                return False
        return is_valid

    def keep_secret(self) -> None:
        """Put a typed secret, encrypted, into the page that goes back because of a mistake elsewhere."""
        if self._found_secret:
            self.kept_secret.data = store.secret_box().seal(self._found_secret)

    def settings(self) -> SalesforceSettings:
        """Return what the validated form holds."""
        return SalesforceSettings(
            description=self.description.data or "",
            tracking_type=TrackingType(self.tracking_type.data),
            login_host=LoginHost(self.login_host.data),
            login_url=self._login_url(),
            auth_method=AuthMethod(self.auth_method.data),
            client_id=self.client_id.data or "",
            client_secret=self._found_secret,
            permission_level=self.permission_level.data,
            username=self.username.data or "",
            client_secret_use=SecretUse(self.client_secret_use.data),
            labels=self._labels(),
        )

    def _labels(self) -> list[str]:
        # A form without the field, as scripts may send it, leaves the labels alone.
        if self.label_names.raw_data:
            return labels.parse(self.label_names.data or "")
        return [label.name for label in self.connection.labels] if self.connection else []

    def _login_url(self) -> str:
        if self.login_host.data == LoginHost.CUSTOM:
            return self.login_origin
        # Not in use, but still there when somebody switches back.
        return self.connection.login_url if isinstance(self.connection, SalesforceConnection) else ""
