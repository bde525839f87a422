"""The one way for a view to get at connections: fetching and authorising belong together."""

from __future__ import annotations

from typing import TypeVar, overload

from flask import abort
from flask_login import current_user
from sqlalchemy import bindparam, select

from datasync_flask.accounts.models import Role
from datasync_flask.connections.models import Connection
from datasync_flask.extensions import db

C = TypeVar("C", bound=Connection)

_connections = Connection.__table__
# All that an unchanged poll needs of a connection.
POLLED = select(_connections.c.row_version).where(_connections.c.id == bindparam("connection_id"))


@overload
def readable(connection_id: str) -> Connection: ...
@overload
def readable(connection_id: str, kind: type[C]) -> C: ...
def readable(connection_id: str, kind: type[Connection] = Connection) -> Connection:
    """Return a connection that the person may see, of any kind or of one; 404 when there is none."""
    connection = db.session.get(kind, connection_id, populate_existing=True)
    if connection is None or not current_user.has_role(Role.VIEWER):
        abort(404)
    return connection


@overload
def editable(connection_id: str) -> Connection: ...
@overload
def editable(connection_id: str, kind: type[C]) -> C: ...
def editable(connection_id: str, kind: type[Connection] = Connection) -> Connection:
    """Return a connection that the person may change; 403 for people who only read."""
    connection = readable(connection_id, kind)
    if not current_user.has_role(Role.EDITOR):
        abort(403)
    return connection
