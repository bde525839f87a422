"""The third step: a summary, a name, and the button that turns the draft into an extraction."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from sqlalchemy.orm.exc import ObjectDeletedError

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import fragment, needs_role
from datasync_flask.clock import utcnow
from datasync_flask.connections.descriptions import DescriptionTaken
from datasync_flask.destinations import service as destination_service
from datasync_flask.destinations.base import DestinationError
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.extensions import db
from datasync_flask.extractions import catalog, loader, preview, run_starts, service, tables, texts
from datasync_flask.extractions.forms import ExtractionForm
from datasync_flask.extractions.service import ObjectChoice
from datasync_flask.extractions.setup import access, destinations, drafts, objects, schedule_picker
from datasync_flask.extractions.setup.models import ExtractionDraft
from datasync_flask.extractions.setup.views import bp, close, step_list, to_step
from datasync_flask.extractions.tables import TableTaken
from datasync_flask.problems.registry import trouble
from datasync_flask.salesforce.errors import SalesforceError

# The step in which to correct an error of the last form.
_STEP_OF = {"objects": "objects", "description": "", "source": "source"}


@bp.route("/extractions/<public_id:draft_id>/setup/review", methods=["GET", "POST"], endpoint="review")
@needs_role(Role.EDITOR)
def review(draft_id: str) -> ResponseReturnValue:
    """Review everything, then save it and start the first run."""
    draft = drafts.editable(draft_id)
    destination = _destination(draft)
    if destination is None:
        is_gone = draft.settings.get("destination", "") not in {"", destinations.NEW}
        text = gettext("The destination was deleted. Choose another one.")
        flash(text if is_gone else gettext("Choose a destination first."))
        return to_step(draft, "destination")
    form = _form(draft, destination)
    if request.method == "GET":
        return _page(draft, destination, form)
    action = request.form.get("do", "")
    drafts.change(draft, {"description": form.description.data or ""})
    if action == "back":
        return to_step(draft, "destination")
    if action == "close":
        return close(draft)
    if not form.validate():
        return _page(draft, destination, form), 422
    try:
        db.session.delete(draft)
        saved = service.save(None, form.settings(), by=current_user.id, public_id=draft_id)
    except (DescriptionTaken, TableTaken):
        draft = drafts.editable(draft_id)
        form.validate()
        return _page(draft, destination, form), 422
    for text in form.not_tried:
        flash(text)
    if action != "start":
        flash(gettext("Saved."))
        return redirect(url_for("extractions.show", extraction_id=saved.id), 303)
    return run_starts.start_run(saved.id)


@bp.get("/extractions/<public_id:draft_id>/setup/checks")
@fragment
@needs_role(Role.EDITOR)
def checks(draft_id: str) -> ResponseReturnValue:
    """Check whether source and destination answer; the page requests this after loading."""
    draft = drafts.editable(draft_id)
    try:
        destination = _destination(draft)
        found = _checks(draft, destination)
        # The checks may have found out more about what later runs load.
        rows = _rows(draft, destination, str(_settings(draft, destination)["dataset"])) if destination else []
    except ObjectDeletedError:
        # It became an extraction during the check, so the page is gone too.
        abort(404)
    what = render_template("extractions/setup/_what.html", rows=rows)
    return render_template("extractions/setup/_checks.html", checks=found) + what


def _destination(draft: ExtractionDraft) -> DestinationConnection | None:
    return loader.destination(draft.settings.get("destination"))


def usual_name(draft: ExtractionDraft, destination: DestinationConnection) -> str:
    """A unique name for the extraction."""
    wanted: str = gettext(
        "%(source)s to %(destination)s", source=draft.source.description, destination=destination.description
    )
    number, name = 1, wanted[:120]
    while service.is_description_taken(name):
        number += 1
        name = f"{wanted[:110]} {number}"
    return name


def _settings(draft: ExtractionDraft, destination: DestinationConnection) -> dict[str, Any]:
    stored = draft.settings
    names = [choice.name for choice in drafts.choices(draft) or []]
    usual = destinations.slug(str(destination.settings.get("schema", "")) or draft.source.description)
    return drafts.settings_of(
        draft,
        destination=destination.id,
        dataset=stored.get("dataset") or destinations.free_dataset(usual, destination, "", names),
        description=request.form.get("description", stored.get("description") or usual_name(draft, destination)),
    )


def _form(draft: ExtractionDraft, destination: DestinationConnection) -> ExtractionForm:
    return ExtractionForm(given=drafts.as_sent(_settings(draft, destination), drafts.choices(draft) or []))


def _rows(
    draft: ExtractionDraft, destination: DestinationConnection | None, dataset: str
) -> list[tuple[ObjectChoice, str, int | None, str]]:
    """The chosen objects, each with its table, its number of rows, and what later runs load."""
    chosen, dateless = drafts.choices(draft) or [], catalog.dateless(draft.source)
    shown_as, counts = destinations.dataset_is(destination, ""), catalog.kept_counts(draft.source)
    table_names = destinations.table_names(dataset, shown_as, [choice.name for choice in chosen])
    return [
        (choice, table, counts.get(choice.name), preview.later_runs(choice, draft.source, dateless))
        for choice, table in zip(chosen, table_names, strict=True)
    ]


def _page(draft: ExtractionDraft, destination: DestinationConnection, form: ExtractionForm) -> str:
    names = [choice.name for choice in drafts.choices(draft) or []]
    # The checks come first: they may find out more about what later runs load.
    checks = _checks(draft, destination) if "checks" in request.args else None
    found = catalog.objects_of(draft.source)
    schedule, timezone = str(form.schedule.data), schedule_picker.known_timezone(str(form.timezone.data))
    errors = {_STEP_OF.get(field.name, "destination"): list(map(str, field.errors)) for field in form if field.errors}
    return render_template(
        "extractions/setup/review.html",
        draft=draft,
        steps=step_list(draft, "review"),
        destination=destination,
        form=form,
        errors={step: said for step, said in errors.items() if step},
        rows=_rows(draft, destination, str(form.dataset.data)),
        dataset=str(form.dataset.data),
        dataset_word=texts.dataset_word(destination),
        outlook=schedule_picker.outlook(schedule, timezone, utcnow()),
        sum=objects.sum_of(names, found),
        quota=loader.quota_of(draft.source),
        no_access=access.explain(draft.source, found.problem) if found.problem else None,
        checks=checks,
    )


def _checks(draft: ExtractionDraft, destination: DestinationConnection | None) -> list[tuple[bool, str]]:
    """The results: whether each is good, and its text."""
    found = [_source_check(draft)]
    chosen, dateless = drafts.choices(draft) or [], catalog.dateless(draft.source)
    names = [choice.name for choice in chosen]
    reloaded = [each.name for each in chosen if preview.has_to_reload(each, draft.source, dateless)]
    if reloaded:
        text = gettext("No change date, so each run loads everything: %(names)s", names=", ".join(reloaded))
        found.append((True, text))
    if destination is not None:
        found.append(_destination_check(destination))
        settings = _settings(draft, destination)
        org_id = draft.source.org_id if settings["combines_orgs"] else ""
        taken = tables.wanted_by(None, destination, str(settings["dataset"]), names, org_id=org_id).taken
        owner = next(iter(taken.values()), "")
        found.append(
            (False, gettext("The extraction %(owner)s has one of these tables", owner=f"“{owner}”"))
            if taken
            else (True, gettext("Only other orgs are combined with this one in these tables"))
            if org_id
            else (True, gettext("No other extraction writes to these tables"))
        )
    return found


def _source_check(draft: ExtractionDraft) -> tuple[bool, str]:
    name = draft.source.description
    if draft.source.grant is None:
        return False, gettext("%(name)s isn’t connected yet", name=name)
    try:
        names = [choice.name for choice in drafts.choices(draft) or []]
        catalog.check(draft.source, names)
    except SalesforceError as error:
        return False, f"{name}: {trouble(error.problem).title}"
    return True, gettext("%(name)s answers", name=name)


def _destination_check(destination: DestinationConnection) -> tuple[bool, str]:
    name = destination.description
    try:
        destination_service.check(
            destination.kind, dict(destination.settings), destination_service.password_of(destination)
        )
    except DestinationError as error:
        return False, f"{name}: {trouble(error.fault).sentences}"
    return True, gettext("%(name)s can be written to", name=name)
