"""Actions that only Salesforce connections have: authenticate, keep waiting, disconnect."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import needs_role
from datasync_flask.connections import loader
from datasync_flask.queue import queue
from datasync_flask.salesforce_connections import certificates, kind, service
from datasync_flask.salesforce_connections.models import SalesforceConnection

bp = Blueprint("salesforce", __name__)


@bp.get("/connections/certificate")
def certificate() -> ResponseReturnValue:
    """The certificate that new connections sign with, for upload to the app in Salesforce."""
    return certificates.file_of_newest()


@bp.post("/connections/<public_id:connection_id>/authenticate")
@needs_role(Role.EDITOR)
def authenticate(connection_id: str) -> ResponseReturnValue:
    """Save what was posted, then go to Salesforce, or to the connection while it waits."""
    connection = loader.get_connection(connection_id, SalesforceConnection)
    # The button on the connection's page sends no fields; a missing field keeps its value.
    if request.form.keys() - {"csrf_token"}:
        return kind.save_form(connection, then_authenticate=True)
    return kind.authenticate(connection)


@bp.post("/connections/<public_id:connection_id>/watch")
@needs_role(Role.EDITOR)
def restart_propagation(connection_id: str) -> ResponseReturnValue:
    """Keep waiting for Salesforce."""
    connection = loader.get_connection(connection_id, SalesforceConnection)
    if not connection.is_complete:
        return redirect(url_for("connections.edit", connection_id=connection_id), 303)
    service.restart_propagation(connection, by=current_user.id)
    queue().wake(connection_id)
    return kind.to_page(connection)


@bp.post("/connections/<public_id:connection_id>/disconnect")
@needs_role(Role.EDITOR)
def disconnect(connection_id: str) -> ResponseReturnValue:
    """Erase the tokens here and revoke them at Salesforce; settings stay."""
    connection = loader.get_connection(connection_id, SalesforceConnection)
    if service.disconnect(connection, by=current_user.id):
        queue().revoke_soon()
        flash(gettext("Disconnected. The tokens are erased here, and Salesforce is being told to revoke them."))
    else:
        flash(gettext("Disconnected. There were no tokens to erase."))
    return kind.to_page(connection)
