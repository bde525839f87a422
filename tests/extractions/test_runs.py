"""Runs against the practice org: what each tracking type brings, on each destination, and what changes between runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from datasync_flask.destinations.base import Table
from tests.support.extraction import Extracting, Org


@pytest.mark.parametrize("tracking", ["none", "date", "date_deletes"])
def test_each_tracking_type_on_each_destination(
    extracting: Extracting, org: Org, destination: str, tracking: str
) -> None:
    org.do("Account", "generate", count=40)
    extracting.make(["Account"], destination, **{"tracking_type-Account": tracking})
    (first,) = extracting.done().objects
    assert (first.name, first.rows, first.source_count, first.target_count) == ("Account", 40, 40, 40)
    extracting.assert_same("Account")
    ids = org.ids("Account")
    org.do("Account", "update", ids=ids[:2], values={"Name": 'ümlaut, "quoted"\nand 🦆', "AnnualRevenue": 0.1})
    org.do("Account", "insert", rows=[{"Name": "fresh"}])
    second = extracting.done()
    extracting.assert_same("Account")
    org.do("Account", "delete", ids=ids[2:4])
    org.do("Account", "hard_delete", ids=ids[4:5])
    third = extracting.done()
    if tracking == "date":
        # What was deleted stays, and the page says so.
        assert len(extracting.table("Account")) == 41
        assert (third.objects[0].source_count, third.objects[0].target_count) == (38, 41)
    else:
        extracting.assert_same("Account")
    org.do("Account", "undelete", ids=ids[2:3])
    org.do("Account", "merge", winner=ids[10], ids=ids[11:13])
    extracting.done()
    if tracking != "date":
        extracting.assert_same("Account")
    assert second.objects[0].is_whole == (tracking == "none")


def test_an_object_without_a_date_and_without_bulk_on_each_destination(
    extracting: Extracting, org: Org, destination: str
) -> None:
    org.do("OrderStatus", "generate", count=3)
    extracting.make(["OrderStatus"], destination)
    (loaded,) = extracting.done().objects
    assert (loaded.rows, loaded.source_count, loaded.target_count) == (3, 3, 3)
    extracting.assert_same("OrderStatus", ("Name", "ApiName", "SortOrder"))


def test_nothing_new_costs_at_most_three_calls_per_object(extracting: Extracting, org: Org, warehouse: str) -> None:
    names = [f"Thing{number}__c" for number in range(50)]
    for name in names:
        org.do(name, "object", fields={"Value__c": "double"})
        org.do(name, "generate", count=2)
    extracting.make(names, warehouse, **{f"tracking_type-{name}": "date_deletes" for name in names})
    extracting.done()
    run = extracting.done()
    assert run.api_calls <= 3 * len(names)


def test_large_tables_go_by_bulk_in_pages(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=9000)
    extracting.walk.practice.change_org(result_page_rows=2000)
    extracting.make(["Account"], warehouse)
    run = extracting.done()
    assert (run.objects[0].pages, run.objects[0].rows) == (5, 9000)
    assert extracting.walk.practice.requests()["results"] == 5
    extracting.assert_same("Account")


def test_what_bulk_refuses_goes_by_rest(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=7000)
    extracting.walk.practice.change_org(bulk_off=True)
    extracting.make(["Account"], warehouse)
    run = extracting.done()
    assert run.objects[0].rows == 7000
    assert "Async API not enabled" in " ".join(run.objects[0].notes)
    extracting.assert_same("Account")


def test_late_commits_are_seen_in_the_next_run(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=5)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date"})
    extracting.done()
    # Stamped while its transaction ran, seen only now: behind the time of the last run.
    stamp = (datetime.now(UTC) - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%S.000+00:00")
    made = org.do("Account", "insert", rows=[{"Name": "late"}])
    org.do("Account", "formula", ids=made, values={"SystemModstamp": stamp, "LastModifiedDate": stamp})
    extracting.done()
    extracting.assert_same("Account", ("Name",))


def test_everything_is_read_again_after_its_days(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=3)
    extracting.make(["Account"], warehouse, reread_days="2", formula_rhythm="never")
    extracting.done()
    extracting.age_watermarks(hours=1)
    org.do("Account", "formula", ids=org.ids("Account"), values={"Age__c": 99.5})
    extracting.done()
    assert 99.5 not in [row["age_c"] for row in extracting.table("Account")]
    extracting.age_watermarks(days=3)
    assert extracting.done().objects[0].is_whole
    extracting.assert_same("Account", ("Age__c",))


def test_after_a_long_gap_ids_are_compared(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=6)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date_deletes"})
    extracting.done()
    extracting.age_watermarks(days=20)
    ids = org.ids("Account")
    org.do("Account", "hard_delete", ids=ids[:2])
    # As many as before: counts alone would say nothing.
    org.do("Account", "insert", rows=[{"Name": "a"}, {"Name": "b"}])
    run = extracting.done()
    assert run.objects[0].deleted == 2
    extracting.assert_same("Account")


def test_ids_that_break_off_remove_nothing(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=6)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date_deletes"})
    extracting.done()
    ids = org.ids("Account")
    org.do("Account", "hard_delete", ids=ids[:1])
    # What changed, and how many there are, are answered; then the Ids.
    for _ in range(2):
        extracting.walk.practice.fault("query", kind="pass")
    short = {"totalSize": 5, "done": True, "records": [{"Id": ids[1]}]}
    extracting.walk.practice.fault("query", body=json.dumps(short))
    run = extracting.done()
    assert (run.objects[0].deleted, run.objects[0].target_count) == (0, 6)
    extracting.walk.visitor.get(f"/extractions/{extracting.id}/runs/{run.id}")
    assert "so this run removed no rows" in extracting.walk.visitor.text
    assert extracting.done().objects[0].deleted == 1
    extracting.assert_same("Account")


def test_fields_come_and_go_and_change_their_type(extracting: Extracting, org: Org, destination: str) -> None:
    org.do("Account", "generate", count=4)
    extracting.make(["Account"], destination)
    extracting.done()
    org.do("Account", "fields", added={"New__c": "string"}, removed=["Website"])
    ids = org.ids("Account")
    org.do("Account", "update", ids=ids[:1], values={"New__c": "here"})
    extracting.done()
    rows = {row["id"]: row for row in extracting.table("Account")}
    assert rows[ids[0]]["new_c"] == "here"
    assert "website" in rows[ids[0]]
    org.do("Account", "fields", added={"New__c": "double"}, removed=[])
    org.do("Account", "update", ids=ids[:1], values={"New__c": 4.5})
    run = extracting.done()
    rows = {row["id"]: row for row in extracting.table("Account")}
    assert float(rows[ids[0]]["new_c_v_double"]) == 4.5
    assert "retyped:New__c" in run.objects[0].notes


def test_a_filter_and_a_switch_of_the_type(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=8)
    extracting.make(["Account"], warehouse)
    extracting.edit(**{"filter-Account": "Industry = 'Energy'"})
    extracting.done()
    assert {row["industry"] for row in extracting.table("Account")} == {"Energy"}
    extracting.edit(**{"filter-Account": ""})
    assert extracting.done().objects[0].is_whole
    extracting.assert_same("Account")
    extracting.edit(**{"tracking_type-Account": "date_deletes"})
    assert extracting.done().objects[0].is_whole


def test_history_keeps_versions(extracting: Extracting, org: Org, destination: str) -> None:
    org.do("Account", "generate", count=3)
    extracting.make(["Account"], destination, **{"history-Account": "on", "tracking_type-Account": "date"})
    extracting.edit(**{"history-Account": "on"})
    extracting.done()
    ids = org.ids("Account")
    org.do("Account", "update", ids=ids[:1], values={"Name": "second version"})
    extracting.done()
    extracting.done()
    extracting.assert_same("Account")
    found, dataset = extracting.open()
    shown = found.preview(Table(dataset, "account"), 100)
    assert len(shown.rows) == 4


def test_marked_instead_of_removed(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=4)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date_deletes"})
    extracting.edit(**{"mark-Account": "on"})
    extracting.done()
    ids = org.ids("Account")
    org.do("Account", "delete", ids=ids[:1])
    org.do("Account", "hard_delete", ids=ids[1:2])
    run = extracting.done()
    marked = {row["id"] for row in extracting.table("Account") if row["is_deleted"]}
    assert marked == set(ids[:2])
    assert (run.objects[0].source_count, run.objects[0].target_count) == (2, 2)


def test_an_object_that_is_gone_fails_alone_with_what_to_do(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=2)
    extracting.make(["Account", "Gone__c"], warehouse)
    run = extracting.run()
    assert (run.state, run.problem) == ("failed", "salesforce.not_found")
    extracting.assert_same("Account")
    visitor = extracting.walk.visitor
    visitor.get(f"/extractions/{extracting.id}/runs/{run.id}")
    assert "Salesforce says that what was asked for doesn’t exist." in visitor.text
    progress = visitor.page.get_element_by_id("run-progress")
    assert progress.get("data-state") == "failed"
    assert progress.get("hx-trigger") is None
    row = progress.xpath(".//*[@data-object='Account']")[0]
    assert [row.get(f"data-{name}") for name in ("rows", "deleted", "source-count", "target-count")] == [
        "2",
        "0",
        "2",
        "2",
    ]


def test_a_table_in_the_way_is_left_alone(extracting: Extracting, org: Org, duckdb: str) -> None:
    org.do("Account", "generate", count=2)
    extracting.make(["Account"], duckdb)
    found, _ = extracting.open()
    with found.transaction() as cursor:  # type: ignore[attr-defined]
        cursor.execute("CREATE SCHEMA crm")
        cursor.execute("CREATE TABLE crm.account (mine VARCHAR)")
    run = extracting.run()
    assert run.problem == "destination.table_in_the_way"
    assert found.preview(Table("crm", "account"), 1).columns == (("mine", "VARCHAR"),)


def test_history_is_switched_on_and_off_for_a_loaded_table(extracting: Extracting, org: Org, destination: str) -> None:
    org.do("Account", "generate", count=3)
    extracting.make(["Account"], destination, **{"tracking_type-Account": "date_deletes"})
    extracting.done()
    extracting.edit(**{"history-Account": "on"})
    visitor = extracting.walk.visitor
    visitor.get(f"/extractions/{extracting.id}")
    assert "becomes the first version of each row" in visitor.text
    assert extracting.done().objects[0].is_whole
    extracting.assert_same("Account")
    ids = org.ids("Account")
    org.do("Account", "update", ids=ids[:1], values={"Name": "later"})
    org.do("Account", "delete", ids=ids[1:2])
    extracting.done()
    extracting.assert_same("Account")
    found, dataset = extracting.open()
    versions = found.preview(Table(dataset, "account"), 100).rows
    assert len(versions) > 4
    extracting.edit(**{"history-Account": []})
    visitor.get(f"/extractions/{extracting.id}")
    assert "older versions are deleted" in visitor.text
    extracting.done()
    extracting.assert_same("Account")
    assert len(found.preview(Table(dataset, "account"), 100).rows) == 2
    extracting.edit(**{"history-Account": "on"})
    extracting.done()
    extracting.assert_same("Account")
