"""The poll: it only reads. It neither writes, nor sets a cookie, nor prolongs a session."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template

from datasync_flask.connections import loader, status
from datasync_flask.security.access import fragment

bp = Blueprint("status", __name__)


@bp.get("/connections/<public_id:connection_id>/status")
@fragment
def show(connection_id: str) -> Response:
    """The status fragment, or 304 before anything is rendered when nothing changed."""
    tag = status.status_tag(*loader.poll_values(connection_id))
    if status.is_unchanged(tag):
        return status.tagged(Response(status=304), tag)
    connection = loader.readable(connection_id)
    page = render_template("connections/_status.html", **status.context(connection))
    return status.tagged(make_response(page), status.tag(connection))
