"""What the Salesforce user can't see: told before the first run and when it changes, and columns keep their values."""

from __future__ import annotations

from sqlalchemy import select

from datasync_flask.extensions import db
from datasync_flask.notices import service as notices
from datasync_flask.notices.models import Delivery
from tests.support.extraction import Extracting, Org


def extraction_text(extracting: Extracting) -> str:
    assert extracting.walk.visitor.get(f"/extractions/{extracting.id}").status_code == 200
    return extracting.walk.visitor.text


def test_hidden_fields_and_objects_are_told_before_the_first_run(
    extracting: Extracting, org: Org, warehouse: str
) -> None:
    org.do("Account", "hide", fields=["Industry", "Phone"])
    extracting.make(["Account", "Contact"], warehouse)
    org.do("Contact", "hide_object")
    extracting.walk.work()
    text = extraction_text(extracting)
    assert "This Salesforce user can’t see 2 fields of Account: Industry, Phone." in text
    assert "This Salesforce user can’t see 1 object, or it was deleted: Contact." in text
    assert "A Salesforce administrator can change this in Setup" in text
    links = extracting.walk.visitor.page.xpath("//*[@data-unseen]//a/@href")
    assert [link.removeprefix(extracting.walk.practice.origin) for link in links] == [
        "/lightning/setup/PermSets/home",
        "/lightning/setup/ObjectManager/home",
    ]
    (check,) = extracting.walk.show().xpath(".//li[@data-check='visibility']")
    assert check.get("data-verdict") == "warning"
    assert "2 fields of Account" in check.text_content()
    org.do("Account", "show", fields=["Industry", "Phone"])
    org.do("Contact", "show_object")
    extracting.walk.make_due()
    extracting.walk.work()
    assert "can’t see" not in extraction_text(extracting)
    (check,) = extracting.walk.show().xpath(".//li[@data-check='visibility']")
    assert check.get("data-verdict") == "ok"


def test_a_user_that_salesforce_tells_nothing(extracting: Extracting, warehouse: str) -> None:
    extracting.make(["Account"], warehouse)
    extracting.walk.practice.fault(
        "tooling", status=403, headers={"Content-Type": "application/json"},
        body='[{"errorCode":"INSUFFICIENT_ACCESS","message":"insufficient access rights on cross-reference id"}]',
    )  # fmt: skip
    extracting.walk.work()
    (check,) = extracting.walk.show().xpath(".//li[@data-check='visibility']")
    assert check.get("data-verdict") == "unknown"
    assert "View Setup and Configuration" in check.text_content()


def test_a_field_that_is_hidden_keeps_its_values(extracting: Extracting, org: Org, destination: str) -> None:
    org.do("Account", "generate", count=4)
    extracting.make(["Account"], destination)
    extracting.done()
    hidden = ("industry", "annual_revenue", "score_c")
    before = {row["id"]: [row[name] for name in hidden] for row in extracting.table("Account")}
    assert all(None not in values[:1] for values in before.values())
    org.do("Account", "hide", fields=["Industry", "AnnualRevenue", "Score__c"])
    ids = org.ids("Account")
    org.do("Account", "update", ids=ids[:2], values={"Name": "Renamed"})
    org.do("Account", "generate", count=1)
    run = extracting.done()
    rows = {row["id"]: row for row in extracting.table("Account")}
    assert [rows[row_id]["name"] for row_id in ids[:2]] == ["Renamed", "Renamed"]
    assert {row_id: [rows[row_id][name] for name in hidden] for row_id in ids} == before
    assert "unseen:AnnualRevenue,Industry,Score__c" in run.objects[0].notes
    extracting.walk.visitor.get(f"/extractions/{extracting.id}/runs/{run.id}")
    assert (
        "AnnualRevenue, Industry, Score__c are no longer visible to this Salesforce user"
        in extracting.walk.visitor.text
    )
    assert "doesn’t say whether a field that went away is hidden or deleted" in extraction_text(extracting)
    extracting.walk.visitor.post(f"/extractions/{extracting.id}/objects/Account/reload")
    extracting.work_on(extracting.walk.visitor.response.headers["Location"].rsplit("/", 1)[-1])
    rows = {row["id"]: row for row in extracting.table("Account")}
    assert len(rows) == 5
    assert {row_id: [rows[row_id][name] for name in hidden] for row_id in ids} == before


def test_who_reads_notices_is_told_when_it_changes(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=2)
    extracting.make(["Account"], warehouse, **{"keeps_history-Account": "1"})
    extracting.done()
    with extracting.app.app_context():
        notices.make("email", "Team", "team@example.com", errors_only=False)
    org.do("Account", "hide", fields=["Industry"])
    org.do("Account", "update", ids=org.ids("Account")[:1], values={"Name": "Renamed"})
    extracting.done()
    extracting.done()
    assert all(row["industry"] for row in extracting.table("Account"))
    org.do("Account", "hide", fields=["Phone"])
    extracting.done()
    org.do("Account", "show", fields=["Industry", "Phone"])
    extracting.done()
    with extracting.app.app_context():
        told = [(each.event, each.body) for each in db.session.scalars(select(Delivery).order_by(Delivery.id))]
    assert [event for event, _ in told] == ["fields_not_visible", "fields_not_visible", "fields_visible"]
    assert "1 field of Account: Industry" in told[0][1]
    assert "2 fields of Account: Industry, Phone" in told[1][1]
