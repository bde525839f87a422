"""The poll: it only reads. It neither writes, nor sets a cookie, nor prolongs a session."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template
from flask_login import current_user

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import fragment
from datasync_flask.accounts.whose_request import read_along, reads_along
from datasync_flask.connections import listing, loader, polls
from datasync_flask.connections.kinds import kind_of

bp = Blueprint("status", __name__)


@bp.get("/connections/<public_id:connection_id>/status")
@fragment
@reads_along(loader.POLLED)
def show(connection_id: str) -> Response:
    """The status fragment, or 304 before anything is rendered when nothing changed."""
    values = read_along()
    if values is not None and polls.is_unchanged(tag := polls.version_tag(*values)):
        return polls.tagged(Response(status=304), tag)
    connection = loader.readable(connection_id)
    page = kind_of(connection).status_fragment(connection)
    return polls.tagged(make_response(page), polls.connection_tag(connection))


@bp.get("/connections/glance")
@fragment
def glance() -> Response:
    """What needs attention and what is waiting, as it stands on top of the Connections page."""
    found = listing.at_a_glance()
    tag = polls.glance_tag(found)
    if polls.is_unchanged(tag):
        return polls.tagged(Response(status=304), tag)
    page = render_template("connections/_glance.html", glance=found, can_edit=current_user.has_role(Role.EDITOR))
    return polls.tagged(make_response(page), tag)
