"""The poll: it only reads. It neither writes, nor sets a cookie, nor prolongs a session."""

from __future__ import annotations

from flask import Blueprint, render_template

from datasync_flask.accounts.rights import fragment
from datasync_flask.connections import listing, loader
from datasync_flask.destinations import pages
from datasync_flask.polling import polled
from datasync_flask.salesforce_connections import status

bp = Blueprint("status", __name__)


@bp.get("/connections/<public_id:connection_id>/status")
@fragment
@polled(status.version)
def show(connection_id: str) -> str:
    """The status fragment."""
    connection = loader.get_connection(connection_id)
    if pages.is_destination(connection):
        return pages.status(connection)
    return render_template(
        "connections/_status.html", **status.context(loader.get_salesforce_connection(connection_id))
    )


@bp.get("/connections/glance")
@fragment
@polled(status.glance_version)
def glance() -> str:
    """What needs attention and what is waiting, as it stands on top of the Connections page."""
    return render_template("connections/_glance.html", glance=listing.at_a_glance())
