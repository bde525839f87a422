"""Setting up an extraction: begin, resume, change the source, discard. Each step has its own file, and saves the
draft.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import needs_role
from datasync_flask.extensions import db
from datasync_flask.extractions import loader
from datasync_flask.extractions.models import Extraction
from datasync_flask.extractions.setup import drafts
from datasync_flask.extractions.setup.models import ExtractionDraft

bp = Blueprint("setup", __name__)

STEPS = ("objects", "destination", "review")


@bp.before_request
def _made_already() -> ResponseReturnValue | None:
    """Redirect from a draft that has become an extraction to the extraction."""
    draft_id = (request.view_args or {}).get("draft_id", "")
    if draft_id and not drafts.exists(draft_id) and db.session.get(Extraction, draft_id) is not None:
        return redirect(url_for("extractions.show", extraction_id=draft_id), 303)
    return None


@bp.post("/extractions/setup")
@needs_role(Role.EDITOR)
def begin() -> ResponseReturnValue:
    """Begin a draft."""
    source = loader.source(request.form.get("source"))
    if source is None:
        flash(gettext("Choose a source."))
        return redirect(url_for("extractions.new"), 303)
    return to_step(drafts.begin(source), "objects")


@bp.get("/extractions/<public_id:draft_id>/setup")
@needs_role(Role.EDITOR)
def resume(draft_id: str) -> ResponseReturnValue:
    """Go to the next step of the draft."""
    draft = drafts.editable(draft_id)
    return to_step(draft, drafts.next_step(draft))


@bp.route("/extractions/<public_id:draft_id>/setup/source", methods=["GET", "POST"])
@needs_role(Role.EDITOR)
def source(draft_id: str) -> ResponseReturnValue:
    """Choose another source."""
    draft = drafts.editable(draft_id)
    if request.method == "POST":
        found = loader.source(request.form.get("source"))
        if found is None:
            abort(422)
        if found.id != draft.source_id:
            drafts.change_source(draft, found)
        return to_step(draft, "objects")
    return render_template(
        "extractions/setup/source.html", sources=loader.sources(), chosen=draft.source_id, draft=draft
    )


@bp.post("/extractions/<public_id:draft_id>/setup/discard")
@needs_role(Role.EDITOR)
def discard(draft_id: str) -> ResponseReturnValue:
    """Delete the draft."""
    drafts.discard(drafts.editable(draft_id))
    flash(gettext("Draft deleted."))
    return redirect(url_for("extractions.index"), 303)


def to_step(draft: ExtractionDraft, step: str, **query: Any) -> ResponseReturnValue:
    """Send the browser to a step of a draft."""
    return redirect(url_for(f"setup.{step}", draft_id=draft.id, **query), 303)


def close(draft: ExtractionDraft) -> ResponseReturnValue:
    """Leave a draft for later."""
    flash(gettext("Saved as a draft. Resume it in this list."))
    return redirect(url_for("extractions.index", _anchor=f"draft-{draft.id}"), 303)


def step_list(draft: ExtractionDraft, now: str) -> list[tuple[str, str, str]]:
    """The steps for the pages: title, address, and whether each is done, the current one, or was passed over."""
    titles = (gettext("Choose objects"), gettext("Destination and schedule"), gettext("Review and start"))
    done = {"objects": bool(draft.objects), "destination": "destination" in draft.settings}
    at = STEPS.index(now)
    passed = ["done" if done[step] else "passed-over" for step in STEPS[:at]]
    marks = [*passed, "now", *("" for _ in STEPS[at + 1 :])]
    addresses = [url_for(f"setup.{step}", draft_id=draft.id) for step in STEPS]
    return list(zip(titles, addresses, marks, strict=True))
