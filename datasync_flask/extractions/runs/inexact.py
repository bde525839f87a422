"""Numbers with more digits than a destination without decimals keeps: told as other values that don't go in exactly.

It knows neither Flask nor the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from datasync_flask.destinations.base import KEY, Column, ColumnType
from datasync_flask.extractions.runs.notes import odd_values_note
from datasync_flask.extractions.runs.values import EXAMPLES, Why

# The largest whole number that such a destination keeps as one.
_LARGEST_INTEGER = 2**63 - 1
# Characters of 15 digits with a point, which floating point keeps.
_ALWAYS_EXACT = 16


def notes(files: Iterable[Path], columns: Mapping[str, Column]) -> list[str]:
    """A note for each field, by API name, that has numbers which floating-point ones can't stand for."""
    files, found = list(files), list[str]()
    for name, column in columns.items():
        if column.type is ColumnType.DECIMAL:
            count, examples = 0, list[list[str]]()
            for file in files:
                for batch in pq.ParquetFile(file).iter_batches(columns=[KEY, column.name]):
                    rounded = _rounded(batch.column(column.name))
                    count += len(rounded)
                    examples += [[batch.column(KEY)[row].as_py(), text] for row, text in rounded[:EXAMPLES]]
            if count:
                found.append(odd_values_note(f"{name}|{Why.ROUNDED}", count, examples[:EXAMPLES]))
    return found


def _rounded(numbers: pa.Array) -> list[tuple[int, str]]:
    """The rows whose numbers change, with the numbers."""
    texts = pc.utf8_rtrim(pc.cast(numbers, pa.string()), "0")
    found = []
    for row in pc.indices_nonzero(pc.greater(pc.binary_length(texts), _ALWAYS_EXACT)).to_pylist():
        number = numbers[row].as_py()
        is_integer = number == number.to_integral_value() and abs(number) <= _LARGEST_INTEGER
        if not is_integer and Decimal(repr(float(number))) != number:
            found.append((row, f"{number:f}".rstrip("0").rstrip(".")))
    return found
