"""The form of a Salesforce connection, and the way from it to Salesforce."""

from __future__ import annotations

from typing import Any

from flask import current_app, flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask.connections import labels
from datasync_flask.connections.descriptions import DescriptionTaken
from datasync_flask.connections.forms import form_page
from datasync_flask.connections.models import State
from datasync_flask.connections.views import leave_for
from datasync_flask.extensions import db
from datasync_flask.queue import queue
from datasync_flask.salesforce import scopes
from datasync_flask.salesforce_connections import authorization, service
from datasync_flask.salesforce_connections.browser_cookie import mark_of_browser
from datasync_flask.salesforce_connections.forms import SalesforceForm
from datasync_flask.salesforce_connections.models import SalesforceConnection
from datasync_flask.salesforce_connections.settings import saved_now
from datasync_flask.salesforce_connections.status import setup_origin
from datasync_flask.security.crypto import SecretUnreadable


def save(connection: SalesforceConnection | None, *, then_authenticate: bool) -> ResponseReturnValue:
    """The form, or what was posted is saved and followed up."""
    form = SalesforceForm(connection)
    if form.is_submitted() and form.validate():
        if connection is not None and form.was_overtaken(connection.updated_at):
            form.form_errors = [
                gettext(
                    "Somebody changed this connection since you opened this page. Below is what you typed; what is "
                    "saved now is shown beside it. Press the button again to replace it."
                )
            ]
            return _form_page(form, connection, saved_now=saved_now(connection))
        try:
            saved = service.save(connection, form.settings(), by=current_user.id)
        except DescriptionTaken as refusal:
            form.refuse(refusal)
        else:
            return _after_save(saved, form, then_authenticate=then_authenticate)
    return _form_page(form, connection)


def _after_save(
    connection: SalesforceConnection, form: SalesforceForm, *, then_authenticate: bool
) -> ResponseReturnValue:
    if form.login_note:
        flash(form.login_note)
    if then_authenticate:
        return authenticate(connection)
    if connection.state == State.WAITING:
        queue().wake(connection.id)
    else:
        flash(gettext("Saved."))
    return to_page(connection)


def authenticate(connection: SalesforceConnection) -> ResponseReturnValue:
    """Send the person to Salesforce, or restart propagation when Salesforce can't take them yet."""
    if not connection.is_complete:
        return _incomplete(connection)
    if connection.state == State.WAITING:
        queue().wake(connection.id)
        return to_page(connection)
    if service.has_to_watch_first(connection):
        service.watch_again(connection, by=current_user.id)
        queue().wake(connection.id)
        return to_page(connection)
    try:
        response: Any = authorization.begin(connection, current_user, mark_of_browser())
    except SecretUnreadable:
        db.session.rollback()
        form = SalesforceForm(connection, formdata=None)
        form.client_secret.errors = [gettext("The stored secret can't be read with the present key. Enter it again.")]
        return _form_page(form, connection)
    db.session.commit()
    queue().wake(connection.id, connection.due_at)
    return leave_for(response.location)


def _incomplete(connection: SalesforceConnection) -> ResponseReturnValue:
    form = SalesforceForm(connection, formdata=None)
    if not connection.client_id:
        form.client_id.errors = [
            gettext("Enter the Client ID: it is needed to authenticate. Everything else is saved.")
        ]
    if connection.signs and not connection.username:
        form.username.errors = [gettext("Enter the Username: it is needed to authenticate. Everything else is saved.")]
    if connection.needs_secret and not connection.client_secret_sealed:
        form.client_secret.errors = [
            gettext("Enter the Client Secret: it is needed to authenticate. Everything else is saved.")
        ]
    return _form_page(form, connection)


def to_page(connection: SalesforceConnection) -> ResponseReturnValue:
    """Send the browser to a connection's page."""
    return leave_for(url_for("connections.show", connection_id=connection.id))


def _form_page(
    form: SalesforceForm, connection: SalesforceConnection | None, saved_now: Any = None
) -> ResponseReturnValue:
    settings = current_app.config["SETTINGS"]
    form.keep_secret()
    return form_page(
        "connections/salesforce_form.html",
        form,
        connection=connection,
        saved_now=saved_now,
        callback_url=settings.callback_url,
        callback_needs_https=settings.callback_needs_https,
        levels=scopes.PERMISSION_LEVELS,
        setup_origin=setup_origin(connection),
        certificate_url=url_for("salesforce.certificate"),
        shown_for="",
        label_names=labels.all_names(),
    )
