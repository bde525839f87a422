"""Hand-off links: editors create and revoke them, and whoever has one can open it."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask.accounts import guessing
from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import needs_role, public
from datasync_flask.addresses import public_link
from datasync_flask.connections import loader
from datasync_flask.connections.forms import form_page
from datasync_flask.connections.models import State
from datasync_flask.queue import queue
from datasync_flask.salesforce import scopes
from datasync_flask.salesforce_connections import certificates, hand_off
from datasync_flask.salesforce_connections.forms import HandOffForm
from datasync_flask.salesforce_connections.models import SalesforceConnection
from datasync_flask.salesforce_connections.status import setup_origin

bp = Blueprint("hand_off", __name__)


@bp.route("/connections/<public_id:connection_id>/hand-off", methods=["GET", "POST"])
@needs_role(Role.EDITOR)
def manage(connection_id: str) -> ResponseReturnValue:
    """The links of a connection; POST creates one."""
    connection = loader.get_connection(connection_id, SalesforceConnection)
    link = ""
    if request.method == "POST":
        token = hand_off.make(connection, by=current_user)
        link = public_link("hand_off.opened", token=token)
    return render_template(
        "connections/hand_off.html", connection=connection, links=hand_off.open_links(connection), link=link
    )


@bp.post("/connections/<public_id:connection_id>/hand-off/<public_id:link_id>/withdraw")
@needs_role(Role.EDITOR)
def withdraw(connection_id: str, link_id: str) -> ResponseReturnValue:
    """Revoke a link."""
    hand_off.withdraw(loader.get_connection(connection_id, SalesforceConnection), link_id)
    flash(gettext("Link revoked"))
    return redirect(url_for("hand_off.manage", connection_id=connection_id), 303)


@bp.route("/hand-off/<token>", methods=["GET", "POST"])
@public
def opened(token: str) -> ResponseReturnValue:
    """The guide, the values to copy, and the two fields to fill in."""
    link = hand_off.link_of(token[:100])
    if link is None:
        guessing.count_wrong("links")
        return render_template("accounts/link_over.html"), 404
    connection = link.connection
    form = HandOffForm(connection)
    if form.validate_on_submit():
        secret = form.client_secret.data if connection.needs_secret else ""
        saved = hand_off.take_in(link, form.client_id.data or "", secret or "")
        if saved.state == State.WAITING:
            queue().wake(saved.id)
        return redirect(url_for("hand_off.opened", token=token), 303)
    settings = current_app.config["SETTINGS"]
    return form_page(
        "connections/handed_off.html",
        form,
        token=token,
        link=link,
        # The guide is the same as in the form; it shows only what the app in Salesforce needs.
        connection=connection,
        callback_url=settings.callback_url,
        levels=[scopes.BY_KEY[connection.permission_level]],
        setup_origin=setup_origin(connection),
        certificate_url=url_for("hand_off.certificate", token=token),
        shown_for=connection.auth_method,
    )


@bp.get("/hand-off/<token>/certificate")
@public
def certificate(token: str) -> ResponseReturnValue:
    """The certificate to upload to the app, for the guide on the page that a link opens."""
    if hand_off.link_of(token[:100]) is None:
        guessing.count_wrong("links")
        return render_template("accounts/link_over.html"), 404
    return certificates.file_of_newest()
