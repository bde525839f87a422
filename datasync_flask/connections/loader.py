"""Loads connections for all views; the decorator of a view says who may use it (accounts/rights.py)."""

from __future__ import annotations

from typing import TypeVar, overload

from datasync_flask.connections.models import Connection
from datasync_flask.extensions import db

C = TypeVar("C", bound=Connection)


@overload
def get_connection(connection_id: str) -> Connection: ...
@overload
def get_connection(connection_id: str, kind: type[C]) -> C: ...
def get_connection(connection_id: str, kind: type[Connection] = Connection) -> Connection:
    """A connection of any kind, or of one; 404 when there is none."""
    return db.get_or_404(kind, connection_id, populate_existing=True)
