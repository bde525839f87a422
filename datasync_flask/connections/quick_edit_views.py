"""Quick edits in the list: shows, edits and saves one row in place. Without JavaScript, the form does the same."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import fragment, needs_role
from datasync_flask.connections import loader, polls
from datasync_flask.connections.descriptions import DescriptionTaken
from datasync_flask.connections.forms import DescribedForm
from datasync_flask.connections.kinds import ConnectionKind, kind_of
from datasync_flask.connections.models import Connection
from datasync_flask.polling import polled

bp = Blueprint("quick_edit", __name__)


def _quick_fields(kind: ConnectionKind[Any]) -> tuple[str, ...]:
    return ("description", *kind.quick_settings)


def _editing() -> str:
    return request.args.get("edit", "") if current_user.has_role(Role.EDITOR) else ""


@bp.get("/connections/<public_id:connection_id>/row")
@fragment
@polled(lambda connection_id: None if _editing() else polls.version(connection_id))
def row(connection_id: str) -> str:
    """One row of the list; with ``edit=FIELD`` that cell is an input, with ``focus=FIELD`` its button has the focus."""
    connection = loader.get_connection(connection_id)
    editing = _editing()
    editing = editing if editing in _quick_fields(kind_of(connection)) else ""
    return _row(connection, editing=editing, focus=request.args.get("focus", ""))


@bp.patch("/connections/<public_id:connection_id>")
@fragment
@needs_role(Role.EDITOR)
def change(connection_id: str) -> ResponseReturnValue:
    """Change description or tracking type, or both; 422 with the reason and the typed value in the cell."""
    connection = loader.get_connection(connection_id)
    kind = kind_of(connection)
    form = kind.quick_form(connection)
    fields = [name for name in _quick_fields(kind) if name in request.form]
    before = {name: str(getattr(connection, name)) for name in fields}
    if form.validate():
        form.refuse_overtaken(before, {name: _value_text(kind, name, before[name]) for name in fields})
    if form.is_wrong:
        return _row(connection, editing=fields[0] if fields else "description", form=form), 422
    values = {name: str(form[name].data) for name in fields}
    changed = next((name for name in fields if before[name] != values[name]), "")
    if changed:
        try:
            kind.quick_save(connection, values, by=current_user.id)
        except DescriptionTaken as refusal:
            form.refuse(refusal)
            return _row(loader.get_connection(connection_id), editing="description", form=form), 422
    return _row(connection, saved=changed, before=before.get(changed, ""), focus=fields[0] if fields else "")


def _value_text(kind: ConnectionKind[Any], name: str, value: str) -> str:
    return str(kind.settings[name].choices[value]) if name in kind.quick_settings else value


def _row(
    connection: Connection,
    *,
    editing: str = "",
    form: DescribedForm | None = None,
    saved: str = "",
    before: str = "",
    focus: str = "",
) -> str:
    return render_template(
        "connections/_row.html",
        connection=connection,
        editing=editing,
        form=form or kind_of(connection).quick_form(connection, formdata=None),
        saved=saved,
        before=before,
        focus=focus,
    )
