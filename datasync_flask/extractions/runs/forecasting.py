"""Stores what a run will cost before it spends much."""

from __future__ import annotations

from collections.abc import Sequence

from datasync_flask.extensions import db
from datasync_flask.extractions import forecast, loader
from datasync_flask.extractions.runs import states
from datasync_flask.extractions.runs.object_run import ObjectRun
from datasync_flask.salesforce import bulk
from datasync_flask.salesforce.api import SalesforceApi


def write_forecast(run_id: str, api: SalesforceApi, object_runs: Sequence[ObjectRun]) -> None:
    """Store what the run will cost, and warn if the org's limits don't allow it; commits."""
    extraction = states.load(run_id).extraction
    refreshed = [each for each in object_runs if each.plan.refreshes_formulas]
    counts = loader.last_counts(extraction) if refreshed else {}
    cost = forecast.total(
        forecast.of_object(is_whole=each.plan.is_whole, rows=each.progress.expected, fields=len(each.plan.fields))
        for each in object_runs
    ) + forecast.total(
        forecast.of_refresh(rows=counts.get(each.name), fields=1 + len(each.plan.formulas)) for each in refreshed
    )
    left = bulk.jobs_left(api) if cost.jobs else None
    values = {"forecast_calls": api.calls + cost.calls, "forecast_jobs": cost.jobs, "jobs_left": left}
    states.note_forecast(run_id, values)
    if api.usage is not None:
        used, most = api.usage
        if used + cost.calls > extraction.ceiling_in_calls(most):
            states.log(run_id, "the forecast is above the ceiling of API calls: the run will pause on its way")
        states.forecast_made.send(extraction, calls=cost.calls, used=used, most=most)
    if left is not None and left < cost.jobs:
        states.log(run_id, f"only {left} bulk jobs are left today: each object is read by one")
        for each in object_runs:
            each.may_slice = False
    db.session.commit()
