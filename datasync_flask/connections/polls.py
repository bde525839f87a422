"""What changes with a connection: polls compare it (polling.py)."""

from __future__ import annotations

import hashlib

from flask import current_app
from sqlalchemy import select

from datasync_flask import polling
from datasync_flask.connections.models import Connection
from datasync_flask.transactions import read_row


def version(connection_id: str) -> str | None:
    """What changes with what a page shows of a connection; None when there is none."""
    columns = Connection.__table__.c
    found = read_row(select(columns.row_version).where(columns.id == connection_id))
    return _version(found.row_version) if found else None


def _version(row_version: int) -> str:
    # The page says so when the site's Callback URL is another one than the app in Salesforce was given.
    site = hashlib.sha256(current_app.config["SETTINGS"].callback_url.encode()).hexdigest()[:8]
    return f"{row_version}-{site}"


def connection_tag(connection: Connection) -> str:
    """What changes whenever a connection would look different to this person."""
    return polling.tag(_version(connection.row_version))
