"""Salesforce's texts as typed columns: nothing is lost, whatever way a value is written."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_flask.destinations.base import DECIMAL_SCALE, Column, ColumnType
from datasync_flask.extractions.runs.arrow_types import ARROW_TYPES, arrow_schema
from datasync_flask.extractions.runs.values import parsed

STEP = Decimal(1).scaleb(-DECIMAL_SCALE)


def values(texts: list[str | None], kind: ColumnType) -> list[object]:
    array = parsed(pa.array(texts, pa.string()), kind)
    assert array.type == ARROW_TYPES[kind]
    found: list[object] = array.to_pylist()
    return found


@pytest.mark.parametrize("zone", ["Z", "+0000", "+00:00", ""])
def test_moments_are_utc_however_their_zone_is_written(zone: str) -> None:
    assert values([f"2024-02-29T23:59:59.123{zone}", None], ColumnType.TIMESTAMP) == [
        datetime(2024, 2, 29, 23, 59, 59, 123_000, UTC),
        None,
    ]


def test_moments_written_in_several_ways_in_one_column() -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    texts: list[str | None] = ["2024-01-01T00:00:00.000Z", "2024-01-01T00:00:00.000+0000", "2024-01-01T00:00:00"]
    assert values(texts, ColumnType.TIMESTAMP) == [moment] * 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.5", "12.5"),
        ("1.5E3", "1500"),
        ("-2.5e+2", "-250"),
        ("33.333333333333336", "33.333333333"),
        ("0.0000000005", "0"),
        ("0.0000000015", "0.000000002"),
        ("1.2345678901234567E-30", "0"),
        ("99999999999999999999999999999", "99999999999999999999999999999"),
    ],
)
def test_decimals(text: str, expected: str) -> None:
    assert values(["0.1", text, None], ColumnType.DECIMAL) == [Decimal("0.1"), Decimal(expected), None]


@pytest.mark.parametrize("text", ["1e30", "12,5", "NaN", "-Infinity", "1e99999999999999999999"])
def test_what_no_decimal_column_holds_is_empty(text: str) -> None:
    assert values(["0.1", text], ColumnType.DECIMAL) == [Decimal("0.1"), None]


@given(st.lists(st.decimals(min_value=-(10**18), max_value=10**18, allow_nan=False), min_size=1))
def test_any_decimal_is_rounded_to_the_nearest_even(numbers: list[Decimal]) -> None:
    wide = Context(prec=80, rounding=ROUND_HALF_EVEN)
    assert values([str(number) for number in numbers], ColumnType.DECIMAL) == [
        number.quantize(STEP, context=wide) for number in numbers
    ]


def test_only_the_key_may_not_be_empty() -> None:
    schema = arrow_schema([Column("id", ColumnType.TEXT), Column("name", ColumnType.TEXT)])
    assert [field.nullable for field in schema] == [False, True]
