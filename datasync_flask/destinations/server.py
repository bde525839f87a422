"""Addresses of database servers, and how long connecting may take."""

from __future__ import annotations

from dataclasses import dataclass

from datasync_flask.destinations.base import DestinationError, Fault
from datasync_flask.destinations.destination_kind import Settings
from datasync_flask.destinations.tls import Tls, is_host, tls_of

CONNECT_SECONDS = 5


@dataclass(frozen=True)
class Address:
    """The address of a database server, the sign-in, and the encryption of the connection."""

    host: str
    port: int
    database: str
    username: str
    password: str
    tls: Tls
    tls_ca: str = ""


def address_of(settings: Settings) -> Address:
    """The address in a destination's settings. Raises DestinationError for an invalid host."""
    if not is_host(str(settings["host"])):
        raise DestinationError(Fault.HOST_NOT_FOUND, str(settings["host"])[:80], "host")
    named = {name: settings[name] for name in ("host", "port", "database", "username", "password")}
    return Address(**named, tls=tls_of(settings), tls_ca=settings.get("tls_ca", ""))
