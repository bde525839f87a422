"""Polls: an unchanged one is answered before anything is rendered, by a tag that tells what the page shows."""

from __future__ import annotations

import hashlib
import importlib.metadata

from flask import Response, current_app, request
from flask_login import current_user

from datasync_flask.accounts.models import Role
from datasync_flask.connections.listing import Glance
from datasync_flask.connections.models import Connection
from datasync_flask.languages import language

_VERSION = importlib.metadata.version("datasync-flask")


def connection_tag(connection: Connection) -> str:
    """Return what changes whenever a connection would look different to this person."""
    return version_tag(connection.row_version)


def version_tag(row_version: int) -> str:
    """Return the same of the version of the row, so that an unchanged poll needs no more of it."""
    # Looked up once: each use of the proxy asks again who that is.
    person = current_user._get_current_object()
    can_edit = "e" if person.has_role(Role.EDITOR) else "v"
    automatic = "a" if person.continue_automatically else "m"
    # The page says so when the site's Callback URL is another one than the app in Salesforce was given.
    site = hashlib.sha256(current_app.config["SETTINGS"].callback_url.encode()).hexdigest()[:8]
    return f"{_VERSION}-{row_version}-{can_edit}{automatic}{site}{language()}"


def glance_tag(glance: Glance) -> str:
    """Return what changes whenever the glance would look different to this person."""
    shown = hashlib.sha256(f"{glance.tag}{language()}".encode()).hexdigest()[:16]
    return f"{_VERSION}-{shown}-{'e' if current_user.has_role(Role.EDITOR) else 'v'}"


def is_unchanged(current: str) -> bool:
    """True when a poll carries the tag of what would be answered (htmx's HX-PTag, or If-None-Match)."""
    return current in {request.headers.get("HX-PTag"), *request.if_none_match.as_set()}


def tagged(response: Response, current: str) -> Response:
    """Put the tag on an answer to a poll."""
    response.headers["HX-PTag"] = current
    response.set_etag(current)
    return response
