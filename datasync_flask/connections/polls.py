"""Versions of connections, which polls compare (polling.py)."""

from __future__ import annotations

import hashlib

from flask import current_app
from sqlalchemy import select

from datasync_flask import polling
from datasync_flask.connections.models import Connection
from datasync_flask.transactions import read_row


def version(connection_id: str) -> str | None:
    """A version that changes whenever a connection's page does; None when there is no such connection."""
    columns = Connection.__table__.c
    found = read_row(select(columns.row_version).where(columns.id == connection_id))
    return _version(found.row_version) if found else None


def _version(row_version: int) -> str:
    # The page shows when the site's Callback URL differs from the one in the app.
    site = hashlib.sha256(current_app.config["SETTINGS"].callback_url.encode()).hexdigest()[:8]
    return f"{row_version}-{site}"


def connection_tag(connection: Connection) -> str:
    """A tag that changes whenever a connection would look different to this person."""
    return polling.tag(_version(connection.row_version))
