"""What changes with a connection, and with the glance at all of them: polls compare it (polling.py)."""

from __future__ import annotations

import hashlib

from flask import current_app
from sqlalchemy import select

from datasync_flask import polling
from datasync_flask.connections.listing import Glance, at_a_glance
from datasync_flask.connections.models import Connection
from datasync_flask.transactions import read_row


def version(connection_id: str) -> str | None:
    """Return what changes with what a page shows of a connection; None when there is none."""
    columns = Connection.__table__.c
    found = read_row(select(columns.row_version).where(columns.id == connection_id))
    return _version(found.row_version) if found else None


def _version(row_version: int) -> str:
    # The page says so when the site's Callback URL is another one than the app in Salesforce was given.
    site = hashlib.sha256(current_app.config["SETTINGS"].callback_url.encode()).hexdigest()[:8]
    return f"{row_version}-{site}"


def connection_tag(connection: Connection) -> str:
    """Return what changes whenever a connection would look different to this person."""
    return polling.tag(_version(connection.row_version))


def glance_version(glance: Glance | None = None) -> str:
    """Return what changes with the glance."""
    return hashlib.sha256((glance or at_a_glance()).tag.encode()).hexdigest()[:16]


def glance_tag(glance: Glance) -> str:
    """Return what changes whenever the glance would look different to this person."""
    return polling.tag(glance_version(glance))
