"""Plots of an extraction's runs, as numbers that a template draws as SVG; each with its text alternative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask_babel import gettext

from datasync_flask.extractions.models import Run

MOST_BARS = 30
WIDTH, HEIGHT = 300, 80


@dataclass(frozen=True)
class Bar:
    """One run: where its bar stands and how high it is, in the plot's units."""

    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True)
class Chart:
    """One plot."""

    key: str
    title: str
    summary: str
    bars: tuple[Bar, ...]


def of_runs(runs: Sequence[Run]) -> list[Chart]:
    """Return rows, duration and API calls of the newest runs that ended, the oldest first."""
    ended = [run for run in reversed(runs) if run.ended_at and run.started_at][-MOST_BARS:]
    if not ended:
        return []

    def seconds(run: Run) -> float:
        return (run.ended_at - run.started_at).total_seconds() if run.ended_at and run.started_at else 0.0

    return [
        _chart("rows", gettext("Rows per run"), ended, lambda run: sum(each.rows for each in run.objects), "{:,.0f}"),
        _chart("seconds", gettext("Seconds per run"), ended, seconds, "{:,.1f}"),
        _chart("calls", gettext("API calls per run"), ended, lambda run: run.api_calls, "{:,.0f}"),
    ]


def _chart(key: str, title: str, runs: list[Run], value: Callable[[Run], float], form: str) -> Chart:
    values = [float(value(run)) for run in runs]
    most = max(values) or 1.0
    step = WIDTH / max(len(runs), 8)
    bars = tuple(
        Bar(round(place * step, 1), round(HEIGHT - amount / most * HEIGHT, 1), round(step * 0.8, 1),
            round(max(amount / most * HEIGHT, 1), 1), form.format(amount))
        for place, amount in enumerate(values)
    )  # fmt: skip
    summary = gettext(
        "%(title)s: the last %(last)s, at most %(most)s, over %(count)s runs.",
        title=title, last=form.format(values[-1]), most=form.format(max(values)), count=len(values),
    )  # fmt: skip
    return Chart(key, str(title), str(summary), bars)
