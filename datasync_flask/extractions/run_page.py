"""What the page of a run shows: each object's progress, what the run waits for, its result and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import format_decimal, gettext, ngettext

from datasync_flask.clock import utcnow
from datasync_flask.extractions import gaps, loader, tables
from datasync_flask.extractions.gaps import Gap
from datasync_flask.extractions.models import Extraction, Run, RunObject, RunState
from datasync_flask.extractions.note_texts import note_text
from datasync_flask.extractions.runs import states
from datasync_flask.extractions.runs.rates import Seen
from datasync_flask.extractions.texts import duration_text, run_state, run_tone, run_trouble, step_text
from datasync_flask.problems.registry import code_of, trouble
from datasync_flask.problems.run import RunProblem
from datasync_flask.problems.trouble import During, Trouble

# How often an open page polls.
POLL_SECONDS = 1


@dataclass(frozen=True)
class Line:
    """One object of a run."""

    row: RunObject
    # The names in parts/progress.html: ok, now, warn or nothing.
    mark: str
    text: str
    count: str
    time: str
    value: int
    most: int
    # The position of its bar, in percent of the run's time.
    start: float
    width: float
    gap: Gap | None
    trouble: Trouble | None
    # A text about a large object's slices that are being read.
    slices: Sequence[str] = ()

    @property
    def tone(self) -> str:
        """The colour of its bar."""
        return {"ok": "good", "warn": "wait"}.get(self.mark, "")


@dataclass(frozen=True)
class Whole:
    """The run as a whole: how many rows are read, of how many, and how long it takes."""

    rows: int
    expected: int
    # False while the number of rows of some object is unknown.
    is_known: bool
    elapsed: str
    left: str

    @property
    def percent(self) -> int:
        """How much has been read."""
        return min(100 * self.rows // self.expected, 100) if self.expected else 0


def context(extraction: Extraction, run: Run, seen: Seen) -> dict[str, Any]:
    """The values for the page and its fragment."""
    now, is_over = utcnow(), run.is_over
    types = gaps.types_of(extraction)
    differences = gaps.over_runs(loader.runs_until(run), types) if run.state == RunState.DONE else {}
    here = {row.name for row in run.objects}
    differences = {name: gap for name, gap in differences.items() if name in here}
    seen = seen.then(now, {row.name: row.rows for row in run.objects if row.step == "reading"})
    lines = [_line(row, run, differences.get(row.name), seen, now) for row in run.objects]
    whole = _whole(run, seen, now)
    result = _result(extraction, lines, whole) if run.state == RunState.DONE else None
    return {
        "extraction": extraction,
        "run": run,
        "is_over": is_over,
        "is_polled": not is_over,
        "poll_seconds": POLL_SECONDS,
        "seen": seen,
        "lines": lines,
        "whole": whole,
        "pill_tone": pill_of(run, len(differences))[0],
        "pill_text": pill_of(run, len(differences))[1],
        "started_by": started_by(run),
        "headline": _headline(run, whole),
        "tab_title": _tab_title(run, whole, len(differences)),
        "news": _news(run, len(differences), result),
        "result": result,
        "differences": list(differences.values()),
        "trouble": run_trouble(run),
        "quota": _quota(extraction, run),
        "first_rows": _first_rows(run),
        # At the run's own ceiling, or at Salesforce's limit, of which it told in its words.
        "is_at_ceiling": run.problem == code_of(RunProblem.QUOTA) and not run.problem_detail,
        "is_at_limit": run.problem == code_of(RunProblem.QUOTA) and bool(run.problem_detail),
        "intact": [line.row.name for line in lines if line.row.step == "done"],
        "not_loaded": [line.row.name for line in lines if line.row.step != "done"] if is_over else [],
        "good_to_know": _notes(run),
        "tables": tables.of_extraction(extraction.id),
        "log": loader.log_of(run),
    }


def pill_of(run: Run, differences: int) -> tuple[str, str]:
    """The tone and the text of a run's state; a run that left differences isn't simply done."""
    if run.state == RunState.DONE and differences:
        return "warning", ngettext("Done, %(num)s difference", "Done, %(num)s differences", differences)
    return run_tone(run.state), run_state(run.state)


def started_by(run: Run) -> str:
    """Who started a run."""
    return gettext("Schedule") if run.started_by == states.SCHEDULE else run.started_by


def seconds_of(started_at: datetime | None, ended_at: datetime | None) -> int | None:
    """How long something took; None while it isn't over."""
    if started_at is None or ended_at is None:
        return None
    return max(round((ended_at - started_at).total_seconds()), 0)


def _line(row: RunObject, run: Run, gap: Gap | None, seen: Seen, now: datetime) -> Line:
    seconds = seconds_of(row.started_at, row.ended_at or (None if run.is_over else now))
    start, width = _share(row, run, now)
    most = max(row.expected or 0, row.rows)
    return Line(
        row=row,
        mark=_mark(row, gap, is_idle=run.state != RunState.RUNNING),
        text=_row_text(row, run, gap, seen, now),
        count=_count(row),
        time=duration_text(seconds) if seconds is not None and not _is_next(row) else "",
        value=row.rows,
        most=most,
        start=start,
        width=width,
        gap=gap,
        trouble=trouble(row.problem, During.RUN) if row.problem else None,
        slices=_slices(row) if row.step == "reading" and not row.is_read else (),
    )


def _mark(row: RunObject, gap: Gap | None, *, is_idle: bool) -> str:
    if row.step == "failed" or gap is not None:
        return "warn"
    if row.step == "done":
        return "ok"
    return "" if is_idle or _is_next(row) else "now"


def _is_next(row: RunObject) -> bool:
    """True for an object that has to wait: three objects are read at a time."""
    return row.step == "waiting" or (row.step == "reading" and not row.job_id and not row.rows and not row.is_read)


def _is_prepared_by_salesforce(row: RunObject) -> bool:
    return row.step == "reading" and bool(row.job_id) and not row.pages


def _row_text(row: RunObject, run: Run, gap: Gap | None, seen: Seen, now: datetime) -> str:
    if row.step == "done":
        if gap is not None:
            return gap.text
        is_equal = row.source_count is not None and row.source_count == row.target_count
        return gettext("Done. Equal to Salesforce.") if is_equal else gettext("Done")
    if row.step == "failed":
        return trouble(row.problem, During.RUN).title
    if run.is_over:
        return gettext("Not loaded")
    if run.state != RunState.RUNNING:
        return run_state(run.state)
    if _is_next(row):
        return gettext("Not started yet")
    if _is_prepared_by_salesforce(row):
        so_far = duration_text(seconds_of(row.started_at, now) or 0)
        return gettext("Waiting for Salesforce to prepare the data (bulk job, %(time)s so far)", time=so_far)
    if row.step == "reading" and row.is_read:
        return gettext("Read, waiting to be written")
    if row.step == "reading":
        return _reading_text(row, seen, now)
    return step_text(row.step)


def _reading_text(row: RunObject, seen: Seen, now: datetime) -> str:
    rate, left = seen.per_second(row.name, row.rows, now), _left([row], now)
    if not rate:
        return gettext("Reading")
    number = format_decimal(round(rate) or 1)
    if left is None:
        return gettext("Reading, %(number)s rows/s", number=number)
    return gettext("Reading, %(number)s rows/s, about %(time)s left", number=number, time=duration_text(left))


def _slices(row: RunObject) -> list[str]:
    """The progress of each slice that a bulk job is reading at the moment."""
    slices: list[dict[str, Any]] = row.progress.get("slices", [])
    unfinished = [(number, each) for number, each in enumerate(slices, 1) if each["job_id"] and not each["is_read"]]
    done = sum(each["is_read"] for each in slices)
    found = [
        gettext(
            "Slice %(number)s of %(all)s: %(rows)s of %(most)s rows",
            number=number, all=len(slices), rows=format_decimal(each["rows"]),
            most=format_decimal(max(each["expected"] or 0, each["rows"])),
        )
        for number, each in unfinished
    ]  # fmt: skip
    if done:
        found.insert(0, ngettext("%(num)s of %(all)s slice read", "%(num)s of %(all)s slices read", done,
                                 all=len(slices)))  # fmt: skip
    return found


def _first_rows(run: Run) -> str:
    """How long it took until the first rows were there; '' while there are none."""
    at = min((row.progress["first_rows_at"] for row in run.objects if row.progress.get("first_rows_at")), default="")
    if not at or run.started_at is None:
        return ""
    return duration_text(max(round((datetime.fromisoformat(at) - run.started_at).total_seconds()), 0))


def _left(rows: Sequence[RunObject], now: datetime) -> int | None:
    """The seconds left at the average pace so far; None if unknown."""
    read = sum(row.rows for row in rows)
    begun = min((row.started_at for row in rows if row.started_at), default=None)
    if begun is None or not read or any(row.expected is None for row in rows):
        return None
    rest = sum(max((row.expected or 0) - row.rows, 0) for row in rows)
    seconds = (now - begun).total_seconds()
    return round(rest * seconds / read) if rest and seconds > 0 else None


def _count(row: RunObject) -> str:
    rows = format_decimal(row.rows)
    if row.step in {"waiting", "reading"} and row.expected:
        most = format_decimal(row.expected)
        if _is_next(row):
            return gettext("about %(number)s", number=most)
        return gettext("%(number)s of %(most)s", number=rows, most=most)
    return rows


def _share(row: RunObject, run: Run, now: datetime) -> tuple[float, float]:
    """When an object's time begins within the run's time, and its share of it, in percent."""
    if run.started_at is None or row.started_at is None:
        return 0.0, 0.0
    all_seconds = max(((run.ended_at or now) - run.started_at).total_seconds(), 0.001)
    end = row.ended_at or run.ended_at or now
    start = min(max((row.started_at - run.started_at).total_seconds() / all_seconds * 100, 0), 98)
    width = (end - row.started_at).total_seconds() / all_seconds * 100
    return round(start, 1), round(min(max(width, 2), 100 - start), 1)


def _whole(run: Run, seen: Seen, now: datetime) -> Whole:
    expected = sum(max(row.expected or 0, row.rows) for row in run.objects)
    is_known = all(row.expected is not None or row.step in {"done", "failed"} for row in run.objects)
    elapsed = seconds_of(run.started_at, run.ended_at or now)
    unread = [row for row in run.objects if row.step in {"waiting", "reading"}]
    is_moving = any(seen.per_second(row.name, row.rows, now) for row in unread)
    left = _left(unread, now) if is_moving and run.state == RunState.RUNNING else None
    return Whole(
        rows=run.rows,
        expected=expected,
        is_known=is_known,
        elapsed=duration_text(elapsed) if elapsed is not None else "",
        left=duration_text(left) if left is not None else "",
    )


def _headline(run: Run, whole: Whole) -> str:
    if run.cancel_asked and not run.is_over:
        return gettext("Stopping after the current batch…")
    if run.state == RunState.QUEUED or (
        run.state == RunState.RUNNING and not any(row.started_at for row in run.objects)
    ):
        return gettext("Starting…")
    rows = format_decimal(whole.rows)
    if run.is_over or not whole.is_known:
        return ngettext("%(rows)s row", "%(rows)s rows", whole.rows, rows=rows)
    most = format_decimal(whole.expected)
    return ngettext("%(rows)s of about %(most)s row", "%(rows)s of about %(most)s rows", whole.expected,
                    rows=rows, most=most)  # fmt: skip


def _tab_title(run: Run, whole: Whole, differences: int) -> str:
    if run.state == RunState.RUNNING and whole.expected and whole.is_known:
        return gettext("%(percent)s %%", percent=whole.percent)
    return pill_of(run, differences)[1]


def _news(run: Run, differences: int, result: tuple[str, str] | None) -> str:
    """The text for screen readers when the state changes."""
    text = pill_of(run, differences)[1]
    if result is not None:
        return f"{text}. {result[0]}"
    found = run_trouble(run)
    return f"{text}. {found.title}." if found is not None else text


def _result(extraction: Extraction, lines: Sequence[Line], whole: Whole) -> tuple[str, str]:
    """Title and text of the result of a run that is done."""
    rows = sum(line.row.target_count or 0 for line in lines)
    title = ngettext("%(rows)s row is in %(name)s.", "%(rows)s rows are in %(name)s.", rows,
                     rows=format_decimal(rows), name=extraction.destination.description)  # fmt: skip
    text = ngettext("%(num)s table in %(time)s.", "%(num)s tables in %(time)s.", len(lines), time=whole.elapsed)
    if not any(line.gap for line in lines) and all(line.row.source_count == line.row.target_count for line in lines):
        text += " " + gettext("Every count matches Salesforce.")
    return title, text


def _quota(extraction: Extraction, run: Run) -> tuple[int, int, int] | None:
    """How many API calls the org has used today, how many it may use, and at how many runs pause."""
    if not run.calls_max or run.calls_used is None:
        return None
    return run.calls_used, run.calls_max, extraction.ceiling_in_calls(run.calls_max)


def _notes(run: Run) -> list[tuple[str, str]]:
    """Notes about objects: their names and the text, each text once."""
    names: dict[str, list[str]] = {}
    for row in run.objects:
        for note in row.notes:
            names.setdefault(note_text(note), []).append(row.name)
    return [(", ".join(of), text) for text, of in names.items()]
