"""SOQL's date literals as spans of time: TODAY, LAST_N_DAYS:3, THIS_QUARTER.

Source: SOQL and SOSL Reference, "Date Formats and Date Literals". The org's time zone is UTC, its year the calendar's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

Span = tuple[datetime, datetime]

_FORM = re.compile(r"(?P<head>THIS|LAST|NEXT)_(?P<unit>WEEK|MONTH|QUARTER|YEAR)", re.A)
_COUNTED = re.compile(r"(?P<head>LAST|NEXT)_N_(?P<unit>DAY|WEEK|MONTH|QUARTER|YEAR)S:(?P<n>\d{1,5})", re.A)
_AGO = re.compile(r"N_(?P<unit>DAY|WEEK|MONTH|QUARTER|YEAR)S_AGO:(?P<n>\d{1,5})", re.A)
_DAYS = {"YESTERDAY": -1, "TODAY": 0, "TOMORROW": 1}


def _months(day: date, count: int) -> date:
    index = min(max(day.year * 12 + day.month - 1 + count, 12), 9998 * 12)
    return date(index // 12, index % 12 + 1, 1)


def _days(day: date, count: int) -> date:
    return date.fromordinal(min(max(day.toordinal() + count, 366), date(9998, 12, 31).toordinal()))


# For each unit: the first day of the unit that contains a day, and the first day of a later unit.
_STARTS: dict[str, Callable[[date], date]] = {
    "DAY": lambda day: day,
    "WEEK": lambda day: day - timedelta(days=(day.weekday() + 1) % 7),
    "MONTH": lambda day: day.replace(day=1),
    "QUARTER": lambda day: date(day.year, (day.month - 1) // 3 * 3 + 1, 1),
    "YEAR": lambda day: date(day.year, 1, 1),
}
_STEPS: dict[str, Callable[[date, int], date]] = {
    "DAY": _days,
    "WEEK": lambda day, count: _days(day, 7 * count),
    "MONTH": _months,
    "QUARTER": lambda day, count: _months(day, 3 * count),
    "YEAR": lambda day, count: _months(day, 12 * count),
}


def _span(first: date, after: date) -> Span:
    return datetime.combine(first, time(), UTC), datetime.combine(after, time(), UTC)


def span_of(word: str) -> Span | None:
    """The beginning of a date literal's span and its end (exclusive); None for anything else."""
    text, today = word.upper().replace("FISCAL_", ""), datetime.now(UTC).date()
    if text in _DAYS:
        return _span(_days(today, _DAYS[text]), _days(today, _DAYS[text] + 1))
    if text == "LAST_90_DAYS":
        text = "LAST_N_DAYS:90"
    if text == "NEXT_90_DAYS":
        text = "NEXT_N_DAYS:90"
    if (found := _FORM.fullmatch(text)) is not None:
        step, current = _STEPS[found["unit"]], _STARTS[found["unit"]](today)
        first = {"THIS": 0, "LAST": -1, "NEXT": 1}[found["head"]]
        return _span(step(current, first), step(current, first + 1))
    if (found := _COUNTED.fullmatch(text)) is not None:
        step, current, count = _STEPS[found["unit"]], _STARTS[found["unit"]](today), int(found["n"])
        if found["head"] == "NEXT":
            return _span(step(current, 1), step(current, count + 1))
        # LAST_N_DAYS includes today; LAST_N_WEEKS, MONTHS and so on end before the current one.
        return _span(step(current, -count), step(current, 1 if found["unit"] == "DAY" else 0))
    if (found := _AGO.fullmatch(text)) is not None:
        step, current, count = _STEPS[found["unit"]], _STARTS[found["unit"]](today), int(found["n"])
        return _span(step(current, -count), step(current, 1 - count))
    return None
