"""The address of a new destination's form; everything else of a destination is at its connection's addresses."""

from __future__ import annotations

from flask import Blueprint, abort
from flask.typing import ResponseReturnValue

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import needs_role
from datasync_flask.destinations import pages
from datasync_flask.destinations.registry import DESTINATIONS

bp = Blueprint("destinations", __name__)


@bp.route("/connections/new/<kind>", methods=["GET", "POST"])
@needs_role(Role.EDITOR)
def new(kind: str) -> ResponseReturnValue:
    """The form of a new destination."""
    if kind not in DESTINATIONS:
        abort(404)
    return pages.new(kind)
