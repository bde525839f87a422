"""All settings of an extraction on one page: for editing an existing one, and for a refused POST that should have
created one at once. htmx, and buttons that change the list of objects, get the page back with everything typed.
"""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask.addresses import wants_fragment
from datasync_flask.connections.descriptions import DescriptionTaken
from datasync_flask.extractions import catalog, formula_fields, loader, service
from datasync_flask.extractions.forms import ExtractionForm
from datasync_flask.extractions.models import Extraction
from datasync_flask.extractions.setup import access, destinations, object_settings, objects, schedule_picker
from datasync_flask.extractions.tables import TableTaken
from datasync_flask.salesforce_connections.settings import TRACKING_TYPES


def answer(extraction: Extraction | None) -> ResponseReturnValue:
    """Show the form, or save what was sent."""
    form = ExtractionForm(extraction)
    if extraction is not None:
        # Another org's objects would take their places in the tables.
        form.source.data = extraction.source_id
    if not form.is_submitted() or wants_fragment() or _is_preview():
        return _page(form, extraction)
    if form.validate():
        if extraction is not None and form.was_overtaken(extraction.updated_at):
            form.form_errors = [str(service.OVERTAKEN)]
            return _page(form, extraction), 422
        try:
            saved = service.save(extraction, form.settings(), by=current_user.id)
        except (DescriptionTaken, TableTaken):
            form.validate()
        else:
            for text in [gettext("Saved."), *form.not_tried]:
                flash(text)
            return redirect(url_for("extractions.show", extraction_id=saved.id), 303)
    return _page(form, extraction), 422


def _is_preview() -> bool:
    return bool({"show", "all"} & request.form.keys()) or request.form.get("do") == "search"


def _page(form: ExtractionForm, extraction: Extraction | None) -> str:
    source = loader.source(form.source.data)
    found = catalog.objects_of(source) if source is not None else catalog.Catalog([])
    chosen = list(dict.fromkeys(form.objects.data or []))
    destination = loader.destination(form.destination.data)
    shown_as = destinations.dataset_is(destination, destinations.USUAL_KIND)
    dateless = catalog.dateless(source, extraction) if source is not None else set()
    timezone = schedule_picker.known_timezone(form.timezone.data or "")
    outlook = schedule_picker.outlook_of(form.picked, timezone)
    return render_template(
        "extractions/form.html",
        form=form,
        extraction=extraction,
        source=source,
        found=found,
        chosen=chosen,
        labels={entry.name: entry.label for entry in found.entries},
        listing=objects.listing(found, objects.View.of(request.form), except_for=chosen),
        no_access=access.explain(source, found.problem) if source is not None and found.problem else None,
        tracking_types=TRACKING_TYPES,
        usual_tracking=TRACKING_TYPES[source.tracking_type][0] if source is not None else "",
        summary_of=lambda choice: object_settings.summary(choice, source, dateless) if source is not None else "",
        combined=loader.combining_at(destination, except_id=extraction.id if extraction else ""),
        dataset_label=destinations.DATASET_LABELS[shown_as],
        picker=schedule_picker,
        timezone=timezone,
        outlook=outlook,
        calls_a_day=outlook.runs_a_day * objects.calls_a_run(chosen)
        + formula_fields.calls_a_day(
            form.formula_rhythm.data or "",
            outlook.runs_a_day,
            {name: form.choice(name).tracking_type or (source.tracking_type if source else "") for name in chosen},
            found.counts or {},
            extraction,
        ),
        quota=loader.quota_of(source) if source is not None else None,
    )
