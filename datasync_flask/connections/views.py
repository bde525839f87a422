"""The pages of connections: list, pick a kind, form and guide, one connection, and what can be done with it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import needs_role, wants_fragment
from datasync_flask.connections import labels, listing, loader
from datasync_flask.connections.kinds import KINDS
from datasync_flask.connections.list_filters import filters
from datasync_flask.connections.models import Connection, SalesforceConnection, State
from datasync_flask.destinations import pages
from datasync_flask.extensions import db
from datasync_flask.extractions.loader import depending_on
from datasync_flask.extractions.service import copy_along
from datasync_flask.extractions.setup import drafts
from datasync_flask.languages import translated
from datasync_flask.salesforce import scopes
from datasync_flask.salesforce_connections import authorization, certificates, service, status
from datasync_flask.salesforce_connections.browser_cookie import mark_of_browser
from datasync_flask.salesforce_connections.forms import AUTH_METHODS, TRACKING_TYPES, DeleteForm, SalesforceForm
from datasync_flask.salesforce_connections.status import setup_origin
from datasync_flask.security.crypto import SecretUnreadable
from datasync_flask.worker import queue

bp = Blueprint("connections", __name__)


@bp.get("/connections")
def index() -> ResponseReturnValue:
    """The Connections page."""
    query = listing.ListQuery.from_address(request.args)
    return render_template(
        "connections/index.html",
        page=listing.page_of_connections(query),
        query=query,
        kinds=KINDS,
        filters=filters(query, labels.all_names()),
        glance=listing.at_a_glance(),
        tracking_types=TRACKING_TYPES,
        can_edit=_can_edit(),
    )


@bp.get("/connections/new")
@needs_role(Role.EDITOR)
def new() -> ResponseReturnValue:
    """Pick the kind of system to connect."""
    return render_template("connections/new.html", kinds=KINDS)


@bp.route("/connections/new/salesforce", methods=["GET", "POST"])
@needs_role(Role.EDITOR)
def new_salesforce() -> ResponseReturnValue:
    """Form and guide for a new Salesforce connection."""
    form = SalesforceForm()
    if form.validate_on_submit():
        try:
            connection = service.save(None, form.settings(), by=current_user.id)
        except service.DescriptionTaken:
            form.validate()
        else:
            return _after_save(connection, form, authenticate=request.form.get("then") == "authenticate")
    form.keep_secret()
    return _form_page(form, None)


@bp.get("/connections/<public_id:connection_id>")
def show(connection_id: str) -> ResponseReturnValue:
    """One connection."""
    of_any_kind = loader.readable_of_any_kind(connection_id)
    if pages.is_destination(of_any_kind):
        return pages.show(of_any_kind)
    connection = loader.readable(connection_id)
    return render_template(
        "connections/show.html",
        history=loader.history(connection),
        saved_by=loader.saved_by(connection),
        level=scopes.BY_KEY[connection.permission_level],
        tracking_types=TRACKING_TYPES,
        auth_methods=AUTH_METHODS,
        extractions=depending_on(connection.id),
        drafts=drafts.of_source(connection.id),
        certificate=certificates.facts_of(connection),
        **status.context(connection),
    )


@bp.get("/connections/certificate")
def certificate() -> ResponseReturnValue:
    """The certificate that new connections sign with, for the app in Salesforce to hold."""
    return certificate_file()


@bp.route("/connections/<public_id:connection_id>/edit", methods=["GET", "POST"])
@needs_role(Role.EDITOR)
def edit(connection_id: str) -> ResponseReturnValue:
    """Form and guide for a connection that exists."""
    of_any_kind = loader.editable_of_any_kind(connection_id)
    if pages.is_destination(of_any_kind):
        return pages.edit(of_any_kind)
    connection = loader.editable(connection_id)
    form = SalesforceForm(connection)
    if form.is_submitted():
        return _save_existing(connection, form, authenticate=False)
    return _form_page(form, connection)


@bp.post("/connections/<public_id:connection_id>/authenticate")
@needs_role(Role.EDITOR)
def authenticate(connection_id: str) -> ResponseReturnValue:
    """Save what was posted, then go to Salesforce, or to the connection while it waits."""
    connection = loader.editable(connection_id)
    # The button on the connection's page sends no fields; what a form leaves out stays as it is.
    if request.form.keys() - {"csrf_token"}:
        return _save_existing(connection, SalesforceForm(connection), authenticate=True)
    return _authenticate(connection)


@bp.post("/connections/<public_id:connection_id>/watch")
@needs_role(Role.EDITOR)
def watch_again(connection_id: str) -> ResponseReturnValue:
    """Go on waiting for Salesforce."""
    connection = loader.editable(connection_id)
    if not connection.is_complete:
        return redirect(url_for("connections.edit", connection_id=connection_id), 303)
    service.watch_again(connection, by=current_user.id)
    queue().wake(connection_id)
    return _to(connection)


@bp.post("/connections/<public_id:connection_id>/check")
@needs_role(Role.EDITOR)
def check(connection_id: str) -> ResponseReturnValue:
    """Have the worker test the connection with real API calls; a destination is tested at once."""
    of_any_kind = loader.editable_of_any_kind(connection_id)
    if pages.is_destination(of_any_kind):
        return pages.check(of_any_kind)
    connection = loader.editable(connection_id)
    service.order_check(connection, by=current_user.id)
    queue().wake(connection_id)
    flash(gettext("Asked Salesforce. The result appears here in a few seconds."))
    return _to(connection)


@bp.post("/connections/<public_id:connection_id>/disconnect")
@needs_role(Role.EDITOR)
def disconnect(connection_id: str) -> ResponseReturnValue:
    """Erase the tokens here and revoke them at Salesforce; settings stay."""
    connection = loader.editable(connection_id)
    if service.disconnect(connection, by=current_user.id):
        queue().revoke_soon()
        flash(gettext("Disconnected. The tokens are erased here, and Salesforce is being told to revoke them."))
    else:
        flash(gettext("Disconnected. There were no tokens to erase."))
    return _to(connection)


@bp.get("/connections/<public_id:connection_id>/delete")
@needs_role(Role.EDITOR)
def confirm_delete(connection_id: str) -> ResponseReturnValue:
    """Ask before deleting."""
    return _delete_page(loader.editable_of_any_kind(connection_id))


@bp.post("/connections/<public_id:connection_id>/delete")
@needs_role(Role.EDITOR)
def delete(connection_id: str) -> ResponseReturnValue:
    """Delete the connection and revoke its tokens at Salesforce."""
    of_any_kind = loader.editable_of_any_kind(connection_id)
    form = DeleteForm(of_any_kind)
    # The page always sends the field; a script that knows the id sends none, and needs no protection from a slip.
    if (form.description.raw_data or form.asks_password) and not form.validate():
        return _delete_page(of_any_kind, form), 422
    if pages.is_destination(of_any_kind):
        return pages.delete(of_any_kind)
    connection = loader.editable(connection_id)
    description, had_tokens = connection.description, connection.grant is not None
    service.delete(connection, by=current_user.id)
    if had_tokens:
        queue().revoke_soon()
        flash(
            gettext(
                "Deleted %(description)s. Its tokens are erased here, and Salesforce is being told to revoke them.",
                description=description,
            )
        )
    else:
        flash(gettext("Deleted %(description)s.", description=description))
    return redirect(url_for("connections.index"), 303)


@bp.post("/connections/<public_id:connection_id>/duplicate")
@needs_role(Role.EDITOR)
def duplicate(connection_id: str) -> ResponseReturnValue:
    """Copy the settings, never the secret or tokens, and open the copy's form."""
    of_any_kind = loader.editable_of_any_kind(connection_id)
    if pages.is_destination(of_any_kind):
        return pages.duplicate(of_any_kind)
    copy = service.duplicate(loader.editable(connection_id), by=current_user.id)
    copied = copy_along(connection_id, copy.id, by=current_user.id) if "with_extractions" in request.form else 0
    flash(gettext("Copied the settings. The Client Secret is never copied: enter it again."))
    if copied:
        flash(gettext("Its extractions are copied too, with datasets of their own and without a schedule."))
    return redirect(url_for("connections.edit", connection_id=copy.id), 303)


@bp.post("/connections/continue-automatically")
def continue_automatically() -> ResponseReturnValue:
    """Remember whether this person wants to be taken to Salesforce when it is ready."""
    current_user.user.continue_automatically = "continue_automatically" in request.form
    db.session.commit()
    if wants_fragment():
        return "", 204
    return redirect(url_for("connections.index"), 303)


def certificate_file() -> Response:
    """Return the newest certificate as a file to be uploaded in Salesforce; the first is made now."""
    pem = certificates.usable().pem
    db.session.commit()
    headers = {"Content-Disposition": 'attachment; filename="datasync.crt"'}
    return Response(pem, mimetype="application/x-pem-file", headers=headers)


def _delete_page(connection: Connection, form: DeleteForm | None = None) -> str:
    return render_template(
        "connections/delete.html",
        connection=connection,
        form=form or DeleteForm(connection),
        is_destination=pages.is_destination(connection),
        extractions=depending_on(connection.id),
    )


def _can_edit() -> bool:
    return bool(current_user.has_role(Role.EDITOR))


def _to(connection: SalesforceConnection) -> ResponseReturnValue:
    return leave_for(url_for("connections.show", connection_id=connection.id))


def leave_for(url: str) -> ResponseReturnValue:
    """Send the browser to `url`: by redirect, or by htmx, whose way CSP form-action doesn't stop at a company's own
    sign-in page that Salesforce may redirect to.
    """
    if wants_fragment():
        return "", 204, {"HX-Redirect": url}
    return redirect(url, 303)


def _save_existing(
    connection: SalesforceConnection, form: SalesforceForm, *, authenticate: bool
) -> ResponseReturnValue:
    is_valid = form.validate()
    if is_valid and form.was_overtaken(connection.updated_at):
        form.form_errors = [
            gettext(
                "Somebody changed this connection since you opened this page. Below is what you typed; what is saved "
                "now is shown beside it. Press the button again to replace it."
            )
        ]
        form.keep_secret()
        return _form_page(form, connection, saved_now=_saved_now(connection))
    if is_valid:
        try:
            connection = service.save(connection, form.settings(), by=current_user.id)
        except service.DescriptionTaken:
            connection = loader.editable(connection.id)
            form.validate()
        else:
            return _after_save(connection, form, authenticate=authenticate)
    form.keep_secret()
    return _form_page(form, connection)


def _saved_now(connection: SalesforceConnection) -> dict[str, str]:
    signer = {gettext("Username"): connection.username or gettext("missing")} if connection.signs else {}
    return {
        gettext("Description"): connection.description,
        gettext("Login host"): connection.login_origin,
        gettext("Client ID"): connection.client_id or gettext("missing"),
        **signer,
        gettext("Permission level"): translated(scopes.BY_KEY[connection.permission_level].title),
        gettext("Tracking type"): str(TRACKING_TYPES[connection.tracking_type][0]),
        gettext("Labels"): labels.joined(connection.labels),
    }


def _after_save(connection: SalesforceConnection, form: SalesforceForm, *, authenticate: bool) -> ResponseReturnValue:
    if form.login_note:
        flash(form.login_note)
    if authenticate:
        return _authenticate(connection)
    if connection.state == State.WAITING:
        queue().wake(connection.id)
    else:
        flash(gettext("Saved."))
    return _to(connection)


def _authenticate(connection: SalesforceConnection) -> ResponseReturnValue:
    """Send the person to Salesforce, or begin to watch when Salesforce can't take them yet."""
    if not connection.is_complete:
        form = SalesforceForm(connection, formdata=None)
        form.edited.data = connection.updated_at.isoformat()
        if not connection.client_id:
            form.client_id.errors = [
                gettext("Enter the Client ID: it is needed to authenticate. Everything else is saved.")
            ]
        if connection.signs and not connection.username:
            form.username.errors = [
                gettext("Enter the Username: it is needed to authenticate. Everything else is saved.")
            ]
        if connection.needs_secret and not connection.client_secret_sealed:
            form.client_secret.errors = [
                gettext("Enter the Client Secret: it is needed to authenticate. Everything else is saved.")
            ]
        return _form_page(form, connection)
    if connection.state == State.WAITING:
        queue().wake(connection.id)
        return _to(connection)
    if service.has_to_watch_first(connection):
        service.watch_again(connection, by=current_user.id)
        queue().wake(connection.id)
        return _to(connection)
    try:
        response: Any = authorization.begin(connection, current_user, mark_of_browser())
    except SecretUnreadable:
        db.session.rollback()
        form = SalesforceForm(connection, formdata=None)
        form.edited.data = connection.updated_at.isoformat()
        form.client_secret.errors = [gettext("The stored secret can't be read with the present key. Enter it again.")]
        return _form_page(form, connection)
    db.session.commit()
    queue().wake(connection.id, connection.due_at)
    return leave_for(response.location)


def _form_page(
    form: SalesforceForm, connection: SalesforceConnection | None, *, saved_now: dict[str, str] | None = None
) -> ResponseReturnValue:
    settings = current_app.config["SETTINGS"]
    faults = form.errors or form.form_errors or any(field.errors for field in form)
    page = render_template(
        "connections/salesforce_form.html",
        form=form,
        connection=connection,
        saved_now=saved_now,
        callback_url=settings.callback_url,
        callback_needs_https=settings.callback_needs_https,
        levels=scopes.PERMISSION_LEVELS,
        auth_methods=AUTH_METHODS,
        setup_origin=setup_origin(connection),
        certificate_url=url_for("connections.certificate"),
        shown_for="",
        label_names=labels.all_names(),
    )
    if not faults:
        return page
    headers = {"HX-Retarget": "#main", "HX-Reselect": "#main", "HX-Reswap": "outerHTML"} if wants_fragment() else {}
    return page, 422, headers
