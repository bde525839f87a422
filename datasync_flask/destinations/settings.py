"""The settings of destinations, each declared once; the registry says which ones a kind has."""

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
TABLE_FORMATS: dict[str, Any] = {"parquet": _l("Parquet"), "delta": _l("Delta")}
_TOO_LONG = Length(max=200, message=_l("Use at most 200 characters."))
_PLAIN = {"autocomplete": "off", "spellcheck": "false", "maxlength": "200"}


def _normalise_lines(value: str | None) -> str | None:
    """Text with the line ends of Unix, without white space around it."""
    return "\n".join(value.split("\r\n")).strip() if value is not None else None


def _without_slashes(value: str | None) -> str | None:
    """Text without slashes around it."""
    return value.strip("/") if value is not None else None


def _plain_endpoint(value: str | None) -> str | None:
    """An address in lower case, without a slash at its end."""
    return value.rstrip("/").lower() if value is not None else None


SETTINGS = {
    "path": Setting(_l("File or folder"), "file", filters=(strip,), attributes=_PLAIN),
    "host": Setting(
        _l("Host"), "host", filters=(strip,), attributes=_PLAIN,
        validators=(InputRequired(_l("Enter the server’s name or address.")), _TOO_LONG),
    ),
    "port": Setting(
        _l("Port"), "port", default=None, between=(1, 65535),
        validators=(NumberRange(1, 65535, _l("A port is a number from 1 to 65535.")),),
    ),
    "database": Setting(
        _l("Database"), "database", filters=(strip,), attributes=_PLAIN,
        validators=(InputRequired(_l("Enter the database’s name.")), _TOO_LONG),
    ),
    "username": Setting(
        _l("Username"), "username", filters=(strip,), attributes=_PLAIN,
        validators=(InputRequired(_l("Enter the username.")), _TOO_LONG),
    ),
    "tls": Setting(
        _l("Encryption (TLS)"), "TLS", values=("", *Tls),
        # The default depends on the host: nothing goes unencrypted to another machine unless somebody chooses that.
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
            "Only for verified, and only where the server’s certificate comes from an authority of your own: paste "
            "that authority’s certificate, from BEGIN CERTIFICATE to END CERTIFICATE."
        ),
        attributes={"autocomplete": "off", "spellcheck": "false", "rows": "4", "maxlength": str(MAX_CA)},
        about="Certificates (PEM) that verified checks with.",
    ),
    "password": Setting(
        _l("Password"), "password", is_secret=True, validators=(_TOO_LONG,), attributes={"maxlength": "200"}
    ),
    "bucket": Setting(
        _l("Bucket"), "bucket", filters=(strip,), attributes=_PLAIN,
        validators=(InputRequired(_l("Enter the bucket’s name.")), _TOO_LONG),
    ),
    "prefix": Setting(
        _l("Prefix"), "prefix", filters=(strip, _without_slashes), attributes=_PLAIN, validators=(_TOO_LONG,),
        hint=_l("Optional: the folder in the bucket below which the tables go, for instance raw/salesforce."),
    ),
    "endpoint": Setting(
        _l("Endpoint"), "endpoint", filters=(strip, _plain_endpoint), attributes=_PLAIN, validators=(_TOO_LONG,),
        hint=_l("Empty for Amazon S3. The address of another store, for instance https://minio.example.com:9000."),
        about="Empty: Amazon S3.",
    ),
    "region": Setting(
        _l("Region"), "region", filters=(strip,), attributes=_PLAIN, validators=(_TOO_LONG,),
        hint=_l("At Amazon the bucket’s region, for instance eu-central-1. Other stores seldom need one."),
    ),
    "access_key": Setting(
        _l("Access key"), "access key", filters=(strip,), attributes=_PLAIN, validators=(_TOO_LONG,),
        hint=_l("Empty to use the role that the machine itself has at Amazon; only an administrator saves that."),
        about="Its secret key is the password. Empty: the machine's own role.",
    ),
    "table_format": Setting(
        _l("Table format"), "table format", default="parquet", values=("", *TABLE_FORMATS), choices=TABLE_FORMATS,
        hint=_l(
            "Parquet: plain files, and a list that says which of them count. Delta: the same files as a Delta Lake "
            "table, for programs that read those. Both load changes and deletes, and readers see a table as before a "
            "load or as after it. Programs that read all files of a folder need Delta. A table that is there keeps its "
            "format."
        ),
    ),
    "schema": Setting(
        _l("Schema"), "schema", filters=(strip,), attributes=_PLAIN, validators=(_TOO_LONG,),
        hint=_l("Optional: suggested for new extractions into this database."),
    ),
}  # fmt: skip
