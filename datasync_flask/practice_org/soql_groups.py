"""Groups of rows: their keys, with or without totals, and aggregates over them.

Source: SOQL and SOSL Reference, "GROUP BY", "Subtotals", "Aggregate Functions", "Date Functions".
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from datasync_flask.practice_org.soql_parser import DATE_FUNCTIONS, Item

Read = Callable[[Any], Any]
# Identifies what rows are grouped by: the function and the path, in lower case.
Key = tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Rows with the same values; a total ignores some of these values."""

    rows: list[Any]
    totalled: frozenset[Key] = frozenset()


def key_of(item: Item) -> Key:
    """The key of an item; conversions don't change it."""
    return (item.function if item.function in DATE_FUNCTIONS else "", *(name.lower() for name in item.path))


def groups_of(rows: list[Any], keys: dict[Key, Read], totals: str) -> list[Group]:
    """The groups of rows; without keys all of them are one group."""
    found: list[Group] = []
    for left_out in _left_out(list(keys), totals):
        reads = [read for key, read in keys.items() if key not in left_out]
        groups: dict[tuple[Any, ...], list[Any]] = {} if reads or (keys and not rows) else {(): []}
        for row in rows:
            groups.setdefault(tuple(read(row) for read in reads), []).append(row)
        found += [Group(members, left_out) for members in groups.values()]
    return found


def _left_out(keys: list[Key], totals: str) -> list[frozenset[Key]]:
    """The keys that each kind of total leaves out, beginning with none."""
    if totals == "ROLLUP":
        return [frozenset(keys[len(keys) - count :]) for count in range(len(keys) + 1)]
    if totals == "CUBE":
        return [frozenset(each) for count in range(len(keys) + 1) for each in itertools.combinations(keys, count)]
    return [frozenset()]


def of_group(read: Read, key: Key) -> Read:
    """How to read a value that all rows of a group share."""
    return lambda group: read(group.rows[0]) if group.rows and key not in group.totalled else None


def aggregated(function: str, values: list[Any]) -> Any:
    """The result of an aggregate function for values."""
    held = [value for value in values if value is not None]
    if function == "COUNT":
        return len(held)
    if function == "COUNT_DISTINCT":
        return len({str(value).casefold() for value in held})
    if function in {"SUM", "AVG"}:
        held = [value for value in held if isinstance(value, int | float)]
        total = float(sum(held))
        return None if not held else total if function == "SUM" else total / len(held)
    try:
        return None if not held else min(held) if function == "MIN" else max(held)
    except TypeError:
        # A script put values of another type into some rows.
        return min(held, key=str) if function == "MIN" else max(held, key=str)


_PARTS: dict[str, Callable[[datetime], Any]] = {
    "CALENDAR_YEAR": lambda day: day.year,
    "CALENDAR_QUARTER": lambda day: (day.month + 2) // 3,
    "CALENDAR_MONTH": lambda day: day.month,
    "DAY_IN_MONTH": lambda day: day.day,
    "DAY_IN_WEEK": lambda day: day.isoweekday() % 7 + 1,
    "DAY_IN_YEAR": lambda day: day.timetuple().tm_yday,
    "DAY_ONLY": lambda day: day.date().isoformat(),
    "HOUR_IN_DAY": lambda day: day.hour,
    "WEEK_IN_MONTH": lambda day: (day.day + 6) // 7,
    "WEEK_IN_YEAR": lambda day: (day.timetuple().tm_yday + 6) // 7,
}
# The org's fiscal year is the calendar year.
_PARTS |= {name.replace("CALENDAR", "FISCAL"): part for name, part in _PARTS.items() if name.startswith("CALENDAR")}


def date_part(read: Read, function: str) -> Read:
    """How to read a part of a date."""

    def value(row: Any) -> Any:
        held = read(row)
        if isinstance(held, str):
            try:
                held = datetime.fromisoformat(held)
            except ValueError:
                return None
        return _PARTS[function](held) if isinstance(held, datetime) else None

    return value
