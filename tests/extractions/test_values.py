"""Values go in exactly, by CSV and by JSON alike, or it is told which one didn't, in which row and why."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_flask.destinations.base import Column, ColumnType
from datasync_flask.extractions.runs import inexact
from datasync_flask.extractions.runs.arrow_types import arrow_schema
from datasync_flask.extractions.runs.values import Parsed, Why, from_csv, from_json
from datasync_flask.salesforce import exact_json
from tests.extractions.test_columns import values
from tests.support.extraction import Extracting, Org

T = ColumnType


def by_csv(texts: list[str | None], kind: ColumnType) -> Parsed:
    # Arrow's reader makes null of what is empty.
    cells = [text.encode("utf-8", "surrogatepass") if text else None for text in texts]
    return from_csv(pa.array(cells, pa.binary()), kind)


def told(parsed: Parsed) -> dict[str, list[int]]:
    return {odd.why.value: [row for row, _ in odd.examples] for odd in parsed.odd}


@pytest.mark.parametrize(
    ("kind", "text", "value", "why"),
    [
        (T.BOOL, "TRUE", True, None), (T.BOOL, "0", False, None), (T.BOOL, "1", True, None), (T.BOOL, "", None, None),
        (T.BOOL, "yes", None, Why.NOT_OF_TYPE),
        (T.BIGINT, "9007199254740993", 2**53 + 1, None), (T.BIGINT, "9007199254740993.0", 2**53 + 1, None),
        (T.BIGINT, "1e3", 1000, None), (T.BIGINT, "5.5", None, Why.NOT_OF_TYPE),
        (T.BIGINT, "9223372036854775807", 2**63 - 1, None), (T.BIGINT, "9223372036854775808", None, Why.OUT_OF_RANGE),
        (T.BIGINT, "0x10", None, Why.NOT_OF_TYPE), (T.BIGINT, "1_0", None, Why.NOT_OF_TYPE),
        (T.DOUBLE, "33.333333333333336", 33.333333333333336, None), (T.DOUBLE, "NaN", None, Why.NOT_OF_TYPE),
        (T.DOUBLE, "Infinity", None, Why.NOT_OF_TYPE), (T.DOUBLE, "1e309", None, Why.OUT_OF_RANGE),
        (T.DOUBLE, "123456789012345678", 123456789012345680.0, Why.ROUNDED),
        (T.DECIMAL, "12345678901234567.89", Decimal("12345678901234567.89"), None),
        (T.DECIMAL, "0.1234567891", Decimal("0.123456789"), Why.ROUNDED),
        (T.DECIMAL, "1e30", None, Why.OUT_OF_RANGE), (T.DECIMAL, "12,5", None, Why.NOT_OF_TYPE),
        (T.DATE, "0001-01-01", date(1, 1, 1), None), (T.DATE, "2023-02-29", None, Why.NOT_OF_TYPE),
        (T.DATE, "0000-01-01", None, Why.OUT_OF_RANGE), (T.DATE, "10000-01-01", None, Why.OUT_OF_RANGE),
        (T.DATE, "2024-01-01T00:00:00.000Z", date(2024, 1, 1), None), (T.DATE, "2024-01-01junk", None, Why.NOT_OF_TYPE),
        (T.TIMESTAMP, "2024-01-01T00:00:00+05:45", datetime(2023, 12, 31, 18, 15, tzinfo=UTC), None),
        (T.TIMESTAMP, "2024-01-01T00:00:00.1234567Z", datetime(2024, 1, 1, 0, 0, 0, 123456, UTC), Why.ROUNDED),
        (T.TIMESTAMP, "2024-01-01T24:00:00Z", None, Why.NOT_OF_TYPE),
        (T.TIMESTAMP, "9999-12-31T23:59:59-01:00", None, Why.OUT_OF_RANGE),
        (T.TIMESTAMP, "12024-01-01T00:00:00Z", None, Why.OUT_OF_RANGE),
        (T.TIME, "23:59:59.999Z", time(23, 59, 59, 999_000), None), (T.TIME, "24:00:00.000Z", None, Why.NOT_OF_TYPE),
        (T.TIME, "10:00+0530", None, Why.NOT_OF_TYPE),
        (T.TEXT, "a\x00b", "ab", Why.CHARACTERS), (T.TEXT, "a\ud800b", "a\ufffdb", Why.CHARACTERS),
        (T.TEXT, "x" * 131_072, "x" * 131_072, None), (T.TEXT, " ", " ", None),
    ],
)  # fmt: skip
def test_a_value_goes_in_exactly_or_is_told(kind: ColumnType, text: str, value: object, why: Why | None) -> None:
    for parsed in (by_csv(["", text, None], kind), from_json([None, text, ""], kind)):
        assert parsed.array.to_pylist() == [None, value, None]
        assert told(parsed) == ({why.value: [1]} if why else {})


@pytest.mark.parametrize(
    ("written", "kind", "value"),
    [
        ("12345678901234567.89", T.DECIMAL, Decimal("12345678901234567.89")),
        ("9007199254740993", T.BIGINT, 2**53 + 1),
        ("5.0", T.BIGINT, 5),
        ("true", T.TEXT, "true"),
        ("1", T.BOOL, True),
        ('{"b": 1.50, "a": [null, true, "ü\\ud800"]}', T.TEXT, '{"b":1.50,"a":[null,true,"\\u00fc\\ud800"]}'),
        ('[{"z": {}}]', T.TEXT, '[{"z":{}}]'),
    ],
)
def test_json_keeps_numbers_and_structures_as_they_are_written(written: str, kind: ColumnType, value: object) -> None:
    assert from_json([exact_json.loads(written.encode())], kind).array.to_pylist() == [value]


TEXTS: dict[ColumnType, st.SearchStrategy[Any]] = {
    T.BIGINT: st.integers(-(2**63), 2**63 - 1).map(str),
    T.DOUBLE: st.floats(allow_nan=False, allow_infinity=False).map(repr),
    T.DECIMAL: st.decimals(-(10**28), 10**28, places=9).map(str),
    T.BOOL: st.sampled_from(["true", "false"]),
    T.DATE: st.dates().map(str),
    T.TIMESTAMP: st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z"),
    T.TIME: st.times().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z"),
    T.TEXT: st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1),
}
BACK = {
    T.BIGINT: int, T.DOUBLE: float, T.DECIMAL: Decimal, T.BOOL: "true".__eq__, T.DATE: date.fromisoformat,
    T.TIMESTAMP: datetime.fromisoformat, T.TIME: lambda text: time.fromisoformat(text[:-1]), T.TEXT: str,
}  # fmt: skip


@pytest.mark.parametrize("kind", list(ColumnType))
@given(data=st.data())
@pytest.mark.slow
def test_what_goes_in_comes_out_by_both_ways(kind: ColumnType, data: st.DataObject) -> None:
    texts = data.draw(st.lists(st.none() | TEXTS[kind], max_size=6))
    csv, rest = by_csv(texts, kind), from_json(texts, kind)
    expected = [None if text is None else BACK[kind](text) for text in texts]
    assert csv.array.to_pylist() == expected
    assert csv.array.equals(rest.array)
    assert not csv.odd
    assert not rest.odd


@pytest.mark.parametrize("kind", list(ColumnType))
@given(
    texts=st.lists(st.none() | st.text(st.characters(exclude_categories=[]), max_size=12) | st.one_of(*TEXTS.values()))
)
@pytest.mark.slow
def test_nothing_is_too_odd_and_both_ways_agree(kind: ColumnType, texts: list[str | None]) -> None:
    csv, rest = by_csv(texts, kind), from_json(texts, kind)
    assert csv.array.equals(rest.array)
    assert told(csv) == told(rest)
    for text, value in zip(texts, csv.array.to_pylist(), strict=True):
        assert value is not None or not text or csv.odd


def test_one_bad_value_leaves_the_others() -> None:
    assert values(["1", "x", "3"], T.BIGINT) == [1, None, 3]


FIELDS = {
    "Data__c": "json", "Amount__c": "currency", "Day__c": "date", "At__c": "datetime", "Flag__c": "boolean",
    "Count__c": "int", "Text__c": "string",
}  # fmt: skip


@pytest.mark.parametrize("way", ["rest", "bulk", "bulk that refuses json"])
def test_odd_values_are_told_on_the_run_and_the_rest_is_loaded(
    extracting: Extracting, org: Org, duckdb: str, way: str
) -> None:
    org.do("Odd__c", "object", fields=FIELDS)
    good = {"Data__c": {"b": 1, "a": [True]}, "Amount__c": "12.5", "Day__c": "2024-02-29", "Flag__c": True,
            "Count__c": "5.0", "Text__c": "plain"}  # fmt: skip
    bad = {"Data__c": [1], "Amount__c": "0.12345678912", "Day__c": "10000-01-01", "Flag__c": "perhaps",
           "Count__c": "9223372036854775808", "Text__c": "a\x00b"}  # fmt: skip
    keys = org.do("Odd__c", "insert", rows=[good, bad, {}])
    if way != "rest":
        # So many that a job reads them.
        extracting.walk.practice.fault("recordCount", body='{"sObjects":[{"name":"Odd__c","count":9000}]}', times=None)
    extracting.walk.practice.change_org(bulk_refuses_json=way == "bulk that refuses json")
    extracting.make(["Odd__c"], duckdb, **{"tracking_type-Odd__c": "date"})
    run = extracting.done()
    jobs = extracting.walk.practice.requests().get("results", 0)
    assert (jobs > 0) == (way != "rest")
    rows = {row["id"]: row for row in extracting.table("Odd__c")}
    first, second, third = (rows[key] for key in keys)
    assert json.loads(first["data_c"]) == good["Data__c"]
    assert json.loads(second["data_c"]) == [1]
    assert (first["amount_c"], first["day_c"], first["flag_c"], first["count_c"], first["text_c"]) == (
        Decimal("12.5"), date(2024, 2, 29), True, 5, "plain",
    )  # fmt: skip
    assert (second["amount_c"], second["day_c"], second["flag_c"], second["count_c"], second["text_c"]) == (
        Decimal("0.123456789"), None, None, None, "ab",
    )  # fmt: skip
    assert [third[name] for name in ("data_c", "amount_c", "day_c", "flag_c", "count_c", "text_c")] == [None] * 6
    visitor = extracting.walk.visitor
    visitor.get(f"/extractions/{extracting.id}/runs/{run.id}")
    for name in ("Amount__c", "Day__c", "Flag__c", "Count__c", "Text__c"):
        assert f"{name}: 1 value " in visitor.text, name
    assert f"{keys[1]}: 10000-01-01" in visitor.text
    assert "Data__c: " not in visitor.text


EXTREMES = {
    "Amount__c": "12345678901234567890123456789.123456789", "Day__c": "0001-01-01", "At__c": "0001-01-01T00:00:00.001Z",
    "Count__c": "-9223372036854775808", "Text__c": "\U0001f600 \u202e\r\n\"q\" \\N",
}  # fmt: skip
LARGEST = {
    "Amount__c": "-99999999999999999999999999999.999999999", "Day__c": "9999-12-31", "At__c": "9999-12-31T23:59:59.999Z",
    "Count__c": "9223372036854775807", "Text__c": "\ufeffx",
}  # fmt: skip


def test_sqlite_keeps_the_ends_of_all_ranges_and_tells_what_it_rounds(extracting: Extracting, org: Org) -> None:
    fields = {name: kind for name, kind in FIELDS.items() if name in EXTREMES}
    org.do("Odd__c", "object", fields=fields)
    keys = org.do("Odd__c", "insert", rows=[EXTREMES, LARGEST, {"Amount__c": "9007199254740993"}])
    destination = extracting.make_destination("sqlite", {"path": "w.sqlite"})
    extracting.make(["Odd__c"], destination, **{"tracking_type-Odd__c": "date"})
    run = extracting.done()
    rows = {row["id"]: row for row in extracting.table("Odd__c")}
    for key, sent in zip(keys, (EXTREMES, LARGEST), strict=False):
        assert datetime.fromisoformat(f"{rows[key]['at_c']}Z") == datetime.fromisoformat(sent["At__c"])
        assert (rows[key]["day_c"], str(rows[key]["count_c"])) == (sent["Day__c"], sent["Count__c"])
        assert rows[key]["text_c"] == sent["Text__c"]
    assert rows[keys[2]]["amount_c"] == 9007199254740993
    extracting.walk.visitor.get(f"/extractions/{extracting.id}/runs/{run.id}")
    assert "Amount__c: 2 values have more digits" in extracting.walk.visitor.text
    # Values that are kept come back through the same types.
    org.do("Odd__c", "hide", fields=list(fields))
    org.do("Odd__c", "update", ids=keys, values={"Name": "Changed"})
    extracting.done()
    assert {row["id"]: row["at_c"] for row in extracting.table("Odd__c")} == {
        key: row["at_c"] for key, row in rows.items()
    }


@pytest.mark.parametrize(
    ("number", "is_told"),
    [
        ("0.1", False), ("123456789012.345", False), ("9007199254740993", False), ("9223372036854775807", False),
        ("9223372036854775808", True), ("9223372036854775809", True), ("99999999999999.99", True),
        ("1234567890123456.78", True), ("-0.123456789", False), ("4000000.123456789", False),
    ],
)  # fmt: skip
def test_numbers_that_floating_point_cannot_stand_for(tmp_path: Path, number: str, is_told: bool) -> None:
    column = Column("amount_c", T.DECIMAL)
    schema = arrow_schema([Column("id", T.TEXT), column])
    rows = [{"id": "a", "amount_c": Decimal(number)}, {"id": "b", "amount_c": None}]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), tmp_path / "1.parquet")
    notes = inexact.notes([tmp_path / "1.parquet"], {"Amount__c": column})
    assert [json.loads(note.partition(":")[2]) for note in notes] == (
        [["Amount__c", "rounded", 1, [["a", number]]]] if is_told else []
    )
