"""The form of a destination; which fields it has follows from its kind."""

from __future__ import annotations

from typing import Any

from flask import current_app
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from werkzeug.datastructures import MultiDict
from wtforms import HiddenField, IntegerField, PasswordField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, ValidationError

from datasync_flask.accounts.models import Role
from datasync_flask.connections import labels
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.destinations.registry import DESTINATIONS, FILE_FIELDS, SERVER_FIELDS, PathRefused, inside
from datasync_flask.destinations.tls import (
    MAX_CA,
    Tls,
    check_certificates,
    default_tls,
    is_host,
    is_this_machine,
    tls_of,
)
from datasync_flask.forms import SettingsForm
from datasync_flask.salesforce_connections import service, store
from datasync_flask.salesforce_connections.forms import KEPT_SECRET_SECONDS, one_line, strip
from datasync_flask.security.crypto import SecretUnreadable

_TOO_LONG = Length(max=200, message=_l("Use at most 200 characters."))
_PLAIN = {"autocomplete": "off", "spellcheck": "false", "maxlength": 200}


TLS_CHOICES = {
    Tls.OFF: _l("Off"),
    Tls.REQUIRED: _l("Required"),
    Tls.VERIFIED: _l("Verified"),
}


def normalised_lines(value: str | None) -> str | None:
    """Return text with the line ends of Unix, without white space around it."""
    return "\n".join(value.split("\r\n")).strip() if value is not None else None


class DestinationForm(SettingsForm):
    """Settings of a destination."""

    description = StringField(
        _l("Description"),
        [
            DataRequired(_l("Give the destination a description, for instance Warehouse.")),
            Length(max=120, message=_l("Use at most 120 characters.")),
        ],
        filters=[one_line, strip],
        description=_l("Its name in the list."),
        render_kw={"autocomplete": "off", "maxlength": 120},
    )
    path = StringField(_l("File or folder"), filters=[strip], render_kw=_PLAIN)
    host = StringField(
        _l("Host"), [InputRequired(_l("Enter the server's name or address.")), _TOO_LONG], [strip], render_kw=_PLAIN
    )
    port = IntegerField(_l("Port"), [NumberRange(1, 65535, _l("A port is a number from 1 to 65535."))])
    database = StringField(
        _l("Database"), [InputRequired(_l("Enter the database's name.")), _TOO_LONG], [strip], render_kw=_PLAIN
    )
    username = StringField(
        _l("Username"), [InputRequired(_l("Enter the username.")), _TOO_LONG], [strip], render_kw=_PLAIN
    )
    tls = SelectField(
        _l("Encryption (TLS)"),
        # What nobody chose depends on the host: in clear to another machine only when somebody says so.
        choices=[
            SelectChoice("", _l("By the host: off on this machine, required elsewhere")),
            *(SelectChoice(key.value, title) for key, title in TLS_CHOICES.items()),
        ],
        description=_l(
            "A server on this machine needs none. Required hides everything from whoever listens on the way; verified "
            "also makes sure that it is your server, by its certificate."
        ),
    )
    tls_ca = TextAreaField(
        _l("CA certificate"),
        filters=[normalised_lines],
        description=_l(
            "Only for verified, and only where the server's certificate comes from an authority of your own: paste "
            "that authority's certificate, from BEGIN CERTIFICATE to END CERTIFICATE."
        ),
        render_kw={"autocomplete": "off", "spellcheck": "false", "rows": 4, "maxlength": MAX_CA},
    )
    # With "off", browsers fill in the person's own password for DataSync.
    password = PasswordField(_l("Password"), [_TOO_LONG], render_kw={"autocomplete": "new-password", "maxlength": 200})
    schema = StringField(
        _l("Schema"),
        [_TOO_LONG],
        filters=[strip],
        description=_l("Optional: suggested for new extractions into this database."),
        render_kw=_PLAIN,
    )
    label_names = StringField(
        _l("Labels"),
        filters=[one_line, strip],
        description=_l("Optional, separated by commas. The list can be filtered and grouped by them."),
        render_kw={"autocomplete": "off", "maxlength": 500, "list": "known-labels"},
    )
    kept_password = HiddenField()
    edited = HiddenField()

    def __init__(
        self,
        kind: str,
        connection: DestinationConnection | None = None,
        *,
        given: MultiDict[str, str] | None = None,
    ) -> None:
        self.kind = DESTINATIONS[kind]
        values: dict[str, Any] = {"port": self.kind.default_port}
        if connection is not None:
            values = dict(connection.settings) | {
                "description": connection.description,
                "label_names": labels.joined(connection.labels),
                "edited": connection.updated_at.isoformat(),
            }
            if "tls" in self.kind.fields:
                values["tls"] = tls_of(connection.settings).value
        super().__init__(data=values, given=given)
        self.connection = connection
        for name in (set(FILE_FIELDS) | set(SERVER_FIELDS) | {"schema"}) - set(self.kind.fields):
            del self[name]
        if "tls" in self.kind.fields and self.is_submitted():
            self._fill_in_tls()
        if "password" not in self.kind.fields:
            del self["kept_password"]
        self._password = ""

    def _fill_in_tls(self) -> None:
        """Give the fields that weren't sent the values that hold: those stored for the same host, or the safe ones."""
        host = self.host.data or ""
        stored = self.connection.settings if self.connection is not None else {}
        is_same = bool(stored) and str(stored.get("host", "")).lower() == host.lower()
        if not self.sent.get("tls"):
            self.tls.data = (tls_of(stored) if is_same else default_tls(host)).value
        if "tls_ca" not in self.sent and is_same:
            self.tls_ca.data = stored.get("tls_ca", "")

    def validate_host(self, field: Any) -> None:
        """One server, by its name or address."""
        if not is_host(field.data or ""):
            raise ValidationError(
                gettext("Enter one name or address only, such as db.example.com or 10.0.0.5, without port and path.")
            )

    def validate_tls(self, field: Any) -> None:
        """What goes to another machine is encrypted, unless an administrator wants it otherwise."""
        if field.data == Tls.OFF and not is_this_machine(self.host.data or ""):
            is_administrator = (
                not current_user or not current_user.is_authenticated or current_user.has_role(Role.ADMIN)
            )
            was_off = self.connection is not None and self.connection.is_server_of(self.settings())
            if not is_administrator and not was_off:
                raise ValidationError(
                    gettext(
                        "This server isn't the machine that DataSync runs on, so rows would go over the network in "
                        "clear. Choose Required or Verified, or ask an administrator to save it with Off."
                    )
                )

    def validate_tls_ca(self, field: Any) -> None:
        """Certificates, and for a server that is verified only."""
        if self.tls.data != Tls.VERIFIED:
            field.data = ""
        if not field.data:
            return
        try:
            if len(field.data) > MAX_CA:
                raise ValueError("too long")
            check_certificates(field.data)
        except ValueError:
            raise ValidationError(
                gettext(
                    "This isn't a certificate. Paste the authority's certificate as text (PEM), from BEGIN CERTIFICATE "
                    "to END CERTIFICATE, and no private key."
                )
            ) from None

    def validate_description(self, field: Any) -> None:
        """Refuse a description that another connection has."""
        if service.is_description_taken(field.data, self.connection.id if self.connection else ""):
            raise ValidationError(gettext("Another connection has this description already. Choose another one."))

    def validate_path(self, field: Any) -> None:
        """Files lie inside the data folder."""
        try:
            inside(current_app.config["SETTINGS"].effective_data_dir, field.data or "")
        except PathRefused as refusal:
            raise ValidationError(gettext(str(refusal))) from None

    def validate_port(self, field: Any) -> None:
        """Say in our words that a port is a number."""
        if field.data is None:
            field.errors = []
            raise ValidationError(gettext("A port is a number from 1 to 65535."))

    def validate_label_names(self, field: Any) -> None:
        """Refuse labels that wouldn't fit a row of the list."""
        labels.check(field.data or "")

    def validate_password(self, field: Any) -> None:
        """Take the typed password, or the one kept from the try before."""
        self._password = field.data or ""
        if not self._password and self.kept_password.data:
            try:
                self._password = store.secret_box().open(self.kept_password.data, max_age=KEPT_SECRET_SECONDS)
            except SecretUnreadable:
                self.kept_password.data = ""
                raise ValidationError(gettext("Enter the password again: it was kept for an hour only.")) from None
        connection = self.connection
        is_kept = connection is not None and connection.password_sealed and not self._password
        if connection is not None and is_kept and not connection.has_password_for(self.settings()):
            raise ValidationError(
                gettext(
                    "Enter the password again: the stored one belongs to %(server)s and is used with nothing else.",
                    server=connection.server,
                )
            )

    def errors_of_place(self, words: str) -> None:
        """Refuse where the destination would lead."""
        self["path" if self.kind.is_file else "host"].errors = [words]

    def keep_password(self) -> None:
        """Put a typed password, encrypted, into the page that goes back because of a mistake elsewhere."""
        if self._password:
            self.kept_password.data = store.secret_box().seal(self._password)

    @property
    def typed_password(self) -> str:
        """The password typed now, or kept from the try before."""
        return self._password

    def settings(self) -> dict[str, Any]:
        """Return the kind's settings without the password."""
        return {name: self[name].data for name in self.kind.fields if name != "password"}

    @property
    def chosen_labels(self) -> list[str]:
        """The labels typed; a form without the field leaves them alone."""
        if self.label_names.raw_data:
            return labels.parse(self.label_names.data or "")
        return [label.name for label in self.connection.labels] if self.connection else []
