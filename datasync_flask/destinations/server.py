"""Database servers: where one is, how to get in, and how long that may take."""

from __future__ import annotations

from dataclasses import dataclass

from datasync_flask.destinations.tls import Tls

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
