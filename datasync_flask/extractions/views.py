"""The pages of extractions: list, form, one extraction, its runs, its data, the org's objects."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask import polling
from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import fragment, needs_role
from datasync_flask.connections import labels
from datasync_flask.connections import loader as connection_loader
from datasync_flask.extractions import (
    catalog,
    combined_views,
    data_page,
    extraction_page,
    listing,
    loader,
    org_views,
    preview,
    run_page,
    run_starts,
    service,
)
from datasync_flask.extractions.models import Extraction, Run
from datasync_flask.extractions.runs import states
from datasync_flask.extractions.runs.rates import Seen
from datasync_flask.extractions.setup import access, drafts, whole_form
from datasync_flask.polling import polled
from datasync_flask.salesforce.errors import SalesforceError
from datasync_flask.salesforce_connections import visibility
from datasync_flask.salesforce_connections.models import SalesforceConnection
from datasync_flask.salesforce_connections.status import setup_origin

bp = Blueprint("extractions", __name__)


@bp.get("/extractions")
def index() -> ResponseReturnValue:
    """All extractions with their newest run."""
    query = listing.ListQuery.from_address(request.args)
    page = listing.page_of_extractions(query)
    return render_template(
        "extractions/index.html",
        page=page,
        query=query,
        drafts=drafts.shown(),
        tabs=page.tabs(query, lambda **values: url_for("extractions.index", **values)),
        label_names=labels.all_names(),
    )


@bp.route("/extractions/new", methods=["GET", "POST"])
@needs_role(Role.EDITOR)
def new() -> ResponseReturnValue:
    """Choose the source of a new extraction, which begins its steps; a POST with all of its settings creates it at
    once.
    """
    if request.method == "POST":
        return whole_form.answer(None)
    chosen = request.args.get("source", "")
    return render_template("extractions/setup/source.html", sources=loader.sources(), chosen=chosen, draft=None)


@bp.route("/extractions/<public_id:extraction_id>/edit", methods=["GET", "POST"])
@needs_role(Role.EDITOR)
def edit(extraction_id: str) -> ResponseReturnValue:
    """The form of an existing extraction."""
    return whole_form.answer(loader.get_extraction(extraction_id))


@bp.get("/extractions/<public_id:extraction_id>")
def show(extraction_id: str) -> ResponseReturnValue:
    """One extraction: its objects, what the next run will do, its runs. A draft continues at its next step."""
    if drafts.exists(extraction_id):
        return redirect(url_for("setup.resume", draft_id=extraction_id), 303)
    extraction = loader.get_extraction(extraction_id)
    page = extraction_page.context(extraction, only_problems=request.args.get("runs") == "problems")
    return render_template(
        "extractions/show.html",
        **page,
        **combined_views.parts_of(extraction),
        other_org=org_views.question_of(extraction),
        unseen=visibility.rows_of(extraction.source_id, [each.name for each in extraction.objects]),
        setup_origin=setup_origin(extraction.source),
    )


@bp.post("/extractions/<public_id:extraction_id>/runs")
@needs_role(Role.EDITOR)
def start_run(extraction_id: str) -> ResponseReturnValue:
    """Start a run, only of the objects named if any, or go to the run that isn't over."""
    loader.get_extraction(extraction_id)
    return run_starts.start_run(extraction_id, only=request.form.getlist("objects"))


@bp.get("/extractions/<public_id:extraction_id>/runs/<public_id:run_id>")
def show_run(extraction_id: str, run_id: str) -> ResponseReturnValue:
    """One run."""
    extraction, run = loader.get_extraction(extraction_id), loader.get_run(extraction_id, run_id)
    return render_template("extractions/run.html", **_progress_context(extraction, run))


@bp.get("/extractions/<public_id:extraction_id>/runs/<public_id:run_id>/progress")
@fragment
@polled(loader.version_of_run)
def progress(extraction_id: str, run_id: str) -> str:
    """The progress fragment of a run."""
    extraction, run = loader.get_extraction(extraction_id), loader.get_run(extraction_id, run_id)
    return render_template("extractions/_progress.html", **_progress_context(extraction, run))


@bp.post("/extractions/<public_id:extraction_id>/runs/<public_id:run_id>/cancel")
@needs_role(Role.EDITOR)
def cancel_run(extraction_id: str, run_id: str) -> ResponseReturnValue:
    """Stop a run; the tables stay as they were after the last object was written."""
    loader.get_extraction(extraction_id)
    states.cancel(loader.get_run(extraction_id, run_id))
    return redirect(url_for("extractions.show_run", extraction_id=extraction_id, run_id=run_id), 303)


@bp.get("/extractions/<public_id:extraction_id>/data/<name>")
def data(extraction_id: str, name: str) -> ResponseReturnValue:
    """The first rows of a loaded table, and how to read it with other tools."""
    page = data_page.context(loader.get_extraction(extraction_id), name)
    return render_template("extractions/data.html", **page), 200 if page["is_loaded"] else 404


@bp.get("/extractions/<public_id:extraction_id>/delete")
@needs_role(Role.EDITOR)
def confirm_delete(extraction_id: str) -> ResponseReturnValue:
    """Ask before deleting."""
    extraction = loader.get_extraction(extraction_id)
    return render_template("extractions/delete.html", extraction=extraction, **combined_views.parts_of(extraction))


@bp.post("/extractions/<public_id:extraction_id>/delete")
@needs_role(Role.EDITOR)
def delete(extraction_id: str) -> ResponseReturnValue:
    """Delete the extraction; its tables stay where they are."""
    extraction = loader.get_extraction(extraction_id)
    service.delete(extraction, by=current_user.id)
    flash(gettext("Deleted. Its tables stay where they are."))
    return redirect(url_for("extractions.index"), 303)


@bp.get("/connections/<public_id:connection_id>/objects")
@needs_role(Role.EDITOR)
def objects(connection_id: str) -> ResponseReturnValue:
    """The objects of a connected org; with `name` one of them with its fields."""
    connection = connection_loader.get_connection(connection_id, SalesforceConnection)
    query, name = request.args.get("q", "")[:100], request.args.get("name", "")[:80]
    found = catalog.objects_of(connection, refresh="refresh" in request.args)
    text = query.lower()
    entries = [entry for entry in found.entries if text in entry.name.lower() or text in entry.label.lower()]
    details, problem = None, found.problem
    if name and any(entry.name == name for entry in found.entries):
        try:
            details = catalog.describe_closely(connection, name, counts="count" in request.args)
        except SalesforceError as error:
            problem = error
    return render_template(
        "extractions/objects.html",
        connection=connection,
        entries=entries,
        total=len(found.entries),
        query=query,
        details=preview.of_description(details) if details else None,
        problem=access.explain(connection, problem) if problem else None,
    )


def _progress_context(extraction: Extraction, run: Run) -> dict[str, Any]:
    seen = Seen.parse(request.args.get("seen", ""))
    return run_page.context(extraction, run, seen) | {"ptag": polling.tag(str(run.version))}
