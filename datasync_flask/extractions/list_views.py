"""Shows, edits and pauses one row of the list of extractions in place. Without JavaScript, the pages do the same."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import fragment, needs_role
from datasync_flask.addresses import wants_fragment
from datasync_flask.connections.descriptions import DescriptionTaken
from datasync_flask.extractions import listing, loader, quick_edit
from datasync_flask.extractions.models import Extraction
from datasync_flask.extractions.quick_edit import EDITABLE, QuickEditForm
from datasync_flask.polling import polled

bp = Blueprint("extraction_list", __name__)


def _editing() -> str:
    editing = request.args.get("edit", "")
    return editing if editing in EDITABLE and current_user.has_role(Role.EDITOR) else ""


def _version(extraction_id: str) -> str | None:
    return None if _editing() else listing.version_of_row(extraction_id)


@bp.get("/extractions/<public_id:extraction_id>/row")
@fragment
@polled(_version)
def row(extraction_id: str) -> ResponseReturnValue:
    """One row; with ``edit=FIELD`` that cell is an input, with ``focus=FIELD`` its button has the focus."""
    extraction = loader.get_extraction(extraction_id)
    return _row(extraction, editing=_editing(), focus=request.args.get("focus", ""))


@bp.patch("/extractions/<public_id:extraction_id>")
@fragment
@needs_role(Role.EDITOR)
def change(extraction_id: str) -> ResponseReturnValue:
    """Change description, schedule or labels; 422 with the reason and the typed value in the cell."""
    extraction = loader.get_extraction(extraction_id)
    form = QuickEditForm(extraction)
    fields = [name for name in EDITABLE if name in request.form]
    before = {name: quick_edit.values_of(extraction)[name] for name in fields}
    if form.validate():
        form.refuse_overtaken(before)
    if form.is_wrong:
        return _row(extraction, editing=fields[0] if fields else "description", form=form), 422
    try:
        extraction = quick_edit.change(extraction, {name: form[name].data or "" for name in fields}, by=current_user.id)
    except DescriptionTaken as refusal:
        form.refuse(refusal)
        return _row(loader.get_extraction(extraction_id), editing="description", form=form), 422
    now_stored = quick_edit.values_of(extraction)
    changed = next((name for name in fields if before[name] != now_stored[name]), "")
    return _row(extraction, saved=changed, before=before.get(changed, ""), focus=fields[0] if fields else "")


@bp.post("/extractions/<public_id:extraction_id>/pause")
@needs_role(Role.EDITOR)
def pause(extraction_id: str) -> ResponseReturnValue:
    """Stop the schedule."""
    return _set_paused(extraction_id, True)


@bp.post("/extractions/<public_id:extraction_id>/resume")
@needs_role(Role.EDITOR)
def resume(extraction_id: str) -> ResponseReturnValue:
    """Let the schedule start runs again."""
    return _set_paused(extraction_id, False)


def _set_paused(extraction_id: str, is_paused: bool) -> ResponseReturnValue:
    extraction = loader.get_extraction(extraction_id)
    quick_edit.pause(extraction, is_paused, by=current_user.id)
    if wants_fragment():
        return _row(extraction, focus="pause")
    text = gettext("The schedule is paused.") if is_paused else gettext("The schedule continues.")
    flash(f"{extraction.description}: {text}")
    return redirect(url_for("extractions.index"), 303)


def _row(
    extraction: Extraction,
    *,
    editing: str = "",
    form: QuickEditForm | None = None,
    saved: str = "",
    before: str = "",
    focus: str = "",
) -> str:
    return render_template(
        "extractions/_row.html",
        row=listing.row_of(extraction),
        editing=editing,
        form=form or QuickEditForm(extraction, formdata=None),
        was=quick_edit.values_of(extraction).get(editing, ""),
        saved=saved,
        before=before,
        focus=focus,
    )
