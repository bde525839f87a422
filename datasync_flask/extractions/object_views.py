"""One object of an extraction: choosing its fields and the date that detects changes, and reloading it."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import needs_role
from datasync_flask.extractions import catalog, loader, run_starts, service, tables, treatments
from datasync_flask.extractions.formula_fields import RHYTHMS
from datasync_flask.extractions.models import Extraction, ExtractionObject
from datasync_flask.extractions.runs import states
from datasync_flask.extractions.runs.plan import CURSORS, can_be_cursor, cursor_of, loadable
from datasync_flask.problems.registry import trouble
from datasync_flask.salesforce.errors import SalesforceError

bp = Blueprint("extraction_objects", __name__)


def _chosen(extraction: Extraction, name: str) -> ExtractionObject:
    return extraction.object(name) or abort(404)


@bp.route("/extractions/<public_id:extraction_id>/objects/<name>", methods=["GET", "POST"])
@needs_role(Role.EDITOR)
def fields(extraction_id: str, name: str) -> ResponseReturnValue:
    """Choose fields of an object, and the date that detects changes."""
    extraction = loader.get_extraction(extraction_id)
    chosen = _chosen(extraction, name)
    try:
        description = catalog.describe(extraction.source, name)
    except SalesforceError as error:
        problem = trouble(error.problem)
        return render_template("extractions/fields.html", extraction=extraction, name=name, problem=problem), 200
    available = loadable(description)
    dates = [field for field in available if can_be_cursor(field)]
    mistake = ""
    before = service.ObjectChoice.of(chosen)
    cursor = request.form.get("cursor", chosen.cursor_field if request.method == "GET" else "")
    if request.method == "POST":
        try:
            if cursor and cursor not in {field.name for field in dates}:
                raise treatments.TreatmentRefused(
                    gettext("Salesforce doesn’t filter by %(name)s, so it can’t tell of changes.", name=cursor)
                )
            used = cursor_of(description, cursor)
            treated = treatments.parse(before, request.form, available, used, chosen.field_columns)
            if request.form.get("edited") not in {None, extraction.updated_at.isoformat()}:
                raise treatments.TreatmentRefused(str(service.OVERTAKEN))
        except treatments.TreatmentRefused as refusal:
            mistake = str(refusal)
        else:
            choice = replace(before, **vars(treated), cursor_field=cursor)
            fills = "fill" in request.form
            service.choose_fields(chosen, choice, fills=fills, by=current_user.id)
            flash(gettext("Saved. The next run loads everything once.") if fills else gettext("Saved."))
            return redirect(url_for("extractions.show", extraction_id=extraction.id), 303)
    page = render_template(
        "extractions/fields.html",
        extraction=extraction,
        name=name,
        chosen=chosen,
        lines=treatments.lines(
            before, request.form, available, cursor_of(description, chosen.cursor_field), chosen.field_columns
        ),
        loads_new=treatments.loads_new(before, request.form),
        dates=[field for field in dates if field.name not in CURSORS],
        cursor=cursor,
        fills="fill" in request.form,
        usual_cursor=cursor_of(description),
        formula_fields=[field.name for field in available if field.is_self_moving],
        rhythm=RHYTHMS[extraction.formula_rhythm],
        table=tables.of_extraction(extraction.id).get(name, ""),
        error=mistake,
        problem=None,
    )
    return (page, 422) if mistake else page


@bp.post("/extractions/<public_id:extraction_id>/objects/<name>/reload")
@needs_role(Role.EDITOR)
def reload(extraction_id: str, name: str) -> ResponseReturnValue:
    """Reload an object, whatever its watermark; this starts a run."""
    extraction = loader.get_extraction(extraction_id)
    chosen = _chosen(extraction, name)
    open_run = states.open_run(extraction_id)
    if open_run is not None:
        return run_starts.show_open_run(extraction_id, open_run)
    service.reload(chosen)
    return run_starts.start_run(extraction_id)
