"""Home and its fragment."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from datasync_flask.accounts.rights import fragment
from datasync_flask.home.overview import overview

bp = Blueprint("home", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """What needs attention, how fresh the data is, what waits."""
    return render_template("home/index.html", overview=overview())


@bp.get("/home/overview")
@fragment
def refresh() -> ResponseReturnValue:
    """The changing part of Home, for its poll."""
    return render_template("home/_overview.html", overview=overview())
