"""Database servers: where one is, how to get in, and how long that may take."""

from __future__ import annotations

from dataclasses import dataclass

from datasync_flask.destinations.base import DestinationError, Fault
from datasync_flask.destinations.destination_kind import Settings
from datasync_flask.destinations.tls import Tls, is_host, tls_of

CONNECT_SECONDS = 5


@dataclass(frozen=True)
class Address:
    """Where a database server is, how to get in, and how the way there is protected."""

    host: str
    port: int
    database: str
    username: str
    password: str
    tls: Tls
    tls_ca: str = ""


def address_of(settings: Settings) -> Address:
    """Make the address from a destination's settings. Raises DestinationError for what is no host."""
    if not is_host(str(settings["host"])):
        raise DestinationError(Fault.HOST_NOT_FOUND, str(settings["host"])[:80], "host")
    named = {name: settings[name] for name in ("host", "port", "database", "username", "password")}
    return Address(**named, tls=tls_of(settings), tls_ca=settings.get("tls_ca", ""))
