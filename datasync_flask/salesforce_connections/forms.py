"""The forms of a Salesforce connection: errors at their fields, no typed value lost, no secret sent back."""

from __future__ import annotations

import re
from typing import Any

from flask import current_app
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import ValidationError

from datasync_flask.connections.forms import ConfirmedForm, ConnectionForm, keep, open_kept
from datasync_flask.forms import SettingsForm
from datasync_flask.salesforce.hosts import AddressRefused, is_my_domain, understand_login_address
from datasync_flask.salesforce_connections import app_values, settings
from datasync_flask.salesforce_connections.app_values import ValueRefused
from datasync_flask.salesforce_connections.models import (
    AuthMethod,
    LoginHost,
    SalesforceConnection,
    SecretUse,
    login_origin_of,
)


class SalesforceForm(ConnectionForm, ConfirmedForm):
    """Settings of a Salesforce connection. If anything but the description is missing, it is a draft."""

    kept_secret = HiddenField()

    def __init__(self, connection: SalesforceConnection | None = None, **options: Any) -> None:
        declared = settings.SalesforceSettings.declared()
        super().__init__(connection, declared, data={}, obj=connection, **options)
        self.login_origin = ""
        self.login_note = ""
        self._found_secret = ""

    @property
    def has_kept_secret(self) -> bool:
        """True when this form keeps a secret typed before."""
        return bool(self.kept_secret.data)

    def validate_login_url(self, field: Any) -> None:
        """Normalise the pasted address; refuse one that isn't Salesforce's, with the reason."""
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
                "You pasted %(pasted)s; the org’s login address is %(origin)s.",
                pasted=field.data,
                origin=address.url,
            )

    def validate_auth_method(self, field: Any) -> None:
        """Allow headless authentication only at the org's own address."""
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
                    "Client credentials work only at the org’s own address: choose My Domain as the login host "
                    "and enter an address like acme.my.salesforce.com."
                )
            )

    def validate_client_id(self, field: Any) -> None:
        """Clean the pasted text; refuse an impossible Consumer Key."""
        field.data = app_values.client_id_in(field.data or "")

    def validate_username(self, field: Any) -> None:
        """Refuse an impossible Salesforce username, which has the form of an email address."""
        if field.data and not re.fullmatch(r"[^@\s]+@[^@\s]+", field.data):
            raise ValidationError(gettext("A Salesforce Username has the form of an email address, with an @ in it."))

    def validate_client_secret(self, field: Any) -> None:
        """Use the typed secret, or the one kept from the previous try; refuse an impossible one."""
        text = field.data or open_kept(self.kept_secret, _secret_too_old())
        try:
            text = app_values.client_secret_in(text, client_id=self.client_id.data or "")
            if text and self._works_without_secret:
                # Don't store it either, because nothing uses it.
                raise ValueRefused("Leave this empty, or choose under Require secret that the app requires its secret.")
        except ValueRefused:
            self.kept_secret.data = ""
            raise
        self._found_secret = text
        if not text and (address := self._address_of_secret()):
            raise ValidationError(
                gettext(
                    "Enter the Client Secret again: the stored one belongs to %(address)s and is sent nowhere else.",
                    address=address,
                )
            )

    def _address_of_secret(self) -> str:
        """The login address that the stored Client Secret was entered for, if this form has another one."""
        connection = self.connection
        if connection is None or not connection.client_secret_sealed:
            return ""
        if self.auth_method.data == AuthMethod.JWT_BEARER or self.login_url.errors or self.login_host.errors:
            return ""
        is_same = connection.login_origin == login_origin_of(self.login_host.data, self._login_url())
        return "" if is_same else str(connection.login_origin)

    @property
    def _works_without_secret(self) -> bool:
        chosen = (self.auth_method.data, self.client_secret_use.data)
        return chosen == (AuthMethod.AUTHORIZATION_CODE, SecretUse.NONE)

    def validate(self, *args: Any, **kwargs: Any) -> bool:
        """If everything else is right, ask for the password of the person who replaces a stored secret."""
        is_valid = bool(super().validate(*args, **kwargs))
        if is_valid and self.connection and self.connection.client_secret_sealed and self._found_secret:
            try:
                self.check_your_password()
            except ValidationError as error:
                self.your_password.errors = [str(error)]
                return False
        return is_valid

    def keep_secret(self) -> None:
        """Put a typed secret, encrypted, into the page that returns because of a mistake in another field."""
        if self._found_secret:
            keep(self.kept_secret, self._found_secret)

    def settings(self) -> settings.SalesforceSettings:
        """The settings in the validated form."""
        values = {name: self[name].data or "" for name in self.declared}
        values |= {"login_url": self._login_url(), "client_secret": self._found_secret}
        found = settings.SalesforceSettings(description=self.description.data or "", labels=self.chosen_labels)
        return found.with_values(values)

    def _login_url(self) -> str:
        if self.login_host.data == LoginHost.CUSTOM:
            return self.login_origin
        # Unused, but kept in case somebody switches back.
        return self.connection.login_url if self.connection else ""


def _secret_too_old() -> str:
    return gettext("Enter the Client Secret again: it was kept for an hour only.")


def _without_nul(value: str | None) -> str:
    return (value or "").replace("\x00", "")


class HandOffForm(SettingsForm):
    """The two values of an app, entered by somebody without an account."""

    client_id = StringField(
        _l("Client ID"),
        filters=[_without_nul],
        description=_l("Salesforce calls this the Consumer Key."),
        render_kw={"autocomplete": "off", "spellcheck": "false", "maxlength": 600},
    )
    client_secret = PasswordField(
        _l("Client Secret"),
        filters=[_without_nul],
        description=_l("Salesforce calls it Consumer Secret. It is stored encrypted and never shown again."),
        render_kw={"autocomplete": "new-password", "spellcheck": "false", "maxlength": 600},
    )
    kept_secret = HiddenField()

    def __init__(self, connection: SalesforceConnection) -> None:
        super().__init__()
        if not connection.needs_secret:
            del self["client_secret"], self["kept_secret"]

    def validate_client_id(self, field: Any) -> None:
        """Clean the pasted text; refuse an impossible or missing Consumer Key."""
        field.data = app_values.client_id_in(field.data)
        if not field.data:
            raise ValidationError(gettext("Enter the Client ID. It is the app’s Consumer Key."))

    def validate_client_secret(self, field: Any) -> None:
        """Clean the pasted text; refuse an impossible or missing Consumer Secret."""
        text = field.data or open_kept(self.kept_secret, _secret_too_old())
        self.kept_secret.data = ""
        field.data = app_values.client_secret_in(text, client_id=self.client_id.data or "")
        if not field.data:
            raise ValidationError(gettext("Enter the Client Secret. It is the app’s Consumer Secret."))
        if self.client_id.errors:
            keep(self.kept_secret, field.data)
            field.description = gettext("The secret you typed is kept. Leave this empty to use it.")
