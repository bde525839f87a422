"""The objects of an org, before anything is chosen: what there is, how it is read, what the user may not see."""

from __future__ import annotations

import pytest

from datasync_flask.salesforce.query_support import NEED_A_FILTER, NOT_IN_BULK, NOT_QUERYABLE, Reading, reading_of
from tests.support.extraction import Extracting, Org
from tests.support.visitor import Visitor


def facts(visitor: Visitor) -> dict[str, str]:
    """The facts about one object, by their names."""
    (found,) = visitor.page.xpath("//section[@aria-labelledby='details']//dl")
    names = [" ".join(each.text_content().split()) for each in found.xpath("dt")]
    return dict(zip(names, (" ".join(each.text_content().split()) for each in found.xpath("dd")), strict=True))


def object_details(extracting: Extracting, name: str, query: str = "") -> dict[str, str]:
    visitor = extracting.walk.visitor
    assert visitor.get(f"/connections/{extracting.walk.id}/objects?name={name}{query}").status_code == 200
    return facts(visitor)


def test_search_and_counts(extracting: Extracting, org: Org) -> None:
    org.do("Account", "generate", count=7)
    visitor = extracting.walk.visitor
    visitor.get(f"/connections/{extracting.walk.id}/objects?q=ccoun")
    names = [link.text for link in visitor.page.xpath("//section[@aria-labelledby='list']//a")]
    assert "Account" in names
    assert "Contact" not in names
    shown = object_details(extracting, "Account")
    assert shown["Rows"] == "Count rows"
    assert shown["Detect changes by"] == "SystemModstamp"
    assert "Age__c" in shown["Formula fields"]
    assert object_details(extracting, "Account", "&count=1")["Rows"] == "7"


def test_by_which_way_an_object_is_read(extracting: Extracting) -> None:
    assert object_details(extracting, "Account")["Loaded with"] == "Bulk API, by pages"
    assert object_details(extracting, "OrderStatus")["Loaded with"].startswith("REST")


def test_the_ways_are_told_apart() -> None:
    assert not NOT_IN_BULK & NEED_A_FILTER
    assert not (NOT_IN_BULK | NEED_A_FILTER) & NOT_QUERYABLE
    found = {name: reading_of(name) for name in ("TaskStatus", "ContentDocumentLink", "EmailStatus", "Thing__c")}
    assert list(found.values()) == [Reading.REST, Reading.FILTER, Reading.NEVER, Reading.BULK]


def test_fields_that_the_user_may_not_see(extracting: Extracting, org: Org) -> None:
    assert object_details(extracting, "Account")["Fields this user can’t see"] == "None"
    org.do("Account", "hide", fields=["Industry", "Phone"])
    shown = object_details(extracting, "Account")
    assert shown["Fields this user can’t see"].startswith("Industry, Phone. Ask the Salesforce administrator")
    assert "Industry" not in shown.get("Not loaded", "")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, '[{"errorCode":"INVALID_TYPE","message":"sObject type \'FieldDefinition\' is not supported."}]'),
        (403, '[{"errorCode":"INSUFFICIENT_ACCESS","message":"insufficient access rights on cross-reference id"}]'),
        (200, '{"totalSize":0,"done":true,"records":[]}'),
        (200, '{"totalSize":1,"done":true,"records":[{"other":1}, 7]}'),
    ],
)
def test_where_salesforce_does_not_tell(extracting: Extracting, status: int, body: str) -> None:
    extracting.walk.practice.fault("query", status=status, body=body, headers={"Content-Type": "application/json"})
    hidden = object_details(extracting, "Account")["Fields this user can’t see"]
    assert "View Setup and Configuration" in hidden or hidden == "None"
