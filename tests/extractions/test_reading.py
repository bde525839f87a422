"""Pages as Salesforce sends them, odd ones included, come out as rows with types; nothing is lost on the way."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_flask.destinations.base import ColumnType
from datasync_flask.extractions.runs.column_types import columns_for
from datasync_flask.extractions.runs.page_files import PageFiles
from datasync_flask.extractions.runs.values import parsed
from datasync_flask.salesforce.descriptions import Field
from datasync_flask.salesforce.errors import SalesforceError
from tests.support.extraction import Extracting, Org

FIELDS = (Field("Id", "Id", "id"), Field("Name", "Name", "string"), Field("SystemModstamp", "S", "datetime"))


def rows_of(body: bytes, tmp_path: Path, *, size: int = 7, pages: int = 0, block: int = 2**21) -> list[dict[str, Any]]:
    files = PageFiles(tmp_path, columns_for(FIELDS, {})[0], block_bytes=block)
    page = files.draft(pages + 1)
    files.write_csv(page, (body[start : start + size] for start in range(0, len(body), size)))
    rows: list[dict[str, Any]] = pq.read_table(page.draft).to_pylist()
    assert page.rows == len(rows)
    return rows


def as_csv(rows: list[tuple[str, ...]], ending: str = "\n") -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=ending).writerows(rows)
    return text.getvalue().encode()


HEADER = ("Id", "Name", "SystemModstamp")
STAMP = "2024-01-01T00:00:00.000Z"


@pytest.mark.parametrize("rest", [b'"', b'"Be', b'"Beta","2024-01-', b'"Beta","2024-01-01\n', b'"Beta'])
@pytest.mark.parametrize("pages", [0, 1])
def test_a_value_that_breaks_off_is_no_value(tmp_path: Path, rest: bytes, pages: int) -> None:
    whole = as_csv([HEADER, ("1", "Alpha", STAMP)])
    with pytest.raises(pa.ArrowInvalid):
        rows_of(whole + b'"2",' + rest, tmp_path, pages=pages)


@given(names=st.lists(st.text(st.characters(exclude_characters="\x00\r", exclude_categories=["Cs"])), max_size=8))
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_any_text_comes_through(tmp_path_factory: pytest.TempPathFactory, names: list[str], ending: str) -> None:
    body = as_csv([HEADER, *((str(number), name, STAMP) for number, name in enumerate(names))], ending)
    found = rows_of(body, tmp_path_factory.getbasetemp(), size=5)
    assert [row["name"] for row in found] == [name or None for name in names]


@pytest.mark.parametrize(
    ("body", "pages", "expected"),
    [
        (b"", 0, []),
        (b'"Id","Name","SystemModstamp"\n', 0, []),
        (b'"Id","Name","SystemModstamp"', 0, []),
        (b'"Id","Name","SystemModstamp"\n"1","a","' + STAMP.encode() + b'"\n', 3, ["a"]),
        # Only the first page has a header, as some say.
        (b'"1","a","' + STAMP.encode() + b'"\n', 3, ["a"]),
        # Other order, other case, a byte order mark, NUL in a text.
        (b'\xef\xbb\xbf"NAME","systemmodstamp","ID"\n"a\x00b","' + STAMP.encode() + b'","1"\n', 0, ["ab"]),
    ],
)
def test_odd_pages(tmp_path: Path, body: bytes, pages: int, expected: list[str]) -> None:
    assert [row["name"] for row in rows_of(body, tmp_path, pages=pages)] == expected


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SalesforceError):
        rows_of(b"<html>maintenance</html>", tmp_path)


def test_a_result_with_other_columns_is_refused_with_those_that_are_missing(tmp_path: Path) -> None:
    body = as_csv([("Id", "Title", "SystemModstamp"), ("1", "Alpha", STAMP)])
    with pytest.raises(SalesforceError, match="a result of 3 columns, asked for 3; without Name"):
        rows_of(body, tmp_path)


def test_a_row_larger_than_a_block_asks_for_a_larger_one(tmp_path: Path) -> None:
    body = as_csv([HEADER, ("1", "x" * 131_072, STAMP)])
    with pytest.raises(pa.ArrowInvalid):
        rows_of(body, tmp_path, size=65_536, block=16_384)
    assert len(rows_of(body, tmp_path, size=65_536)[0]["name"]) == 131_072


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (ColumnType.BOOL, "true", True),
        (ColumnType.BOOL, "false", False),
        (ColumnType.BIGINT, "5", 5),
        (ColumnType.BIGINT, "5.0", 5),
        (ColumnType.DOUBLE, "1.0E7", 1e7),
        (ColumnType.DECIMAL, "9999999999999999.99", Decimal("9999999999999999.99")),
        (ColumnType.DECIMAL, "1.0E7", Decimal(10_000_000)),
        (ColumnType.DECIMAL, "0.12345678912345", Decimal("0.123456789")),
        (ColumnType.DATE, "1850-01-02", datetime(1850, 1, 2).date()),  # noqa: DTZ001 (a date)
        (ColumnType.TIMESTAMP, "2101-02-03T04:05:06.789Z", datetime(2101, 2, 3, 4, 5, 6, 789_000, UTC)),
        (ColumnType.TIMESTAMP, "2101-02-03T04:05:06.789+0000", datetime(2101, 2, 3, 4, 5, 6, 789_000, UTC)),
        (ColumnType.TIME, "10:20:30.000Z", datetime(1, 1, 1, 10, 20, 30).time()),  # noqa: DTZ001 (a time)
    ],
)
def test_values(kind: ColumnType, text: str, value: object) -> None:
    assert parsed(pa.array([text, None], pa.string()), kind).to_pylist() == [value, None]


def test_a_value_that_is_not_as_described_is_told_and_the_rest_is_loaded(
    extracting: Extracting, org: Org, warehouse: str
) -> None:
    org.do("Account", "generate", count=2)
    extracting.make(["Account"], warehouse)
    records = [
        {"Id": "001000000000001AAA", "Name": "One", "AnnualRevenue": "a lot"},
        {"Id": "001000000000002AAA", "Name": "Two", "AnnualRevenue": 5.25},
    ]
    extracting.walk.practice.fault(
        "query", body=json.dumps({"totalSize": 2, "done": True, "records": records}), times=None
    )
    run = extracting.done()
    assert [(row["name"], row["annual_revenue"]) for row in extracting.table("Account")] == [
        ("One", None), ("Two", Decimal("5.25")),
    ]  # fmt: skip
    visitor = extracting.walk.visitor
    visitor.get(f"/extractions/{extracting.id}/runs/{run.id}")
    assert "AnnualRevenue: 1 value isn’t of the field’s type" in visitor.text
    assert "001000000000001AAA: a lot" in visitor.text
