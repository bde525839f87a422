"""Formula fields: their values move without any date, and are kept fresh by reading only them."""

from __future__ import annotations

import pytest

from datasync_flask.destinations.base import Table
from tests.support.extraction import Extracting, Org


def ages(extracting: Extracting) -> dict[str, object]:
    return {row["id"]: row["age_c"] for row in extracting.table("Account")}


def test_a_value_that_moves_without_the_date_is_seen_by_the_refresh_alone(
    extracting: Extracting, org: Org, destination: str
) -> None:
    org.do("Account", "generate", count=6)
    extracting.make(["Account"], destination, **{"tracking_type-Account": "date"})
    extracting.done()
    before, ids = {row["Id"]: row["SystemModstamp"] for row in org.rows("Account")}, org.ids("Account")
    org.do("Account", "formula", ids=ids[:2], values={"Age__c": 99.5})
    assert before == {row["Id"]: row["SystemModstamp"] for row in org.rows("Account")}
    extracting.age_watermarks(hours=2)
    changes = extracting.done()
    assert changes.objects[0].rows == 0
    assert 99.5 not in ages(extracting).values()
    extracting.age_watermarks(days=1)
    refreshed = extracting.done()
    assert (refreshed.objects[0].is_whole, refreshed.objects[0].rows) == (False, 0)
    assert "formulas:2:Age__c" in refreshed.objects[0].notes
    extracting.assert_same("Account", ("Name", "Industry", "AnnualRevenue", "Score__c", "Age__c"))
    extracting.age_watermarks(days=1)
    assert "formulas:0:Age__c" in extracting.done().objects[0].notes
