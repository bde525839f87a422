"""The pages of extractions: list, form, one extraction, its runs, a look at the data, the org's objects."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask import polling
from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import fragment, needs_role
from datasync_flask.clock import utcnow
from datasync_flask.connections import labels
from datasync_flask.connections import loader as connection_loader
from datasync_flask.connections.descriptions import DescriptionTaken
from datasync_flask.destinations import checking
from datasync_flask.destinations.base import DestinationError
from datasync_flask.destinations.service import settings_of
from datasync_flask.extractions import catalog, charts, listing, loader, org_views, preview, service, tables
from datasync_flask.extractions.forms import ExtractionForm
from datasync_flask.extractions.models import Extraction, RunState
from datasync_flask.extractions.runs import rates, states
from datasync_flask.extractions.tables import TableTaken
from datasync_flask.polling import polled
from datasync_flask.problems.registry import trouble
from datasync_flask.queue import queue
from datasync_flask.salesforce.errors import SalesforceError
from datasync_flask.salesforce_connections import visibility
from datasync_flask.salesforce_connections.models import SalesforceConnection
from datasync_flask.salesforce_connections.settings import TRACKING_TYPES
from datasync_flask.salesforce_connections.status import setup_origin

bp = Blueprint("extractions", __name__)

POLL_SECONDS = 1


@bp.get("/extractions")
def index() -> ResponseReturnValue:
    """All extractions with their newest run."""
    query = listing.ListQuery.from_address(request.args)
    page = listing.page_of_extractions(query)
    return render_template(
        "extractions/index.html",
        page=page,
        query=query,
        tabs=page.tabs(query, lambda **values: url_for("extractions.index", **values)),
        label_names=labels.all_names(),
    )


@bp.route("/extractions/new", methods=["GET", "POST"])
@needs_role(Role.EDITOR)
def new() -> ResponseReturnValue:
    """The form of a new extraction."""
    form = ExtractionForm(source_id=request.args.get("source", ""))
    if form.is_submitted():
        return _save(None, form)
    return _form_page(form, None)


@bp.route("/extractions/<public_id:extraction_id>/edit", methods=["GET", "POST"])
@needs_role(Role.EDITOR)
def edit(extraction_id: str) -> ResponseReturnValue:
    """The form of an extraction that exists."""
    extraction = loader.get_extraction(extraction_id)
    form = ExtractionForm(extraction)
    if form.is_submitted():
        return _save(extraction, form)
    return _form_page(form, extraction)


@bp.get("/extractions/<public_id:extraction_id>")
def show(extraction_id: str) -> ResponseReturnValue:
    """One extraction: its objects, what the next run will do, its runs."""
    extraction = loader.get_extraction(extraction_id)
    history = loader.runs_of(extraction_id)
    return render_template(
        "extractions/show.html",
        extraction=extraction,
        runs=history,
        charts=[*charts.of_runs(history), *charts.of_days(loader.calls_per_day(extraction.source_id))],
        cost=preview.next_cost(extraction, loader.last_counts(extraction)),
        quota=loader.quota_of(extraction),
        open_run=next((run for run in history if not RunState(run.state).is_over), None),
        previews=[preview.of_object(chosen, extraction) for chosen in extraction.objects],
        tables=tables.of_extraction(extraction_id),
        tracking_types=TRACKING_TYPES,
        other_org=org_views.question_of(extraction),
        unseen=visibility.rows_of(extraction.source_id, [each.name for each in extraction.objects]),
        setup_origin=setup_origin(extraction.source),
    )


@bp.post("/extractions/<public_id:extraction_id>/runs")
@needs_role(Role.EDITOR)
def start_run(extraction_id: str) -> ResponseReturnValue:
    """Start a run, or go to the one that isn't over."""
    loader.get_extraction(extraction_id)
    try:
        run_id = states.start(extraction_id, current_user.email).id
        queue().run_soon(run_id)
    except states.AlreadyRunning as other:
        run_id = other.run_id
        flash(gettext("This run isn't over yet. One run of an extraction at a time."))
    return redirect(url_for("extractions.show_run", extraction_id=extraction_id, run_id=run_id), 303)


@bp.get("/extractions/<public_id:extraction_id>/runs/<public_id:run_id>")
def show_run(extraction_id: str, run_id: str) -> ResponseReturnValue:
    """One run."""
    extraction, run = loader.get_extraction(extraction_id), loader.get_run(extraction_id, run_id)
    return render_template("extractions/run.html", **_progress_context(extraction, run))


@bp.get("/extractions/<public_id:extraction_id>/runs/<public_id:run_id>/progress")
@fragment
@polled(loader.version_of_run)
def progress(extraction_id: str, run_id: str) -> str:
    """The fragment of a run's progress."""
    extraction, run = loader.get_extraction(extraction_id), loader.get_run(extraction_id, run_id)
    return render_template("extractions/_progress.html", **_progress_context(extraction, run))


@bp.post("/extractions/<public_id:extraction_id>/runs/<public_id:run_id>/cancel")
@needs_role(Role.EDITOR)
def cancel_run(extraction_id: str, run_id: str) -> ResponseReturnValue:
    """Stop a run; the tables stay as they were after the last object that was written."""
    loader.get_extraction(extraction_id)
    states.cancel(loader.get_run(extraction_id, run_id))
    return redirect(url_for("extractions.show_run", extraction_id=extraction_id, run_id=run_id), 303)


@bp.get("/extractions/<public_id:extraction_id>/data/<name>")
def data(extraction_id: str, name: str) -> ResponseReturnValue:
    """The first rows of a loaded table, and how to read it from elsewhere."""
    extraction = loader.get_extraction(extraction_id)
    chosen = next((each for each in extraction.objects if each.name == name and each.table_name), None)
    found: dict[str, Any] | None = None
    problem = ""
    if chosen is not None:
        folder = current_app.config["SETTINGS"].effective_data_dir
        destination = extraction.destination
        try:
            found = checking.preview(
                destination.kind, settings_of(destination), folder, extraction.dataset, chosen.table_name
            )
        except DestinationError as error:
            problem = f"{trouble(error.fault).sentences} {error.detail}"
    return render_template("extractions/data.html", extraction=extraction, name=name, found=found, problem=problem), (
        200 if chosen else 404
    )


@bp.get("/extractions/<public_id:extraction_id>/delete")
@needs_role(Role.EDITOR)
def confirm_delete(extraction_id: str) -> ResponseReturnValue:
    """Ask before deleting."""
    return render_template("extractions/delete.html", extraction=loader.get_extraction(extraction_id))


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
    found = catalog.objects_of(connection, anew="anew" in request.args)
    words = query.lower()
    entries = [entry for entry in found.entries if words in entry.name.lower() or words in entry.label.lower()]
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
        problem=trouble(problem.problem) if problem else None,
    )


def _progress_context(extraction: Extraction, run: Any) -> dict[str, Any]:
    types = {chosen.name: chosen.effective_tracking_type.value for chosen in extraction.objects}
    return {
        "extraction": extraction,
        "run": run,
        "is_over": RunState(run.state).is_over,
        "is_polled": not RunState(run.state).is_over,
        "poll_seconds": POLL_SECONDS,
        "ptag": polling.tag(str(run.version)),
        "types": types,
        "log": loader.log_of(run),
        "paces": {each.name: found for each in run.objects if (found := rates.of_object(each, utcnow())) is not None},
    }


def _save(extraction: Extraction | None, form: ExtractionForm) -> ResponseReturnValue:
    if form.validate():
        if extraction is not None and form.was_overtaken(extraction.updated_at):
            form.form_errors = [
                gettext(
                    "Somebody changed this extraction since you opened this page. Below is what you typed. Press the "
                    "button again to replace what is saved now."
                )
            ]
            return _form_page(form, extraction)
        try:
            saved = service.save(extraction, form.settings(), by=current_user.id)
        except (DescriptionTaken, TableTaken):
            form.validate()
        else:
            flash(gettext("Saved."))
            return redirect(url_for("extractions.show", extraction_id=saved.id), 303)
    return _form_page(form, extraction)


def _form_page(form: ExtractionForm, extraction: Extraction | None) -> ResponseReturnValue:
    sources = {each.id: each for each in loader.sources()}
    source = sources.get(form.source.data or "") or next(iter(sources.values()), None)
    found = catalog.objects_of(source) if source is not None else catalog.Catalog([])
    known = {entry.name for entry in found.entries}
    chosen = list(form.objects.data or [])
    page = render_template(
        "extractions/form.html",
        form=form,
        extraction=extraction,
        source=source,
        entries=found.entries,
        missing=[name for name in chosen if name not in known],
        chosen=set(chosen),
        problem=trouble(found.problem.problem) if found.problem else None,
        tracking_types=TRACKING_TYPES,
        has_destinations=bool(form.destination.choices),
    )
    is_wrong = form.is_submitted() and (form.form_errors or any(field.errors for field in form))
    return (page, 422) if is_wrong else page
