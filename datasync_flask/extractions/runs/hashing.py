"""Hashes values as soon as they are parsed: HMAC-SHA-256 of one text form, however Salesforce sent them.

REST and Bulk write the same time or number differently, so the value is hashed as Bulk's CSV writes it: date and time
as 2026-11-26T12:00:00.000Z, days as 2026-11-26, times as 12:00:00.000Z, numbers without an exponent and without zeros
at the end, true and false. Texts are hashed as they are. Null and empty values stay null.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Context, Decimal
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from datasync_flask.destinations.base import ColumnType
from datasync_flask.extractions.runs.values import Parsed, from_csv, from_json, parsed

# No number in a column has more digits.
_EXACT = Context(prec=400)


@dataclass(frozen=True)
class Hashing:
    """Which fields are hashed, their types in Salesforce, and the key."""

    kinds: Mapping[str, ColumnType] = field(default_factory=lambda: MappingProxyType({}))
    key: bytes = field(default=b"", repr=False)

    def from_csv(self, name: str, cells: pa.Array, kind: ColumnType, *, may_have_nul: bool = True) -> Parsed:
        """A column of Bulk's CSV, hashed if its field is."""
        if name not in self.kinds:
            return from_csv(cells, kind, may_have_nul=may_have_nul)
        return self._hashed(from_csv(cells, ColumnType.TEXT, may_have_nul=may_have_nul).array, self.kinds[name])

    def from_json(self, name: str, values: list[Any], kind: ColumnType) -> Parsed:
        """A column of REST's JSON, hashed if its field is."""
        if name not in self.kinds:
            return from_json(values, kind)
        return self._hashed(from_json(values, ColumnType.TEXT).array, self.kinds[name])

    def _hashed(self, texts: pa.Array, kind: ColumnType) -> Parsed:
        # A note about an odd value would reveal it, so there is none.
        pairs = zip(texts.to_pylist(), parsed(texts, kind).to_pylist(), strict=True)
        hashes = [None if text is None else self.hash(text if value is None else plain(value)) for text, value in pairs]
        return Parsed(pa.array(hashes, pa.string()))

    def hash(self, text: str) -> str:
        """The hash of a text, in hexadecimal digits."""
        return hmac.digest(self.key, text.encode(), "sha256").hex()


def plain(value: Any) -> str:
    """The text form of a value, for hashing."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            number = Decimal(repr(value) if isinstance(value, float) else value).normalize(_EXACT)
            return format(number or abs(number), "f")
        case datetime():
            return f"{value.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
        case date():
            return value.isoformat()
        case time():
            return f"{value.isoformat(timespec='milliseconds')}Z"
        case _:
            return str(value)
