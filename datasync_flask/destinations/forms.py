"""The form of a destination; its fields depend on its kind."""

from __future__ import annotations

from typing import Any

from flask import current_app
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from wtforms import HiddenField
from wtforms.validators import ValidationError

from datasync_flask.connections.forms import ConnectionForm, description_field, keep, open_kept
from datasync_flask.destinations import service
from datasync_flask.destinations.base import DestinationError
from datasync_flask.destinations.bucket_rules import BucketRules, is_administrator
from datasync_flask.destinations.data_folder import PathRefused, check_free, inside
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.destinations.registry import DESTINATIONS
from datasync_flask.destinations.settings import SETTINGS
from datasync_flask.destinations.tls import (
    MAX_CA,
    Tls,
    check_certificates,
    default_tls,
    is_host,
    is_this_machine,
    tls_of,
)
from datasync_flask.forms import SettingRefused
from datasync_flask.problems.destination import Fault
from datasync_flask.problems.registry import trouble

_PASSWORD_HINTS = {
    "new": _l("It is stored encrypted and never shown again."),
    "typed": _l("The password you typed is kept. Leave this empty to use it."),
    "stored": _l(
        "A password is stored. Leave this empty to keep it. Another host, port, username or encryption asks for it "
        "again."
    ),
}
_KEY_HINTS = _PASSWORD_HINTS | {
    "typed": _l("The secret key you typed is kept. Leave this empty to use it."),
    "stored": _l(
        "A secret key is stored. Leave this empty to keep it. Another endpoint or access key asks for it again."
    ),
}


def explain_problem(fault: str, detail: str = "") -> str:
    """The meaning of a destination's fault and what to do, with the driver's own words; '' when there is none."""
    if not fault:
        return ""
    sentences = trouble(Fault(fault)).sentences
    return f"{sentences} ({detail})" if detail else sentences


class DestinationForm(BucketRules, ConnectionForm):
    """Settings of a destination."""

    description = description_field(
        _l("Give the destination a description, for instance Warehouse."), _l("Shown in lists")
    )
    kept_password = HiddenField()

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
            values = dict(connection.settings)
            if "tls" in self.kind.fields:
                values["tls"] = tls_of(connection.settings).value
        declared = {name: each for name, each in SETTINGS.items() if name in self.kind.fields}
        super().__init__(connection, declared, data=values, given=given)
        if "tls" in declared and self.is_submitted():
            self._fill_in_tls()
        if "password" not in declared:
            del self["kept_password"]
        if "bucket" in declared:
            self.password.label.text = gettext("Secret key")
            if self.is_submitted() and not self.sent.get("table_format"):
                self.table_format.data = str(values.get("table_format") or "parquet")
        if "path" in declared:
            self.path.description = gettext(
                "A name in this server’s data folder, for instance %(example)s. It is created if it doesn’t exist.",
                example=self.kind.example,
            )
        self._password = ""
        self._describe_password()

    def _describe_password(self) -> None:
        """Explain at the password field what leaving it empty does."""
        if "password" not in self.kind.fields:
            return
        hints = _KEY_HINTS if "bucket" in self.kind.fields else _PASSWORD_HINTS
        is_stored = self.connection is not None and bool(self.connection.password_sealed)
        self.password.description = hints["typed" if self.kept_password.data else "stored" if is_stored else "new"]

    def _fill_in_tls(self) -> None:
        """Fill in fields that weren't sent: with the values stored for the same host, or with safe ones."""
        host = self.host.data or ""
        stored = self.connection.settings if self.connection is not None else {}
        is_same = bool(stored) and str(stored.get("host", "")).lower() == host.lower()
        if not self.sent.get("tls"):
            self.tls.data = (tls_of(stored) if is_same else default_tls(host)).value
        if "tls_ca" not in self.sent and is_same:
            self.tls_ca.data = stored.get("tls_ca", "")

    def validate_host(self, field: Any) -> None:
        """Accept one server, by name or address."""
        if not is_host(field.data or ""):
            raise ValidationError(
                gettext("Enter one name or address only, such as db.example.com or 10.0.0.5, without port and path.")
            )

    def validate_tls(self, field: Any) -> None:
        """Require encryption to another machine, unless an administrator decides otherwise."""
        if field.data == Tls.OFF and not is_this_machine(self.host.data or ""):
            was_off = self.connection is not None and self.connection.is_server_of(self.settings())
            if not is_administrator() and not was_off:
                raise ValidationError(
                    gettext(
                        "This server isn’t the machine that DataSync runs on, so rows would go over the network "
                        "unencrypted. Choose Required or Verified, or ask an administrator to save it with Off."
                    )
                )

    def validate_tls_ca(self, field: Any) -> None:
        """Accept certificates, and only with *verified*."""
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
                    "This isn’t a certificate. Paste the authority’s certificate as text (PEM), from BEGIN CERTIFICATE "
                    "to END CERTIFICATE, and no private key."
                )
            ) from None

    def validate_path(self, field: Any) -> None:
        """Accept only files inside the data folder that belong to nobody else."""
        settings = current_app.config["SETTINGS"]
        try:
            path = inside(settings.effective_data_dir, field.data or "")
            if self.connection is None or self.connection.settings.get("path") != field.data:
                check_free(path, settings.own_files)
        except PathRefused as refusal:
            raise ValidationError(gettext(str(refusal))) from None

    def validate_port(self, field: Any) -> None:
        """Refuse a port that isn't a number, with our own text."""
        if field.data is None:
            field.errors = []
            raise ValidationError(gettext("A port is a number from 1 to 65535."))

    def validate_password(self, field: Any) -> None:
        """Use the typed password, or the one kept from the previous try."""
        too_old = gettext("Enter the password again: it was kept for an hour only.")
        self._password = field.data or open_kept(self.kept_password, too_old)
        connection = self.connection
        is_kept = connection is not None and connection.password_sealed and not self._password
        if connection is not None and is_kept and not connection.has_password_for(self.settings()):
            if "bucket" in self.kind.fields:
                raise ValidationError(
                    gettext(
                        "Enter the secret key again: the stored one belongs to %(server)s and is used with nothing "
                        "else.",
                        server=connection.server,
                    )
                )
            raise ValidationError(
                gettext(
                    "Enter the password again: the stored one belongs to %(server)s and is used with nothing else.",
                    server=connection.server,
                )
            )

    def refuse(self, refusal: SettingRefused) -> None:
        """Put an error at its field, including one about the destination's place."""
        if refusal.field == "place":
            refusal.field = next(name for name in ("path", "bucket", "host") if name in self.kind.fields)
        super().refuse(refusal)

    def keep_password(self) -> None:
        """Put a typed password, encrypted, into the page that returns because of a mistake in another field."""
        if self._password:
            keep(self.kept_password, self._password)
            self._describe_password()

    def settings(self) -> dict[str, Any]:
        """The kind's settings without the password."""
        return {name: self[name].data for name in self.kind.fields if name != "password"}

    def find_problem(self) -> DestinationError | None:
        """The problem of a destination with these settings, which are valid in themselves."""
        settings = self.settings()
        try:
            service.check(self.kind.key, settings, service.password_for(self.connection, settings, self._password))
        except DestinationError as error:
            return error
        return None

    def show(self, problem: DestinationError) -> None:
        """Put a problem at its field."""
        field = self[problem.field if problem.field in self else "description"]
        field.errors = [explain_problem(problem.fault, problem.detail)]

    def save(self, problem: DestinationError | None, *, by: int | None) -> DestinationConnection:
        """Store the validated settings with their problem, if any; commits. Raises DescriptionTaken."""
        return service.save(
            self.connection, self.kind.key, description=self.description.data or "", settings=self.settings(),
            password=self._password, label_names=self.chosen_labels, problem=problem, by=by,
        )  # fmt: skip
