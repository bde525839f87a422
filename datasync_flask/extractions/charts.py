"""Plots of an extraction's runs, as numbers that a template draws as SVG, with the same values as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import format_decimal, gettext

from datasync_flask.extractions.models import Run, RunState
from datasync_flask.extractions.run_page import seconds_of
from datasync_flask.extractions.texts import duration_text, run_state

MOST_BARS = 20
# Bars stand between the plot's top and its bottom, in pixels; across it they have percent, so that they fill any width.
TOP, BOTTOM = 22, 130
WIDEST_BAR = 9
# Values that three grid lines can have, times a power of ten.
_ROUND = (2, 4, 6, 8, 10)


@dataclass(frozen=True)
class Line:
    """A line of the grid and what it stands for."""

    y: float
    text: str


@dataclass(frozen=True)
class Point:
    """One run and its position in the plot: in percent across, in pixels down. Without a height there is no bar."""

    run_id: str
    at: datetime
    kind: str
    x: float
    width: float
    y: float
    height: float
    text: str
    result: str

    @property
    def middle(self) -> float:
        """Its centre."""
        return round(self.x + self.width / 2, 1)

    @property
    def text_at(self) -> tuple[float, str]:
        """The place and the anchor of the text above it, which goes towards the middle so that it isn't cut off."""
        return (self.x, "start") if self.middle < 50 else (round(self.x + self.width, 1), "end")


@dataclass(frozen=True)
class Chart:
    """One plot."""

    key: str
    title: str
    unit: str
    lines: tuple[Line, ...]
    points: tuple[Point, ...]

    @property
    def kinds(self) -> set[str]:
        """The kinds of points for its legend."""
        return {point.kind for point in self.points}

    @property
    def moments(self) -> list[datetime]:
        """When the first, the middle and the last of its runs began."""
        at = [point.at for point in self.points]
        return [at[0], at[len(at) // 2], at[-1]] if len(at) > 2 else at


def of_runs(runs: Sequence[Run]) -> list[Chart]:
    """Rows and duration of the newest finished runs; `runs` has the newest first."""
    over = [run for run in reversed(runs) if run.ended_at and run.started_at][-MOST_BARS:]
    if not over:
        return []
    return [
        _chart("rows", gettext("Rows per run"), gettext("Rows"), over, lambda run: run.rows, format_decimal),
        _chart("duration", gettext("Duration per run"), gettext("Duration"), over, _duration_of, duration_text),
    ]


def _duration_of(run: Run) -> int:
    return seconds_of(run.started_at, run.ended_at) or 0


def _chart(
    key: str, title: str, unit: str, runs: Sequence[Run], value_of: Callable[[Run], int], text: Callable[[int], str]
) -> Chart:
    full = _full_loads(runs)
    scaled = [value_of(run) for run in runs if run.id not in full]
    most = _round_up(max(scaled, default=0), is_time=key == "duration")
    lines = tuple(Line(_y(share * most, most), text(round(share * most))) for share in (0, 0.5, 1))
    step = 100 / len(runs)
    width = min(step * 0.76, WIDEST_BAR)
    points = []
    for place, run in enumerate(runs):
        value, kind = value_of(run), _kind(run, full)
        y = TOP if kind == "full" else _y(value, most)
        points.append(
            Point(
                run_id=run.id,
                at=run.queued_at,
                kind=kind,
                x=round((place + 0.5) * step - width / 2, 1),
                width=round(width, 1),
                y=y,
                height=round(BOTTOM - y, 1) if value else 0,
                text=text(value),
                result=run_state(run.state),
            )
        )
    return Chart(key, title, unit, lines, tuple(points))


def _kind(run: Run, full: set[str]) -> str:
    if run.state == RunState.FAILED:
        return "failed"
    return "full" if run.id in full else "column"


def _full_loads(runs: Sequence[Run]) -> set[str]:
    """The runs that loaded everything of an object whose other runs load only changes."""
    by_changes = {row.name for run in runs for row in run.objects if row.step == "done" and not row.is_whole}
    return {
        run.id
        for run in runs
        if run.state == RunState.DONE and any(row.is_whole and row.name in by_changes for row in run.objects)
    }


def _y(value: float, most: int) -> float:
    return round(BOTTOM - min(value / most, 1) * (BOTTOM - TOP), 1)


def _round_up(value: int, *, is_time: bool) -> int:
    """A round number for the end of a scale; half of it is also a round whole number."""
    unit = 60 if is_time and value > 120 else 1
    value = math.ceil(value / unit)
    power = 1
    while value > _ROUND[-1] * power:
        power *= 10
    return next(each * power for each in _ROUND if each * power >= value) * unit
