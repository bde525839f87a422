"""Quick edits in the list: one row, shown, edited and saved in place. Without JavaScript the form does the same."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import fragment, needs_role
from datasync_flask.connections import loader
from datasync_flask.connections.models import Connection, TrackingType
from datasync_flask.polling import polled
from datasync_flask.salesforce_connections import service, status
from datasync_flask.salesforce_connections.forms import TRACKING_TYPES, QuickEditForm

bp = Blueprint("quick_edit", __name__)

EDITABLE = ("description", "tracking_type")


def _editing() -> str:
    editing = request.args.get("edit", "")
    return editing if editing in EDITABLE and current_user.has_role(Role.EDITOR) else ""


@bp.get("/connections/<public_id:connection_id>/row")
@fragment
@polled(lambda connection_id: None if _editing() else status.version(connection_id))
def row(connection_id: str) -> str:
    """One row of the list; with ``edit=FIELD`` that cell is an input."""
    return _row(loader.get_connection(connection_id), editing=_editing())


@bp.patch("/connections/<public_id:connection_id>")
@fragment
@needs_role(Role.EDITOR)
def change(connection_id: str) -> ResponseReturnValue:
    """Change description or tracking type, or both; 422 with the reason in the cell, and what was typed still there."""
    connection = loader.get_connection(connection_id)
    form = QuickEditForm(connection)
    fields = [name for name in EDITABLE if name in request.form and hasattr(connection, name)]
    before = {name: str(getattr(connection, name)) for name in fields}
    # What this page showed; when it isn't what is saved now, somebody else was faster.
    seen = request.form.get("was")
    if form.validate() and seen is not None and seen not in before.values():
        now = "; ".join(_words(name, before[name]) for name in fields)
        form[fields[0]].errors = [
            gettext("Somebody changed this to “%(now)s” meanwhile. Save again to replace it.", now=now)
        ]
    if form.errors or any(field.errors for field in form):
        return _row(connection, editing=fields[0] if fields else "description", form=form), 422
    try:
        connection = service.quick_edit(connection, form.changes(fields), by=current_user.id)
    except service.DescriptionTaken:
        connection = loader.get_connection(connection_id)
        form.validate()
        return _row(connection, editing="description", form=form), 422
    changed = next((name for name in fields if before[name] != str(getattr(connection, name))), "")
    return _row(connection, saved=changed, undo=before.get(changed, ""))


def _words(field: str, value: str) -> str:
    return str(TRACKING_TYPES[TrackingType(value)][0]) if field == "tracking_type" else value


def _row(
    connection: Connection,
    *,
    editing: str = "",
    form: QuickEditForm | None = None,
    saved: str = "",
    undo: str = "",
) -> str:
    context: dict[str, Any] = {
        "connection": connection,
        "tracking_types": TRACKING_TYPES,
        "editing": editing,
        "form": form or QuickEditForm(connection, formdata=None),
        "saved": saved,
        "undo": undo,
    }
    return render_template("connections/_row.html", **context)
