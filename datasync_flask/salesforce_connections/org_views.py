"""Decisions about a connection's org and settings: use the other org, keep the old one, go back."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import needs_role
from datasync_flask.connections import loader
from datasync_flask.extensions import db
from datasync_flask.queue import queue
from datasync_flask.salesforce_connections import orgs
from datasync_flask.salesforce_connections.lifecycle import TransitionRefused
from datasync_flask.salesforce_connections.models import SalesforceConnection

bp = Blueprint("connection_orgs", __name__)


@bp.post("/connections/<public_id:connection_id>/org")
@needs_role(Role.EDITOR)
def choose(connection_id: str) -> ResponseReturnValue:
    """Use the other org that was found, or keep the old one."""
    connection = loader.get_connection(connection_id, SalesforceConnection)
    number, choice = request.form.get("trial", ""), request.form.get("choice", "")
    try:
        if choice == "use":
            orgs.use_other(connection, number, by=current_user.id)
            flash(gettext("The connection belongs to the other org now. Extractions that were filled from the org from "
                          "before wait for your choice on their pages."))  # fmt: skip
        elif choice == "keep":
            orgs.keep_org(connection, number, by=current_user.id)
            flash(gettext("Nothing changed. Salesforce is being told to revoke the access to the other org."))
    except (orgs.QuestionOver, TransitionRefused):
        db.session.rollback()
        flash(gettext("This question was answered meanwhile. Below is how the connection stands now."))
    queue().revoke_soon()
    queue().wake(connection_id)
    return redirect(url_for("connections.show", connection_id=connection_id), 303)


@bp.post("/connections/<public_id:connection_id>/go-back")
@needs_role(Role.EDITOR)
def go_back(connection_id: str) -> ResponseReturnValue:
    """Replace unproven settings with those that the connection works with."""
    if orgs.go_back(loader.get_connection(connection_id, SalesforceConnection), by=current_user.id):
        queue().revoke_soon()
        queue().wake(connection_id)
        flash(gettext("The settings from before are back, the Client Secret included."))
    return redirect(url_for("connections.show", connection_id=connection_id), 303)
