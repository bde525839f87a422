"""The settings of destinations, each declared once; which of them a kind has stands in the registry."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms.validators import InputRequired, Length, NumberRange

from datasync_flask.connections.settings import Setting
from datasync_flask.destinations.tls import MAX_CA, Tls
from datasync_flask.forms import strip

TLS_CHOICES: dict[str, Any] = {
    Tls.OFF: _l("Off"),
    Tls.REQUIRED: _l("Required"),
    Tls.VERIFIED: _l("Verified"),
}
_TOO_LONG = Length(max=200, message=_l("Use at most 200 characters."))
_PLAIN = {"autocomplete": "off", "spellcheck": "false", "maxlength": "200"}


def _normalise_lines(value: str | None) -> str | None:
    """Return text with the line ends of Unix, without white space around it."""
    return "\n".join(value.split("\r\n")).strip() if value is not None else None


SETTINGS = {
    "path": Setting(_l("File or folder"), "file", filters=(strip,), attributes=_PLAIN),
    "host": Setting(
        _l("Host"), "host", filters=(strip,), attributes=_PLAIN,
        validators=(InputRequired(_l("Enter the server's name or address.")), _TOO_LONG),
    ),
    "port": Setting(
        _l("Port"), "port", default=None, between=(1, 65535),
        validators=(NumberRange(1, 65535, _l("A port is a number from 1 to 65535.")),),
    ),
    "database": Setting(
        _l("Database"), "database", filters=(strip,), attributes=_PLAIN,
        validators=(InputRequired(_l("Enter the database's name.")), _TOO_LONG),
    ),
    "username": Setting(
        _l("Username"), "username", filters=(strip,), attributes=_PLAIN,
        validators=(InputRequired(_l("Enter the username.")), _TOO_LONG),
    ),
    "tls": Setting(
        _l("Encryption (TLS)"), "TLS", values=("", *Tls),
        # What nobody chose depends on the host: in clear to another machine only when somebody says so.
        choices={"": _l("By the host: off on this machine, required elsewhere")} | TLS_CHOICES,
        hint=_l(
            "A server on this machine needs none. Required hides everything from whoever listens on the way; verified "
            "also makes sure that it is your server, by its certificate."
        ),
        about="Empty: required, and off for a server on this machine.",
    ),
    "tls_ca": Setting(
        _l("CA certificate"), "CA certificate", filters=(_normalise_lines,), longest=MAX_CA,
        hint=_l(
            "Only for verified, and only where the server's certificate comes from an authority of your own: paste "
            "that authority's certificate, from BEGIN CERTIFICATE to END CERTIFICATE."
        ),
        attributes={"autocomplete": "off", "spellcheck": "false", "rows": "4", "maxlength": str(MAX_CA)},
        about="Certificates (PEM) that verified checks with.",
    ),
    "password": Setting(
        _l("Password"), "password", is_secret=True, validators=(_TOO_LONG,), attributes={"maxlength": "200"}
    ),
    "schema": Setting(
        _l("Schema"), "schema", filters=(strip,), attributes=_PLAIN, validators=(_TOO_LONG,),
        hint=_l("Optional: suggested for new extractions into this database."),
    ),
}  # fmt: skip
