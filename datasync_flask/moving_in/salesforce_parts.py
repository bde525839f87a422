"""Common parts of all tools' files: the login address, the sign-in, the start date."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from flask_babel import gettext

from datasync_flask.moving_in.found import Found, FoundConnection, FoundObject, listed, usual_cursor
from datasync_flask.moving_in.reading import is_missing, text_of
from datasync_flask.salesforce_connections.models import AuthMethod, LoginHost

# The oldest date in Salesforce (Object Reference "Primitive Data Types").
_FIRST_YEAR = 1700
# Tables of the tools whose names differ from the object's by more than spelling.
_OTHER_NAMES = {"sf_user": "User", "product": "Product2", "pricebook": "Pricebook2"}


def object_called(table: str) -> str:
    """The object for `table` of dlt's source or ingestr."""
    return _OTHER_NAMES.get(table) or "".join(word.capitalize() for word in table.split("_"))


def put_domain(found: Found, connection: FoundConnection, domain: str) -> None:
    """Set the login address from a domain as the tools write it: login, test, acme.my, a host or an address."""
    domain = domain.strip().rstrip("/")
    if not domain or is_missing(domain):
        if domain:
            _remark_missing(found, gettext("Login host"), domain)
        return
    host = re.sub(r"^https?://", "", domain.lower()).removesuffix(".salesforce.com")
    if host in {"login", "test"}:
        connection.login_host = LoginHost.SANDBOX if host == "test" else LoginHost.PRODUCTION
        return
    connection.login_host = LoginHost.CUSTOM
    is_short = "." not in host or host.endswith((".my", ".sandbox.my", ".develop.my"))
    connection.login_url = f"https://{host}.salesforce.com" if is_short else domain


def put_sandbox(connection: FoundConnection, is_sandbox: bool) -> None:
    """Set production or sandbox, unless the org's own address is known."""
    if connection.login_host != LoginHost.CUSTOM:
        connection.login_host = LoginHost.SANDBOX if is_sandbox else LoginHost.PRODUCTION


def add_connection(
    found: Found,
    connection: FoundConnection,
    values: Mapping[Any, Any],
    *,
    client_id: str,
    username: str = "",
    others: Iterable[Any],
) -> FoundConnection:
    """Add a connection whose Client ID and Username are the settings with these names, with remarks on its login
    address, its secrets and the `others`.
    """
    _remark_on_login(found, connection)
    _put_app(found, connection, values, client_id, username)
    _remark_on_secrets(found, values)
    _remark_on_others(found, others)
    found.connections.append(connection)
    return connection


def _remark_on_login(found: Found, connection: FoundConnection) -> None:
    """Remark on the login address, unless there is a remark that the file has none."""
    if any((each.subject, each.about) == (found.subject, gettext("Login host")) for each in found.remarks):
        return
    known = {LoginHost.PRODUCTION: "login.salesforce.com", LoginHost.SANDBOX: "test.salesforce.com"}
    found.taken(gettext("Login host"), known.get(connection.login_host, connection.login_url))


def _put_app(
    found: Found, connection: FoundConnection, values: Mapping[Any, Any], client_id: str, username: str
) -> None:
    """Use the settings with these names as Client ID and Username."""
    connection.client_id = _value(found, gettext("Client ID"), values.get(client_id))
    connection.username = _value(found, gettext("Username"), values.get(username))
    if connection.client_id and connection.auth_method == AuthMethod.JWT_BEARER:
        # With a Client ID the connection would be complete, and start before the app has the certificate.
        found.left(
            gettext("Client ID"),
            gettext(
                "Add DataSync’s certificate to your app. Then enter its Client ID in the connection: %(client_id)s",
                client_id=connection.client_id,
            ),
        )
        connection.client_id = ""
    elif connection.client_id and connection.auth_method == AuthMethod.AUTHORIZATION_CODE:
        found.taken(
            gettext("Client ID"), gettext("Add DataSync’s Callback URL to this app, as the guide beside the form says.")
        )
    elif connection.client_id:
        found.taken(gettext("Client ID"), gettext("Your app can stay as it is."))
    elif not text_of(values.get(client_id)):
        found.left(
            gettext("Client ID"),
            gettext(
                "Your file has none. Create an app in Salesforce: the guide beside the connection’s form shows how."
            ),
        )
    if connection.username and connection.auth_method != AuthMethod.JWT_BEARER:
        found.changed(
            gettext("Username"),
            gettext(
                "Log in to Salesforce as %(username)s, or as another user, when you press Authenticate and Save.",
                username=connection.username,
            ),
        )


def _value(found: Found, about: str, value: Any) -> str:
    text = text_of(value)
    if text and is_missing(text):
        _remark_missing(found, about, text)
        return ""
    return text


def _remark_missing(found: Found, about: str, text: str) -> None:
    if text.startswith(("$", "{{")):
        found.left(about, gettext("Your file refers to %(name)s. Enter the value in the connection.", name=text[:80]))
    else:
        found.left(about, gettext("Your file has a placeholder here. Enter the value in the connection."))


def _remark_on_secrets(found: Found, values: Mapping[Any, Any]) -> None:
    """Remark on each secret in these settings that it isn't taken, and what replaces it."""
    texts = {
        ("password",): (
            gettext("Password"),
            gettext(
                "Salesforce ends sign-in with username and password on 20 February 2027. Create an app, enter its "
                "Client ID and Client Secret, and press Authenticate and Save."
            ),
        ),
        ("security_token", "token"): (
            gettext("Security token"),
            gettext("It belongs to sign-in with a password. DataSync doesn’t need it."),
        ),
        ("client_secret", "consumer_secret"): (
            gettext("Client Secret"),
            gettext("DataSync takes no secrets from files. Enter it in the connection."),
        ),
        ("refresh_token",): (
            gettext("Refresh token"),
            gettext(
                "Two programs with one token can end each other’s access. DataSync gets tokens of its own when you "
                "press Authenticate and Save."
            ),
        ),
        ("access_token", "session_id"): (
            gettext("Access token"),
            gettext("It expires after some hours. DataSync gets tokens of its own."),
        ),
        ("privatekey", "privatekey_file", "private_key"): (
            gettext("Private key"),
            gettext("DataSync signs with its own certificate. You find it in the guide beside the connection’s form."),
        ),
    }
    for names, (about, text) in texts.items():
        if any(text_of(values.get(name)) for name in names):
            found.left(about, text)


def _remark_on_others(found: Found, names: Iterable[Any]) -> None:
    """Remark on settings that DataSync doesn't have."""
    others = sorted({text_of(name) for name in names} - {""})
    if others:
        found.left(
            gettext("Other settings"),
            gettext("DataSync chooses these itself or has no place for them: %(names)s.", names=listed(others)),
        )


def put_start(found: Found, objects: Iterable[FoundObject], value: Any) -> None:
    """Limit objects to rows since a start date, with a filter on the date that detects changes."""
    text = text_of(value)
    if not text:
        return
    about = gettext("Start date")
    start = _salesforce_time(text)
    if start is None:
        found.left(about, gettext("“%(text)s” isn’t a date that a filter can hold. Set a filter in the extraction.",
                                  text=text[:80]))  # fmt: skip
        return
    dated = [each for each in objects if not each.is_whole]
    for each in dated:
        each.filter = f"{each.cursor_field or usual_cursor(each.name)} >= {start}"
    if dated:
        found.changed(
            about,
            gettext(
                "It becomes a filter: %(filter)s. An object without this field needs another one.",
                filter=listed(dict.fromkeys(each.filter for each in dated)),
            ),
        )
    else:
        found.left(
            about,
            gettext("No object here is read by date. Set a filter like SystemModstamp >= %(start)s.", start=start),
        )


def _salesforce_time(text: str) -> str | None:
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment.year >= _FIRST_YEAR else None
