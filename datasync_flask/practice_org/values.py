"""Converts values to REST's JSON and Bulk's CSV, and generates values from a number."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

_NAMES = ("Alpine", "Beacon", "Cedar", "Delta", "Ember", "Fjord", "Granite", "Harbor", "Indigo", "Juniper")
_ADDRESS_PARTS = ("city", "country", "geocodeAccuracy", "latitude", "longitude", "postalCode", "state", "street")


def now() -> datetime:
    """The current time, to the millisecond, as in Salesforce."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _moment(value: datetime) -> str:
    return value.replace(tzinfo=None).isoformat(timespec="milliseconds")


def as_json(value: Any) -> Any:
    """A value in REST's JSON."""
    return f"{_moment(value)}+0000" if isinstance(value, datetime) else value


def as_csv(value: Any) -> str:
    """A value in Bulk's CSV, quoted."""
    if value is None:
        return '""'
    if isinstance(value, bool):
        return f'"{str(value).lower()}"'
    if isinstance(value, datetime):
        return f'"{_moment(value)}Z"'
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    return '"' + str(value).replace('"', '""') + '"'


def formatted(value: Any, kind: str) -> Any:
    """A value as FORMAT writes it for a user in the United States."""
    if value is None or isinstance(value, bool | dict):
        return value
    try:
        moment = datetime.fromisoformat(value) if kind == "date" else value
    except (TypeError, ValueError):
        return str(value)
    if isinstance(moment, datetime):
        day = f"{moment.month}/{moment.day}/{moment.year}"
        hour = f"{moment.hour % 12 or 12}:{moment.minute:02} {'PM' if moment.hour > 11 else 'AM'}"
        return day if kind == "date" else f"{day}, {hour}"
    if not isinstance(value, int | float):
        return str(value)
    return f"${value:,.2f}" if kind == "currency" else f"{value:,}"


def address_of(row: dict[str, Any], name: str) -> dict[str, Any] | None:
    """A compound address from its parts; None if all are empty."""
    held = row.get(name)
    if held is not None:
        return dict(held) if isinstance(held, dict) else None
    stem = name.removesuffix("Address")
    parts = {part: row.get(stem + part[0].upper() + part[1:]) for part in _ADDRESS_PARTS}
    return parts if any(value is not None for value in parts.values()) else None


_MAKERS: dict[str, Callable[[str, str, int], Any]] = {
    "string": lambda word, name, number: f"{word} {number}",
    "textarea": lambda word, name, number: f"{word}, founded by {name}\nline two of {number}",
    "picklist": lambda word, name, number: ("Energy", "Banking", "Media", "Retail")[number % 4],
    "multipicklist": lambda word, name, number: "A;B" if number % 2 else "C",
    "currency": lambda word, name, number: (number * 1234567 % 100_000_000) / 100,
    "percent": lambda word, name, number: (number * 7 % 10_000) / 100,
    "double": lambda word, name, number: number / 8,
    "int": lambda word, name, number: number % 5000,
    "boolean": lambda word, name, number: number % 3 == 0,
    "date": lambda word, name, number: f"{1900 + number % 180:04}-{number % 12 + 1:02}-{number % 28 + 1:02}",
    "time": lambda word, name, number: f"{number % 24:02}:{number % 60:02}:00.000Z",
    "datetime": lambda word, name, number: now(),
    "url": lambda word, name, number: f"https://{word.lower()}{number}.example",
    "email": lambda word, name, number: f"{word.lower()}{number}@example.com",
    "phone": lambda word, name, number: f"+49 30 {number:07}",
}


def made_up(kind: str, name: str, number: int) -> Any:
    """A value of a type, generated from a row's number."""
    maker = _MAKERS.get(kind)
    return maker(_NAMES[number % len(_NAMES)], name, number) if maker else None
