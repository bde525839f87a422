"""Differences between Salesforce and the destination over several runs: new ones, and those that stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask_babel import format_decimal, gettext, ngettext

from datasync_flask.extractions.models import Extraction, ExtractionObject, Run, RunObject, RunState

# A busy org's counts differ by a few rows in most runs: a gap persists if seen three times, or twice with equal size.
RUNS_THAT_SAY_IT_STAYS = 3
# The condition for rows that say something about differences.
IS_COMPARED = (RunObject.step == "done") & RunObject.source_count.is_not(None) & RunObject.target_count.is_not(None)


@dataclass(frozen=True)
class Gap:
    """How many rows an object has on each side, and how many consecutive runs have shown this difference."""

    name: str
    source: int
    target: int
    runs: int = 1
    stays: bool = False

    @property
    def rows(self) -> int:
        """How many rows are missing, or too many."""
        return abs(self.source - self.target)

    @property
    def is_missing(self) -> bool:
        """True when rows are missing in the destination."""
        return self.source > self.target

    @property
    def title(self) -> str:
        """The text for a table."""
        number = format_decimal(self.rows)
        if self.is_missing:
            return gettext("%(number)s fewer", number=number)
        return gettext("%(number)s more", number=number)

    def title_at(self, place: str) -> str:
        """The text above a way out of it."""
        return gap_title(place, self.name, self.source - self.target)

    @property
    def text(self) -> str:
        """The meaning, and what to do."""
        number = format_decimal(self.rows)
        if self.is_missing and self.stays:
            return ngettext(
                "Still %(number)s fewer than in Salesforce, the same gap as last time. "
                "A normal run doesn’t fix it: reload %(name)s.",
                "Still %(number)s fewer than in Salesforce, for %(num)s runs now. "
                "A normal run doesn’t fix it: reload %(name)s.",
                self.runs if self.runs > 2 else 1,
                number=number, name=self.name,
            )  # fmt: skip
        if self.is_missing:
            return gettext(
                "%(number)s fewer than in Salesforce. If they were added during the run, "
                "the next run should load them.",
                number=number,
            )
        if self.stays:
            return gettext("Still %(number)s more than in Salesforce. Reload %(name)s.", number=number, name=self.name)
        return gettext(
            "%(number)s more than in Salesforce. If they were deleted during the run, the next run should remove them.",
            number=number,
        )


def gap_title(place: str, name: str, missing: int) -> str:
    """How many of an object's rows are missing at a destination, or too many (below 0)."""
    names = {"name": name, "rows": format_decimal(abs(missing)), "place": place}
    if missing > 0:
        return ngettext(
            "%(name)s: %(rows)s row is missing in %(place)s", "%(name)s: %(rows)s rows are missing in %(place)s",
            missing, **names,
        )  # fmt: skip
    return ngettext(
        "%(name)s: %(rows)s row too many in %(place)s", "%(name)s: %(rows)s rows too many in %(place)s",
        -missing, **names,
    )  # fmt: skip


def types_of(extraction: Extraction) -> dict[str, str]:
    """The tracking type of each object."""
    return {chosen.name: chosen.effective_tracking_type.value for chosen in extraction.objects}


def of_run(run: Run, types: Mapping[str, str]) -> dict[str, Gap]:
    """The differences at the end of one run, by object, whatever earlier runs had."""
    return {row.name: gap for row in run.objects if (gap := _of_row(row, types)) is not None}


def over_runs(history: Sequence[Run], types: Mapping[str, str]) -> dict[str, Gap]:
    """The difference of each object at its last comparison; the newest run comes first."""
    found = {}
    for name in {row.name for run in history for row in run.objects}:
        gap = over_rows([row for run in history for row in run.objects if row.name == name], types)
        if gap is not None:
            found[name] = gap
    return dict(sorted(found.items()))


def over_rows(rows: Sequence[RunObject], types: Mapping[str, str]) -> Gap | None:
    """The difference of one object at its last comparison; its row in the newest run comes first."""
    gaps: list[Gap] = []
    for row in filter(_is_compared, rows):
        gap = _of_row(row, types)
        if gap is None or (gaps and gap.is_missing != gaps[0].is_missing):
            break
        gaps.append(gap)
        # A difference after a full load can't be older than that load.
        if row.is_whole:
            break
    if not gaps:
        return None
    is_same = len(gaps) > 1 and gaps[0].rows == gaps[1].rows
    newest = gaps[0]
    return Gap(newest.name, newest.source, newest.target, len(gaps), is_same or len(gaps) >= RUNS_THAT_SAY_IT_STAYS)


def _is_compared(row: RunObject) -> bool:
    return row.step == "done" and row.source_count is not None and row.target_count is not None


def _of_row(row: RunObject, types: Mapping[str, str]) -> Gap | None:
    if row.source_count is None or row.target_count is None or row.source_count == row.target_count:
        return None
    # Tracking by date alone never removes rows, so extra rows are no gap.
    if row.target_count > row.source_count and types.get(row.name) == "date":
        return None
    return Gap(row.name, row.source_count, row.target_count)


def lasting(chosen: ExtractionObject, rows: Sequence[RunObject]) -> int:
    """How many rows of an object are missing, or too many (below 0), if normal runs don't fix it; else 0."""
    gap = over_rows(rows, {chosen.name: chosen.effective_tracking_type.value})
    return gap.source - gap.target if gap is not None and gap.stays else 0


def is_problem(run: Run, types: Mapping[str, str]) -> bool:
    """True for a run that failed, or left a difference."""
    return run.state == RunState.FAILED or bool(run.state == RunState.DONE and of_run(run, types))
