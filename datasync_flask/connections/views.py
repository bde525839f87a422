"""The pages of all connections: the list, choosing a kind, and actions, which each kind implements."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import needs_role
from datasync_flask.addresses import wants_fragment
from datasync_flask.connections import labels, listing, loader
from datasync_flask.connections.forms import DeleteForm
from datasync_flask.connections.kinds import KINDS, copied_with_dependants, dependants_of, kind_of
from datasync_flask.connections.list_filters import filters
from datasync_flask.connections.models import Connection
from datasync_flask.extensions import db

bp = Blueprint("connections", __name__)


@bp.get("/connections")
def index() -> ResponseReturnValue:
    """The Connections page."""
    query = listing.ListQuery.from_address(request.args)
    page = listing.page_of_connections(query)
    return render_template(
        "connections/index.html",
        page=page,
        query=query,
        tabs=page.tabs(query, lambda **values: url_for("connections.index", **values)),
        filters=filters(query, labels.all_names()),
    )


@bp.get("/connections/new")
@needs_role(Role.EDITOR)
def new() -> ResponseReturnValue:
    """Choose the kind of system to connect."""
    return render_template("connections/new.html", kinds=KINDS)


@bp.route("/connections/new/<kind>", methods=["GET", "POST"])
@needs_role(Role.EDITOR)
def new_of_kind(kind: str) -> ResponseReturnValue:
    """The form of a new connection of a kind."""
    if kind not in KINDS:
        abort(404)
    return KINDS[kind].new()


@bp.get("/connections/<public_id:connection_id>")
def show(connection_id: str) -> ResponseReturnValue:
    """One connection."""
    connection = loader.get_connection(connection_id)
    return kind_of(connection).show(connection)


@bp.route("/connections/<public_id:connection_id>/edit", methods=["GET", "POST"])
@needs_role(Role.EDITOR)
def edit(connection_id: str) -> ResponseReturnValue:
    """The form of an existing connection."""
    connection = loader.get_connection(connection_id)
    return kind_of(connection).edit(connection)


@bp.post("/connections/<public_id:connection_id>/check")
@needs_role(Role.EDITOR)
def check(connection_id: str) -> ResponseReturnValue:
    """Test a connection, or have it tested."""
    connection = loader.get_connection(connection_id)
    if message := kind_of(connection).check(connection, by=current_user.id):
        flash(message)
    return leave_for(url_for("connections.show", connection_id=connection_id))


@bp.get("/connections/<public_id:connection_id>/delete")
@needs_role(Role.EDITOR)
def confirm_delete(connection_id: str) -> ResponseReturnValue:
    """Ask before deleting."""
    connection = loader.get_connection(connection_id)
    return _delete_page(connection, DeleteForm(connection))


@bp.post("/connections/<public_id:connection_id>/delete")
@needs_role(Role.EDITOR)
def delete(connection_id: str) -> ResponseReturnValue:
    """Delete a connection and what depends on it."""
    connection = loader.get_connection(connection_id)
    form = DeleteForm(connection)
    # The page always sends the field; a script that knows the id sends none, and needs no protection from a slip.
    if (form.description.raw_data or form.asks_password) and not form.validate():
        return _delete_page(connection, form), 422
    flash(kind_of(connection).delete(connection, by=current_user.id))
    return redirect(url_for("connections.index"), 303)


def _delete_page(connection: Connection, form: DeleteForm) -> str:
    return render_template(
        "connections/delete.html",
        connection=connection,
        form=form,
        kind=kind_of(connection),
        extractions=dependants_of(connection),
    )


@bp.post("/connections/<public_id:connection_id>/duplicate")
@needs_role(Role.EDITOR)
def duplicate(connection_id: str) -> ResponseReturnValue:
    """Copy the settings, never a secret or tokens, and open the copy's form."""
    connection = loader.get_connection(connection_id)
    copy = kind_of(connection).duplicate(connection, by=current_user.id)
    flash(kind_of(copy).copied_text)
    if "with_extractions" in request.form:
        answers = copied_with_dependants.send(connection_id, copy=copy, by=current_user.id)
        if any(number for _, number in answers):
            flash(
                gettext(
                    "Its extractions are copied too, each with its own schema, prefix or folder and without a schedule."
                )
            )
    return redirect(url_for("connections.edit", connection_id=copy.id), 303)


@bp.post("/connections/continue-automatically")
def continue_automatically() -> ResponseReturnValue:
    """Remember whether this person wants to open Salesforce automatically when it is ready."""
    current_user.user.continue_automatically = "continue_automatically" in request.form
    db.session.commit()
    if wants_fragment():
        return "", 204
    return redirect(url_for("connections.index"), 303)


def leave_for(url: str) -> ResponseReturnValue:
    """Send the browser to `url`: by redirect, or by htmx, because CSP's form-action would block a company's own sign-in
    page that Salesforce may redirect to.
    """
    if wants_fragment():
        return "", 204, {"HX-Redirect": url}
    return redirect(url, 303)
