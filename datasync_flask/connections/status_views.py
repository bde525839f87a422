"""The poll: it only reads. It neither writes, nor sets a cookie, nor prolongs a session."""

from __future__ import annotations

from flask import Blueprint, Response, abort, make_response, render_template, request
from sqlalchemy import select

from datasync_flask.connections import loader, status
from datasync_flask.connections.models import SalesforceConnection
from datasync_flask.extensions import db
from datasync_flask.security.access import fragment

bp = Blueprint("status", __name__)


@bp.get("/connections/<public_id:connection_id>/status")
@fragment
def show(connection_id: str) -> Response:
    """The status fragment, or 304 before anything is rendered when nothing changed."""
    row = db.session.execute(
        select(SalesforceConnection.row_version, SalesforceConnection.callback_url).where(
            SalesforceConnection.id == connection_id
        )
    ).one_or_none()
    if row is None:
        abort(404)
    tag = status.status_tag(*row)
    if tag in {request.headers.get("HX-PTag"), *request.if_none_match.as_set()}:
        response = Response(status=304)
    else:
        connection = loader.readable(connection_id)
        response = make_response(render_template("connections/_status.html", **status.context(connection)))
        tag = status.tag(connection)
    response.headers["HX-PTag"] = tag
    response.set_etag(tag)
    return response
