"""The one Callback URL: what Salesforce sends people back to."""

from __future__ import annotations

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.utils import redirect

from datasync_flask.accounts.models import Role
from datasync_flask.connections import authorize
from datasync_flask.security.access import needs_role
from datasync_flask.worker import queue

bp = Blueprint("callback", __name__)

_MAX_PARAMETER = 4000


@bp.get("/oauth/salesforce/callback")
@needs_role(Role.EDITOR)
def receive() -> ResponseReturnValue:
    """Take in the code or the refusal and leave at once, so that the code doesn't stay in the address bar."""
    state, code, error, description = (
        request.args.get(name, "")[:_MAX_PARAMETER] for name in ("state", "code", "error", "error_description")
    )
    try:
        connection_id = authorize.receive(state, code, error, description, current_user)
    except authorize.CallbackRefused as refusal:
        return render_template("connections/callback_refused.html", refusal=refusal), 400
    queue().wake(connection_id)
    return redirect(url_for("connections.show", connection_id=connection_id), 303)
