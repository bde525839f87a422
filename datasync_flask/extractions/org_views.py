"""The choice to make when an extraction's source now opens another org than its tables were filled from."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import needs_role
from datasync_flask.extractions import loader, orgs
from datasync_flask.extractions.forms import is_dataset_name
from datasync_flask.extractions.models import Extraction
from datasync_flask.extractions.tables import TableTaken

bp = Blueprint("extraction_orgs", __name__)


def question_of(extraction: Extraction) -> dict[str, Any] | None:
    """The question for the extraction's page; None when its tables and its source belong to the same org."""
    found = orgs.others(extraction, extraction.source.org_id)
    if not found:
        return None
    old = found[0].loaded_org_id
    return {
        "objects": [each.name for each in found],
        "was": old,
        "now": extraction.source.org_id,
        "now_name": extraction.source.org_name,
        "sources": orgs.sources_of(old, extraction.source_id),
    }


@bp.post("/extractions/<public_id:extraction_id>/other-org")
@needs_role(Role.EDITOR)
def choose(extraction_id: str) -> ResponseReturnValue:
    """Load everything again, load into another dataset, or go back to a connection of the earlier org."""
    extraction = loader.get_extraction(extraction_id)
    question, choice = question_of(extraction), request.form.get("choice", "")
    if question is None:
        flash(gettext("This is settled already."))
    elif choice == "reload" and not extraction.combines_orgs:
        orgs.load_again(extraction, by=current_user.id)
        flash(gettext("The next run replaces the tables with the rows of the current org."))
    elif choice == "dataset":
        dataset = request.form.get("dataset", "").strip()
        if not is_dataset_name(dataset) or dataset == extraction.dataset:
            flash(gettext("Enter another name: small letters, digits and _, beginning with a letter."))
        else:
            try:
                orgs.into_other_dataset(extraction, dataset, by=current_user.id)
            except TableTaken as taken:
                flash(gettext("Another extraction has the table of %(name)s there. Enter another name.", name=taken))
            else:
                flash(gettext("The next run loads everything there. The tables from before stay as they are."))
    elif choice == "back":
        source = next((each for each in question["sources"] if each.id == request.form.get("source")), None)
        if source is not None:
            orgs.back_to(extraction, source, by=current_user.id)
            flash(gettext("It reads from the org from before again."))
    return redirect(url_for("extractions.show", extraction_id=extraction_id), 303)
