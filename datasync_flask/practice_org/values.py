"""Values as REST's JSON and as Bulk's CSV have them, and values made up from a number."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

_WORDS = ("Alpine", "Beacon", "Cedar", "Delta", "Ember", "Fjord", "Granite", "Harbor", "Indigo", "Juniper")
_ADDRESS_PARTS = ("city", "country", "geocodeAccuracy", "latitude", "longitude", "postalCode", "state", "street")


def now() -> datetime:
    """Return the time, in milliseconds as Salesforce counts it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def as_json(value: Any) -> Any:
    """Return a value as REST's JSON has it."""
    return (
        value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}+0000"
        if isinstance(value, datetime)
        else value
    )


def as_csv(value: Any) -> str:
    """Return a value as Bulk's CSV has it, quoted."""
    if value is None:
        return '""'
    if isinstance(value, bool):
        return f'"{str(value).lower()}"'
    if isinstance(value, datetime):
        return f'"{value.strftime("%Y-%m-%dT%H:%M:%S.")}{value.microsecond // 1000:03}Z"'
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    return '"' + str(value).replace('"', '""') + '"'


def address_of(row: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Return a compound address made of its parts; None where all of them are empty."""
    held = row.get(name)
    if held is not None:
        return dict(held) if isinstance(held, dict) else None
    stem = name.removesuffix("Address")
    parts = {part: row.get(stem + part[0].upper() + part[1:]) for part in _ADDRESS_PARTS}
    return parts if any(value is not None for value in parts.values()) else None


def made_up(kind: str, name: str, number: int) -> Any:
    """Return a value of a type that follows from a row's number."""
    word = _WORDS[number % len(_WORDS)]
    return {
        "string": f"{word} {number}",
        "textarea": f"{word}, founded by {name}\nline two of {number}",
        "picklist": ("Energy", "Banking", "Media", "Retail")[number % 4],
        "multipicklist": "A;B" if number % 2 else "C",
        "currency": (number * 1234567 % 100_000_000) / 100,
        "percent": (number * 7 % 10_000) / 100,
        "double": number / 8,
        "int": number % 5000,
        "boolean": number % 3 == 0,
        "date": f"{1900 + number % 180:04}-{number % 12 + 1:02}-{number % 28 + 1:02}",
        "time": f"{number % 24:02}:{number % 60:02}:00.000Z",
        "datetime": now(),
        "url": f"https://{word.lower()}{number}.example",
        "email": f"{word.lower()}{number}@example.com",
        "phone": f"+49 30 {number:07}",
    }.get(kind)
