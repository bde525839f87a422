"""Plots of an extraction's runs, as numbers that a template draws as SVG; each with its text alternative."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from flask_babel import gettext

from datasync_flask.extractions.loader import DayOfCalls
from datasync_flask.extractions.models import Run, RunState

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
    note: str = ""


def of_runs(runs: Sequence[Run]) -> list[Chart]:
    """Return rows, duration and API calls of the newest runs that ended, the oldest first."""
    ended = [run for run in reversed(runs) if run.ended_at and run.started_at][-MOST_BARS:]
    if not ended:
        return []

    def seconds(run: Run) -> float:
        return (run.ended_at - run.started_at).total_seconds() if run.ended_at and run.started_at else 0.0

    lag = _lag([run for run in ended if run.state == RunState.DONE])
    behind = [_drawn("lag", gettext("Minutes behind Salesforce before each run"), lag, "{:,.1f}")] if lag else []
    return [
        *behind,
        _chart("rows", gettext("Rows per run"), ended, lambda run: sum(each.rows for each in run.objects), "{:,.0f}"),
        _chart("seconds", gettext("Seconds per run"), ended, seconds, "{:,.1f}"),
        _chart("calls", gettext("API calls per run"), ended, lambda run: run.api_calls, "{:,.0f}"),
    ]


def of_days(days: Sequence[DayOfCalls]) -> list[Chart]:
    """Return the API calls per day beside the org's limit."""
    if not days:
        return []
    values = [float(day.calls) for day in days][-MOST_BARS:]
    most = next((day.most for day in reversed(days) if day.most), None)
    chart = _drawn("calls-per-day", gettext("API calls per day"), values, "{:,.0f}", [str(day.day) for day in days])
    if most is None:
        return [chart]
    share = max(values) / most * 100
    words = gettext("The org may make %(most)s a day; the busiest day used %(share)s %%.",
                    most=f"{most:,}", share=f"{share:,.1f}")  # fmt: skip
    return [replace(chart, summary=f"{chart.summary} {words}", note=str(words))]


def _lag(runs: Sequence[Run]) -> list[float]:
    """Return, for each run after the first, how old the tables were when it began, in minutes."""
    return [
        (after.started_at - before.started_at).total_seconds() / 60
        for before, after in itertools.pairwise(runs)
        if before.started_at and after.started_at
    ]


def _chart(key: str, title: str, runs: list[Run], value: Callable[[Run], float], form: str) -> Chart:
    return _drawn(key, title, [float(value(run)) for run in runs], form)


def _drawn(key: str, title: str, values: list[float], form: str, names: Sequence[str] = ()) -> Chart:
    most = max(values) or 1.0
    step = WIDTH / max(len(values), 8)
    words = [form.format(amount) for amount in values]
    if names:
        words = [f"{name}: {amount}" for name, amount in zip(names[-len(words) :], words, strict=True)]
    bars = tuple(
        Bar(round(place * step, 1), round(HEIGHT - amount / most * HEIGHT, 1), round(step * 0.8, 1),
            round(max(amount / most * HEIGHT, 1), 1), words[place])
        for place, amount in enumerate(values)
    )  # fmt: skip
    summary = gettext(
        "%(title)s: the last %(last)s, at most %(most)s, %(count)s bars.",
        title=title, last=form.format(values[-1]), most=form.format(max(values)), count=len(values),
    )  # fmt: skip
    return Chart(key, str(title), str(summary), bars)
