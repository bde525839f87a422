"""Removing one org's rows from tables that several orgs share: a page asks first, then a run does it."""

from __future__ import annotations

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import needs_role
from datasync_flask.extractions import loader, quick_edit, run_starts, tables
from datasync_flask.extractions.models import Extraction

bp = Blueprint("combined_orgs", __name__)


@bp.get("/extractions/<public_id:extraction_id>/remove-rows")
@needs_role(Role.EDITOR)
def confirm_removal(extraction_id: str) -> ResponseReturnValue:
    """Ask before the org's rows are removed, and say how many there are."""
    extraction = _combining(extraction_id)
    return render_template("extractions/remove_rows.html", extraction=extraction, **parts_of(extraction))


@bp.post("/extractions/<public_id:extraction_id>/remove-rows")
@needs_role(Role.EDITOR)
def remove_rows(extraction_id: str) -> ResponseReturnValue:
    """Start the run that removes the org's rows; the schedule stops, or it would load them again."""
    extraction = _combining(extraction_id)
    quick_edit.pause(extraction, is_paused=True, by=current_user.id)
    return run_starts.start_run(extraction_id, removes_rows=True)


def parts_of(extraction: Extraction) -> dict[str, object]:
    """Who shares the tables, and how many rows of the org they had at the last count."""
    loaded = {each.name: each.loaded_org_name for each in extraction.objects if each.table_name and each.loaded_org_id}
    counted = loader.rows_in_destination(extraction)
    return {
        "sharing": tables.sharing(extraction.id) if extraction.combines_orgs else [],
        "rows_of_org": sum(counted.get(name, 0) for name in loaded) if extraction.combines_orgs else 0,
        "org": next(filter(None, loaded.values()), extraction.source.org_name or extraction.source.org_id),
    }


def _combining(extraction_id: str) -> Extraction:
    extraction = loader.get_extraction(extraction_id)
    return extraction if extraction.combines_orgs else abort(404)
