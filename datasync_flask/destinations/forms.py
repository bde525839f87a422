"""The form of a destination; which fields it has follows from its kind."""

from __future__ import annotations

from typing import Any

from flask import current_app
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from wtforms import HiddenField, IntegerField, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, ValidationError

from datasync_flask.connections import labels, service, store
from datasync_flask.connections.forms import KEPT_SECRET_SECONDS, one_line, strip
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.destinations.registry import DESTINATIONS, PathRefused, inside
from datasync_flask.forms import SettingsForm
from datasync_flask.security.crypto import SecretUnreadable

_TOO_LONG = Length(max=200, message=_l("Use at most 200 characters."))
_PLAIN = {"autocomplete": "off", "spellcheck": "false", "maxlength": 200}


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
        super().__init__(data=values, given=given)
        self.connection = connection
        for name in {"path", "host", "port", "database", "username", "password", "schema"} - set(self.kind.fields):
            del self[name]
        if "password" not in self.kind.fields:
            del self["kept_password"]
        self._password = ""

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
