"""Two orgs in one set of tables, each with an extraction of its own."""

from __future__ import annotations

from typing import Any

from datasync_flask.destinations.base import ORG_ID_COLUMN
from tests.support.extraction import Extracting

FIRST = "00D5g000004PrctEAC"
OTHER = "00D5g000004OthrEAC"
Shown = list[dict[str, Any]]


def combine(first: Extracting, second: Extracting, destination: str, **fields: Any) -> None:
    fields = {"combines_orgs": "true", "tracking_type-Account": "date_deletes"} | fields
    first.make(["Account"], destination, description="First", **fields)
    second.make(["Account"], destination, description="Second", **fields)


def load_both(
    first: Extracting, second: Extracting, destination: str, rows: tuple[int, int] = (6, 4), **fields: Any
) -> None:
    first.org.do("Account", "generate", count=rows[0])
    second.org.do("Account", "generate", count=rows[1])
    combine(first, second, destination, **fields)
    first.done()
    second.done()


def rows_of(each: Extracting, org_id: str) -> Shown:
    return [row for row in each.table("Account") if row[ORG_ID_COLUMN] == org_id]
