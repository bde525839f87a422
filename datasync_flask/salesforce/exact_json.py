"""Parses JSON without changing numbers, because a float would lose digits, and tolerates invalid UTF-8."""

from __future__ import annotations

import json
from typing import Any


class JsonNumber(str):
    """A number with the digits of the JSON text."""

    __slots__ = ()


def loads(content: bytes) -> Any:
    """Parse JSON with numbers as JsonNumber; invalid UTF-8 becomes lone surrogates. None: it isn't JSON."""
    try:
        text = content.decode("utf-8-sig", "surrogateescape")
        return json.loads(text, parse_float=JsonNumber, parse_int=JsonNumber, parse_constant=JsonNumber)
    except (ValueError, RecursionError):
        return None


def dumps(value: Any) -> str:
    """A value of `loads` as JSON again, with members in their original order. Raises RecursionError."""
    if isinstance(value, JsonNumber):
        return str(value)
    if isinstance(value, dict):
        return (
            "{"
            + ",".join([f"{json.dumps(name, ensure_ascii=False)}:{dumps(each)}" for name, each in value.items()])
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join([dumps(each) for each in value]) + "]"
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    # A lone surrogate can't be in UTF-8, but it can be escaped.
    return json.dumps(text, ensure_ascii=any("\ud800" <= each <= "\udfff" for each in text))


def number_of(value: Any) -> int | None:
    """A non-negative whole number of up to 18 digits in JSON, read with or without `loads`; None for anything else."""
    if isinstance(value, JsonNumber) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18 else None
