"""For pages: how often fields that change without their record's date are refreshed, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from flask_babel import lazy_gettext as _l

from datasync_flask.extractions import forecast
from datasync_flask.extractions.models import Extraction, ExtractionObject
from datasync_flask.extractions.runs.formula_rhythm import FormulaRhythm
from datasync_flask.salesforce_connections.models import TrackingType

RHYTHMS = {
    FormulaRhythm.EACH_RUN.value: _l("With each run"),
    FormulaRhythm.DAILY.value: _l("Once a day"),
    FormulaRhythm.WEEKLY.value: _l("Once a week"),
    FormulaRhythm.NEVER.value: _l("Never, only when everything is reloaded"),
}
RHYTHM_HINT = _l(
    "Salesforce doesn’t report when the value of a formula changes. A refresh reads the Id and these fields of all "
    "rows and writes the rows that differ. It costs one API call for each 2,000 rows, or one bulk job and a few calls "
    "for more than 6,000 rows."
)
# Assumed number of formula fields while an object's own is unknown.
_FIELDS = 10


def is_refreshed(chosen: ExtractionObject, extraction: Extraction, at: datetime) -> bool:
    """True when a run that starts now and reads only changes refreshes fields of the object."""
    rhythm = FormulaRhythm(extraction.formula_rhythm)
    return bool(chosen.formula_fields) and rhythm.is_due(chosen.formulas_fresh_at, at)


def cost_of(chosen: ExtractionObject, rows: int | None) -> forecast.Cost:
    """The cost of one refresh of an object."""
    return forecast.of_refresh(rows=rows, fields=1 + len(chosen.formula_fields))


def calls_a_day(
    rhythm: str, runs_a_day: float, tracking: Mapping[str, str], counts: Mapping[str, int], stored: Extraction | None
) -> int:
    """About how many API calls refreshes take each day; `tracking` is the tracking type of each chosen object.

    An object that hasn't been loaded yet counts as having such fields.
    """
    known = FormulaRhythm(rhythm) if rhythm in RHYTHMS else FormulaRhythm.DAILY
    loaded = {each.name: each for each in stored.objects if each.loaded_at} if stored is not None else {}
    costs = [
        forecast.of_refresh(rows=counts.get(name), fields=1 + _FIELDS)
        for name, kind in tracking.items()
        if kind != TrackingType.NONE and (name not in loaded or loaded[name].formula_fields)
    ]
    return round(forecast.total(costs).calls * known.times_a_day(runs_a_day))
