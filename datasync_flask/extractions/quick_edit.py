"""What can be changed in the list of extractions: description, schedule, labels, and whether the schedule is paused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import StringField

from datasync_flask.clock import utcnow
from datasync_flask.connections import labels
from datasync_flask.extensions import db
from datasync_flask.extractions import schedule, service
from datasync_flask.extractions.forms import DescribedExtraction
from datasync_flask.extractions.models import Extraction, extraction_labels
from datasync_flask.extractions.service import ExtractionSettings
from datasync_flask.extractions.setup import schedule_picker
from datasync_flask.forms import one_line, strip

labels.USES.append(extraction_labels)

EDITABLE = ("description", "schedule", "labels")


class QuickEditForm(DescribedExtraction):
    """One cell of the list."""

    schedule = StringField(
        _l("Schedule"),
        filters=[strip],
        description=_l("every 15 minutes, every hour, every day; or cron, like 30 6 * * 1-5. Empty: manual."),
        render_kw={"autocomplete": "off", "maxlength": 100},
    )
    labels = StringField(
        _l("Labels"),
        filters=[one_line, strip],
        description=_l("Short words, separated by commas."),
        render_kw={"autocomplete": "off", "maxlength": 450},
    )

    def __init__(self, extraction: Extraction, **kwargs: Any) -> None:
        super().__init__(data=values_of(extraction), **kwargs)
        self.extraction = extraction

    def validate_schedule(self, field: Any) -> None:
        """Parse the schedule."""
        field.data = schedule.normalised(field.data or "")

    def validate_labels(self, field: Any) -> None:
        """Limit labels to what fits into a row of the list."""
        labels.check(field.data or "")


def values_of(extraction: Extraction) -> dict[str, str]:
    """The stored values of the editable cells, as people type them."""
    return {
        "description": extraction.description,
        "schedule": schedule_picker.typed(extraction.schedule),
        "labels": labels.joined(extraction.labels),
    }


def change(extraction: Extraction, values: dict[str, str], *, by: int | None) -> Extraction:
    """Store some of the editable values; commits. Raises DescriptionTaken."""
    before = labels.joined(extraction.labels)
    if "labels" in values and labels.put(extraction, labels.parse(values["labels"])):
        changes = {"labels": [before, labels.joined(extraction.labels)]}
        service.record_change(extraction, changes, by)
        # A new version makes open lists show the row again.
        extraction.updated_at = utcnow()
    stored = ExtractionSettings.of(extraction)
    settings = replace(
        stored,
        description=values.get("description", stored.description),
        schedule=values.get("schedule", stored.schedule),
    )
    return service.save(extraction, settings, by=by)


def pause(extraction: Extraction, is_paused: bool, *, by: int | None) -> None:
    """Stop the schedule from starting runs, or let it start them again; commits."""
    if extraction.is_paused == is_paused:
        return
    extraction.is_paused, extraction.updated_at = is_paused, utcnow()
    extraction.next_run_at = schedule.next_of(extraction, utcnow())
    service.record_change(extraction, {"is_paused": [not is_paused, is_paused]}, by)
    db.session.commit()
