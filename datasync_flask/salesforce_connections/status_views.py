"""The poll: it only reads. It neither writes, nor sets a cookie, nor prolongs a session."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template
from flask_login import current_user

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import fragment
from datasync_flask.accounts.whose_request import read_along, reads_along
from datasync_flask.connections import listing, loader
from datasync_flask.destinations import pages
from datasync_flask.salesforce_connections import status

bp = Blueprint("status", __name__)


@bp.get("/connections/<public_id:connection_id>/status")
@fragment
@reads_along(loader.POLLED)
def show(connection_id: str) -> Response:
    """The status fragment, or 304 before anything is rendered when nothing changed."""
    values = read_along()
    if values is None:
        return make_response(pages.status(loader.readable_of_any_kind(connection_id)))
    tag = status.status_tag(*values)
    if status.is_unchanged(tag):
        return status.tagged(Response(status=304), tag)
    connection = loader.readable(connection_id)
    page = render_template("connections/_status.html", **status.context(connection))
    return status.tagged(make_response(page), status.tag(connection))


@bp.get("/connections/glance")
@fragment
def glance() -> Response:
    """What needs attention and what is waiting, as it stands on top of the Connections page."""
    found = listing.at_a_glance()
    tag = status.glance_tag(found)
    if status.is_unchanged(tag):
        return status.tagged(Response(status=304), tag)
    page = render_template("connections/_glance.html", glance=found, can_edit=current_user.has_role(Role.EDITOR))
    return status.tagged(make_response(page), tag)
