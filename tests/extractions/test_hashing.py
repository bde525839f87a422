"""One hash for one value, however Salesforce writes it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from datasync_flask.destinations.base import ColumnType
from datasync_flask.extractions.runs.hashing import Hashing
from datasync_flask.salesforce import exact_json

KEY = bytes(range(32))


def expected(text: str | None) -> str | None:
    return hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest() if text is not None else None


# As REST's JSON has a value, as Bulk's CSV has it, and what is hashed.
ALIKE = [
    (ColumnType.TEXT, '"Ada@Example.com"', "Ada@Example.com", "Ada@Example.com"),
    (ColumnType.TEXT, '" 0049 "', " 0049 ", " 0049 "),
    (ColumnType.TEXT, '"Zürich 🙂"', "Zürich 🙂", "Zürich 🙂"),
    (ColumnType.TEXT, '"a\\u0000b"', "a\x00b", "ab"),
    (ColumnType.TIMESTAMP, '"2026-11-26T12:00:00.000+0000"', "2026-11-26T12:00:00.000Z", "2026-11-26T12:00:00.000Z"),
    (ColumnType.DATE, '"1815-12-10"', "1815-12-10", "1815-12-10"),
    (ColumnType.TIME, '"08:30:00.000Z"', "08:30:00.000Z", "08:30:00.000Z"),
    (ColumnType.BOOL, "true", "true", "true"),
    (ColumnType.BIGINT, "12", "12.0", "12"),
    (ColumnType.DOUBLE, "12345678.9", "1.23456789E7", "12345678.9"),
    (ColumnType.DOUBLE, "-0.0", "0", "0"),
    (ColumnType.DECIMAL, "1500.50", "1500.5", "1500.5"),
    (ColumnType.DECIMAL, "12345678901234567890123456789", "12345678901234567890123456789.0", "12345678901234567890123456789"),
    (ColumnType.DECIMAL, "100", "100.00", "100"),
    # What isn't of its field's type is hashed as it is.
    (ColumnType.DATE, '"unknown"', "unknown", "unknown"),
    (ColumnType.TEXT, "null", None, None),
    (ColumnType.TEXT, '""', None, None),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "as_json", "as_csv", "text"), ALIKE)
def test_rest_and_bulk_give_one_hash(kind: ColumnType, as_json: str, as_csv: str | None, text: str | None) -> None:
    hashing = Hashing({"Secret__c": kind}, KEY)
    values: list[Any] = [exact_json.loads(as_json.encode())]
    by_rest = hashing.from_json("Secret__c", values, ColumnType.TEXT)
    cells = pa.array([as_csv.encode() if as_csv is not None else None], pa.binary())
    by_bulk = hashing.from_csv("Secret__c", cells, ColumnType.TEXT)
    assert by_rest.array.to_pylist() == by_bulk.array.to_pylist() == [expected(text)]
    assert by_rest.odd == by_bulk.odd == []


def test_other_fields_stay_as_they_are() -> None:
    hashing = Hashing({"Secret__c": ColumnType.TEXT}, KEY)
    assert hashing.from_json("Name", ["Ada"], ColumnType.TEXT).array.to_pylist() == ["Ada"]
    assert hashing.from_csv("Name", pa.array([b"Ada"]), ColumnType.TEXT).array.to_pylist() == ["Ada"]
    assert "key" not in repr(hashing)


def test_postgresql_and_python_compute_the_same_as_documented(new_postgresql_database: Callable[[], str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "extractions.md").read_text()
    sql = page.partition("```sql\nSELECT encode(")[2].partition("```")[0].replace("KEY", KEY.hex())
    with psycopg.connect(f"postgresql://{new_postgresql_database()}", autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pgcrypto")
        row = connection.execute(f"SELECT encode({sql}").fetchone()
    assert row == (Hashing(key=KEY).hash("ada@example.com"),)
    python = page.partition("```python\nimport hmac\n")[2].partition("```")[0].strip()
    assert eval(python, {"hmac": hmac, "key": KEY.hex()}) == row[0]
