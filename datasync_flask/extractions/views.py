"""The pages of extractions: list, form, one extraction, its runs, a look at the data, the org's objects."""

from __future__ import annotations

from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import fragment, needs_role
from datasync_flask.accounts.whose_request import read_along, reads_along
from datasync_flask.connections import loader as connection_loader
from datasync_flask.extractions import (
    catalog,
    data_page,
    extraction_page,
    loader,
    org_views,
    preview,
    run_page,
    service,
)
from datasync_flask.extractions.forms import ExtractionForm
from datasync_flask.extractions.models import Extraction, Run
from datasync_flask.extractions.runs import states
from datasync_flask.extractions.runs.rates import Seen
from datasync_flask.extractions.tables import TableTaken
from datasync_flask.languages import language
from datasync_flask.problems.registry import trouble
from datasync_flask.salesforce.errors import SalesforceError
from datasync_flask.salesforce_connections import status
from datasync_flask.salesforce_connections.forms import TRACKING_TYPES
from datasync_flask.salesforce_connections.service import DescriptionTaken
from datasync_flask.worker import queue

bp = Blueprint("extractions", __name__)


@bp.get("/extractions")
def index() -> ResponseReturnValue:
    """All extractions with their newest run."""
    return render_template("extractions/index.html", rows=loader.all_with_last_run(), can_edit=_can_edit())


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
    extraction = loader.editable(extraction_id)
    form = ExtractionForm(extraction)
    if form.is_submitted():
        return _save(extraction, form)
    return _form_page(form, extraction)


@bp.get("/extractions/<public_id:extraction_id>")
def show(extraction_id: str) -> ResponseReturnValue:
    """One extraction: its objects, what the next run will do, its runs."""
    extraction = loader.readable(extraction_id)
    page = extraction_page.context(extraction, only_problems=request.args.get("runs") == "problems")
    return render_template(
        "extractions/show.html", **page, other_org=org_views.question_of(extraction), can_edit=_can_edit()
    )


@bp.post("/extractions/<public_id:extraction_id>/runs")
@needs_role(Role.EDITOR)
def start_run(extraction_id: str) -> ResponseReturnValue:
    """Start a run, of some objects where they are named, or go to the run that isn't over."""
    loader.editable(extraction_id)
    try:
        run_id = states.start(extraction_id, current_user.email, only=request.form.getlist("objects")).id
        queue().run_soon(run_id)
    except states.AlreadyRunning as other:
        run_id = other.run_id
        flash(gettext("This run isn't over yet. One run of an extraction at a time."))
    return redirect(url_for("extractions.show_run", extraction_id=extraction_id, run_id=run_id), 303)


@bp.get("/extractions/<public_id:extraction_id>/runs/<public_id:run_id>")
def show_run(extraction_id: str, run_id: str) -> ResponseReturnValue:
    """One run."""
    extraction, run = loader.readable(extraction_id), loader.run_of(extraction_id, run_id)
    return render_template("extractions/run.html", **_progress_context(extraction, run))


@bp.get("/extractions/<public_id:extraction_id>/runs/<public_id:run_id>/progress")
@fragment
@reads_along(loader.POLLED)
def progress(extraction_id: str, run_id: str) -> Response:
    """The fragment of a run's progress; an unchanged poll gets 304."""
    version = read_along()
    if version is None:
        abort(404)
    tag = _tag(*version)
    if status.is_unchanged(tag):
        return status.tagged(Response(status=304), tag)
    extraction, run = loader.readable(extraction_id), loader.run_of(extraction_id, run_id)
    page = render_template("extractions/_progress.html", **_progress_context(extraction, run))
    return status.tagged(make_response(page), _tag(run.version))


@bp.post("/extractions/<public_id:extraction_id>/runs/<public_id:run_id>/cancel")
@needs_role(Role.EDITOR)
def cancel_run(extraction_id: str, run_id: str) -> ResponseReturnValue:
    """Stop a run; the tables stay as they were after the last object that was written."""
    loader.editable(extraction_id)
    states.cancel(loader.run_of(extraction_id, run_id))
    return redirect(url_for("extractions.show_run", extraction_id=extraction_id, run_id=run_id), 303)


@bp.get("/extractions/<public_id:extraction_id>/data/<name>")
def data(extraction_id: str, name: str) -> ResponseReturnValue:
    """The first rows of a loaded table, and how to read it from elsewhere."""
    page = data_page.context(loader.readable(extraction_id), name)
    return render_template("extractions/data.html", **page), 200 if page["is_loaded"] else 404


@bp.get("/extractions/<public_id:extraction_id>/delete")
@needs_role(Role.EDITOR)
def confirm_delete(extraction_id: str) -> ResponseReturnValue:
    """Ask before deleting."""
    return render_template("extractions/delete.html", extraction=loader.editable(extraction_id))


@bp.post("/extractions/<public_id:extraction_id>/delete")
@needs_role(Role.EDITOR)
def delete(extraction_id: str) -> ResponseReturnValue:
    """Delete the extraction; its tables stay where they are."""
    extraction = loader.editable(extraction_id)
    service.delete(extraction, by=current_user.id)
    flash(gettext("Deleted. Its tables stay where they are."))
    return redirect(url_for("extractions.index"), 303)


@bp.get("/connections/<public_id:connection_id>/objects")
@needs_role(Role.EDITOR)
def objects(connection_id: str) -> ResponseReturnValue:
    """The objects of a connected org; with `name` one of them with its fields."""
    connection = connection_loader.readable(connection_id)
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


def _can_edit() -> bool:
    return bool(current_user.has_role(Role.EDITOR))


def _tag(version: int) -> str:
    return f"run-{version}-{'e' if _can_edit() else 'v'}{language()}"


def _progress_context(extraction: Extraction, run: Run) -> dict[str, Any]:
    seen = Seen.parse(request.args.get("seen", ""))
    return run_page.context(extraction, run, seen) | {"ptag": _tag(run.version), "can_edit": _can_edit()}


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
