"""The one Callback URL, to which Salesforce sends people back."""

from __future__ import annotations

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from werkzeug.utils import redirect

from datasync_flask.accounts.models import Role
from datasync_flask.problems.registry import trouble
from datasync_flask.problems.trouble import During
from datasync_flask.queue import queue
from datasync_flask.salesforce.errors import tidy
from datasync_flask.salesforce.oauth_refusals import as_said
from datasync_flask.salesforce_connections import authorization, store
from datasync_flask.salesforce_connections.browser_cookie import known_mark

bp = Blueprint("callback", __name__)

_MAX_PARAMETER = 4000


@bp.get("/oauth/salesforce/callback")
def receive() -> ResponseReturnValue:
    """Process the code or the error, and redirect at once, so that the code doesn't stay in the address bar."""
    state, code, error, description = (
        request.args.get(name, "")[:_MAX_PARAMETER] for name in ("state", "code", "error", "error_description")
    )
    if not current_user.has_role(Role.EDITOR):
        text = gettext("Your account may only read here. Somebody who may edit connections has to authenticate.")
        return _refusal_page(text, authorization.connection_of(state), as_said((error, description))), 403
    try:
        connection_id = authorization.receive(state, code, error, description, current_user, known_mark())
    except authorization.CallbackRefused as refusal:
        return _refusal_page(str(refusal), refusal.connection_id, as_said((error, description))), 400
    queue().wake(connection_id)
    return redirect(url_for("connections.show", connection_id=connection_id), 303)


def _refusal_page(text: str, connection_id: str, said: str) -> str:
    """The page that says why an answer isn't taken, what Salesforce `said` in it, and where its connection stands."""
    connection = store.load(connection_id) if connection_id else None
    problem = connection.current_problem if connection is not None else None
    return render_template(
        "connections/callback_refused.html",
        text=text,
        said=tidy(said),
        trouble=trouble(problem, During.CONNECTION) if problem else None,
        connection=connection,
        is_gone=bool(connection_id) and connection is None,
    )
