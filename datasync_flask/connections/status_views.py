"""The poll: it only reads. It doesn't write, set a cookie or prolong a session."""

from __future__ import annotations

from flask import Blueprint

from datasync_flask.accounts.rights import fragment
from datasync_flask.connections import loader, polls
from datasync_flask.connections.kinds import kind_of
from datasync_flask.polling import polled

bp = Blueprint("status", __name__)


@bp.get("/connections/<public_id:connection_id>/status")
@fragment
@polled(polls.version)
def show(connection_id: str) -> str:
    """The status fragment."""
    connection = loader.get_connection(connection_id)
    return kind_of(connection).status_fragment(connection)
