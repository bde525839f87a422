"""What the page of an extraction shows: whether its data is up to date and complete, its objects, charts and runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from datasync_flask.clock import utcnow
from datasync_flask.extractions import catalog, charts, gaps, loader, preview, tables, treatments
from datasync_flask.extractions.gaps import Gap
from datasync_flask.extractions.models import Extraction, ExtractionObject, Run, RunState
from datasync_flask.extractions.run_page import pill_of, seconds_of, started_by
from datasync_flask.extractions.texts import duration_text, run_trouble
from datasync_flask.problems.registry import trouble
from datasync_flask.problems.trouble import During


@dataclass(frozen=True)
class ObjectLine:
    """One object with what is in its table."""

    preview: preview.ObjectPreview
    table: str
    rows: int | None
    source: int | None
    gap: Gap | None

    @property
    def chosen(self) -> ExtractionObject:
        """The object as it is stored."""
        return self.preview.chosen

    @property
    def personal(self) -> str:
        """How many fields are hashed and left out."""
        return treatments.summary(self.chosen)


@dataclass(frozen=True)
class RunLine:
    """One run in the list of runs."""

    run: Run
    tone: str
    text: str
    reason: str
    duration: str
    rows: int
    deleted: int
    by: str


@dataclass(frozen=True)
class Quota:
    """The org's API calls today, and the share at which runs pause."""

    used: int
    most: int
    percent: float
    ceiling: int


def context(extraction: Extraction, *, only_problems: bool) -> dict[str, Any]:
    """The values for the page."""
    history = loader.runs_of(extraction.id)
    types = gaps.types_of(extraction)
    differences = gaps.over_runs(history, types)
    chosen = {each.name for each in extraction.objects}
    stored, counts = loader.rows_in_destination(extraction), loader.last_counts(extraction)
    dateless = catalog.dateless(extraction.source, extraction)
    table_of = tables.of_extraction(extraction.id)
    problems = [run for run in history if gaps.is_problem(run, types)]
    newest = next((run for run in history if run.is_over), None)
    failed = newest if newest is not None and newest.state == RunState.FAILED else None
    lines = [
        ObjectLine(
            preview.of_object(each, extraction, dateless),
            table_of.get(each.name, ""),
            stored.get(each.name) if each.table_name else None,
            counts.get(each.name),
            differences.get(each.name),
        )
        for each in extraction.objects
    ]
    return {
        "extraction": extraction,
        "as_of": _as_of(extraction),
        "is_late": extraction.next_run_at is not None and extraction.next_run_at < utcnow(),
        "rows": sum(line.rows for line in lines if line.rows is not None) if stored else None,
        "last_rows": newest.rows if newest is not None and newest.state == RunState.DONE else None,
        "quota": _quota(extraction),
        "cost": preview.next_cost(extraction, counts),
        "lines": lines,
        "staying": [gap for name, gap in differences.items() if gap.stays and name in chosen],
        "failure": trouble(failed.problem, During.RUN) if failed is not None else None,
        "failed_run": failed,
        "charts": charts.of_runs(history),
        "open_run": next((run for run in history if not run.is_over), None),
        "runs": [_run_line(run, types) for run in (problems if only_problems else history)],
        "run_count": len(history),
        "problem_count": len(problems),
        "only_problems": only_problems,
    }


def _as_of(extraction: Extraction) -> datetime | None:
    """The time as of which the oldest table is up to date; None while one of them has never been loaded."""
    moments = [chosen.watermark or chosen.loaded_at for chosen in extraction.objects if chosen.loaded_at]
    return min(filter(None, moments)) if moments and len(moments) == len(extraction.objects) else None


def _quota(extraction: Extraction) -> Quota | None:
    heard = loader.quota_of(extraction.source)
    if heard is None or not heard[1]:
        return None
    left, most = heard
    return Quota(most - left, most, round((most - left) / most * 100, 1), extraction.quota_ceiling)


def _run_line(run: Run, types: Mapping[str, str]) -> RunLine:
    tone, text = pill_of(run, len(gaps.of_run(run, types)))
    seconds, found = seconds_of(run.started_at, run.ended_at), run_trouble(run)
    return RunLine(
        run=run,
        tone=tone,
        text=text,
        reason=found.title if found is not None else "",
        duration=duration_text(seconds) if seconds is not None else "",
        rows=run.rows,
        deleted=sum(row.deleted for row in run.objects),
        by=started_by(run),
    )
