"""The page for settings of another tool: shows what they give, then creates drafts from them."""

from __future__ import annotations

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import needs_role
from datasync_flask.moving_in import forms
from datasync_flask.moving_in.drafts import Made, checked, make
from datasync_flask.moving_in.formats import FORMATS
from datasync_flask.moving_in.forms import ImportForm
from datasync_flask.moving_in.found import VERDICT_TEXTS, Found

bp = Blueprint("moving_in", __name__)


@bp.route("/connections/import", methods=["GET", "POST"])
@needs_role(Role.EDITOR)
def index() -> ResponseReturnValue:
    """The form, then the list of what is taken, then the drafts."""
    form = ImportForm()
    if not form.validate_on_submit() or form.found is None:
        if form.is_submitted():
            form.put_masked_text()
        return _page(form), 422 if form.is_submitted() else 200
    result = checked(form.found, form.choice(), current_app.config["SETTINGS"].salesforce_hosts)
    wants_drafts = request.form.get("then") == "make" and form.is_as_seen
    made = make(result, form.choice(), by=current_user.id) if wants_drafts else None
    form.put_masked_text()
    return _page(form, result, made)


@bp.errorhandler(413)
def too_large(_error: Exception) -> ResponseReturnValue:
    """Answer a request that was too large to read."""
    form = ImportForm(formdata=None)
    form.file.errors = [str(forms.too_large())]
    return _page(form), 413


def _page(form: ImportForm, result: Found | None = None, made: Made | None = None) -> str:
    return render_template(
        "moving_in/import.html",
        form=form,
        result=result,
        made=made,
        is_done=made is not None and bool(made.connections or made.extractions),
        can_make=made is None and result is not None and bool(result.connections or result.extractions),
        formats=sorted((each.title for each in FORMATS), key=str.lower),
        verdicts=VERDICT_TEXTS,
    )
