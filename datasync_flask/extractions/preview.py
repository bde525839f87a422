"""What the next run will do with an object, and details of an org's object."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from datasync_flask.clock import utcnow
from datasync_flask.extractions import forecast, formula_fields
from datasync_flask.extractions.catalog import Described
from datasync_flask.extractions.models import Extraction, ExtractionObject
from datasync_flask.extractions.runs.plan import cursor_of, loadable
from datasync_flask.extractions.service import ObjectChoice
from datasync_flask.salesforce.descriptions import Field
from datasync_flask.salesforce.query_support import Reading, reading_of
from datasync_flask.salesforce_connections.models import SalesforceConnection, TrackingType


@dataclass(frozen=True)
class ObjectPreview:
    """One object of an extraction with what the next run does."""

    chosen: ExtractionObject
    tracking_type: TrackingType
    text: str
    since: datetime | None


def has_to_reload(
    choice: ObjectChoice | ExtractionObject, source: SalesforceConnection, dateless: Collection[str]
) -> bool:
    """True for an object whose changes should be tracked, but that has no date to detect them by."""
    tracking = TrackingType(choice.tracking_type or source.tracking_type)
    return tracking is not TrackingType.NONE and choice.name in dateless and not choice.cursor_field


def later_runs(choice: ObjectChoice | ExtractionObject, source: SalesforceConnection, dateless: Collection[str]) -> str:
    """What later runs load; `dateless` are the objects that have no date to detect changes by."""
    if has_to_reload(choice, source, dateless):
        return gettext("Everything: no change date")
    words = {
        TrackingType.NONE: gettext("Everything"),
        TrackingType.DATE: gettext("Changes"),
        TrackingType.DATE_DELETES: gettext("Changes and deletions"),
    }
    return words[TrackingType(choice.tracking_type or source.tracking_type)]


def of_object(chosen: ExtractionObject, extraction: Extraction, dateless: Collection[str]) -> ObjectPreview:
    """A text about what each run does, as far as known without asking Salesforce."""
    tracking = chosen.effective_tracking_type
    text, since = later_runs(chosen, extraction.source, dateless), None
    if tracking is not TrackingType.NONE and not has_to_reload(chosen, extraction.source, dateless):
        if chosen.loaded_at is None:
            text = gettext("Everything in the first run, then what changed")
        elif chosen.watermark is None:
            text = gettext("Everything in the next run, then what changed")
        else:
            since = chosen.watermark - timedelta(minutes=extraction.overlap_minutes)
    had_history = chosen.loaded_as and chosen.loaded_as.keeps_history
    if had_history is False and chosen.keeps_history:
        text = gettext("Everything once, which becomes the first version of each row")
    elif had_history and not chosen.keeps_history:
        text = gettext("Everything once, then the current rows only: older versions are deleted.")
    elif chosen.keeps_history:
        text += ", " + gettext("with history")
    if chosen.marks_deleted and tracking is TrackingType.DATE_DELETES:
        text += ", " + gettext("deleted rows are marked")
    return ObjectPreview(chosen, tracking, text, since)


def next_cost(extraction: Extraction, counts: dict[str, int]) -> forecast.Cost:
    """What the next run will cost, estimated from earlier runs."""
    costs = [forecast.of_descriptions(len(extraction.objects))]
    for chosen in extraction.objects:
        other_history = chosen.loaded_as is not None and chosen.loaded_as.keeps_history != chosen.keeps_history
        is_whole = chosen.watermark is None or other_history
        rows = counts.get(chosen.name) if is_whole else None
        costs.append(forecast.of_object(is_whole=is_whole, rows=rows, fields=len(chosen.columns) or 50))
        if not is_whole and formula_fields.is_refreshed(chosen, extraction, extraction.next_run_at or utcnow()):
            costs.append(formula_fields.cost_of(chosen, counts.get(chosen.name)))
    return forecast.total(costs)


@dataclass(frozen=True)
class ObjectDetails:
    """An org's object: its date, how it is read, its number of rows if requested, and what isn't loaded."""

    name: str
    label: str
    rows: int | None
    cursor: str
    fields: tuple[Field, ...]
    formulas: tuple[Field, ...]
    not_loaded: tuple[Field, ...]
    reading: str
    # None: Salesforce doesn't say.
    hidden: list[str] | None


READING_TEXTS = {
    Reading.BULK: _l("Bulk API, by pages"),
    Reading.REST: _l("REST: the Bulk API doesn’t offer this object"),
    Reading.FILTER: _l("only with a filter, such as one id: Salesforce refuses to list all rows"),
    Reading.NEVER: _l("not at all: Salesforce allows no query of it"),
}


def of_description(described: Described) -> ObjectDetails:
    """The details of an object for its page."""
    description = described.description
    fields = loadable(description)
    return ObjectDetails(
        description.name,
        description.label,
        described.rows,
        cursor_of(description),
        fields,
        tuple(field for field in fields if field.is_self_moving),
        tuple(field for field in description.fields if field not in fields),
        str(READING_TEXTS[reading_of(description.name)]),
        described.hidden,
    )
