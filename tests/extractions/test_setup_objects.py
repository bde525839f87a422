"""The first step of setting up an extraction: objects are found, chosen, and each has its settings."""

from __future__ import annotations

import re

from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction
from datasync_flask.extractions.setup.models import ExtractionDraft
from tests.support.extraction import Extracting, Org, only
from tests.support.setup import Setup


def test_what_is_ticked_keeps_its_place_over_searches_and_groups(setup: Setup) -> None:
    setup.open("objects")
    before = setup.chosen
    assert setup.chips["Suggested"] >= 3
    assert setup.chips["With rows"] >= 3
    answer = setup.send_objects(q="orderst", do="search")
    assert answer.headers["Location"] == setup.at("objects") + "?q=orderst"
    setup.visitor.follow()
    assert setup.shown == ["OrderStatus"]
    assert setup.chosen == before
    setup.send_objects(objects=["OrderStatus"], show="standard", q="")
    setup.visitor.follow()
    assert setup.chosen == [*before, "OrderStatus"]
    # Unticked where it stands in the list, and removed of the basket.
    ticked = [name for name in before if name != "Contact"] + ["OrderStatus"]
    setup.send_objects(objects=ticked, show="standard")
    setup.visitor.follow()
    assert "Contact" not in setup.chosen
    setup.send_objects(remove="Account")
    setup.visitor.follow()
    assert "Account" not in setup.chosen
    setup.send_objects(clear="1")
    setup.visitor.follow()
    assert setup.chosen == []
    assert setup.send_objects(do="continue").status_code == 422
    assert "Choose at least one object." in setup.visitor.text


def test_what_another_tab_changed_meanwhile_stays_changed(setup: Setup) -> None:
    setup.open("objects", "?show=standard")
    older, before = setup.visitor.page, setup.chosen
    setup.send_objects(objects=[*(name for name in before if name != "Contact"), "OrderStatus"], do="close")
    setup.visitor.page = older
    setup.send_objects(objects=[*(name for name in before if name != "Opportunity"), "Profile"], do="close")
    setup.open("objects")
    assert {"Account", "OrderStatus", "Profile"} <= set(setup.chosen)
    assert not {"Contact", "Opportunity"} & set(setup.chosen)


def test_an_object_has_its_settings_before_anything_is_saved(setup: Setup, org: Org) -> None:
    address = setup.at("objects/Account")
    setup.open("objects")
    # What was ticked on the way there is kept.
    answer = setup.send_objects(objects=["Account", "Contact"], settings="Account")
    assert answer.headers["Location"] == address
    setup.visitor.follow()
    values = setup.visitor.form_values("object-form")
    bad = setup.visitor.post(address, {**values, "filter": "Industri = = x", "history": "1"})
    assert bad.status_code == 422
    assert "Salesforce refuses this filter:" in setup.visitor.error_at("filter")
    # Nothing typed is lost.
    assert setup.visitor.form_values("object-form")["filter"] == "Industri = = x"
    assert setup.visitor.form_values("object-form")["history"] == "1"
    assert setup.visitor.post(address, {**values, "which": "some", **only([], values)}).status_code == 422
    assert setup.visitor.error_at("fields")
    good = {
        "tracking_type": "date_deletes", "filter": "Industry = 'Energy'", "which": "some",
        **only(["Name", "Industry"], values), "deleted": "mark", "history": "1", "cursor": "",
    }  # fmt: skip
    assert setup.visitor.post(address, {**good, "try": "1"}).status_code == 200
    assert "Salesforce accepts this filter." in setup.visitor.text
    assert setup.visitor.post(address, good).headers["Location"] == setup.at("objects") + "#settings-Account"
    setup.open("objects")
    assert "2 fields · Changes and deletions · filtered · history" in setup.visitor.text
    setup.visitor.post(setup.at("alike"), {"tracking_type": "none", "deleted": "-", "history": "latest", "which": "-"})
    setup.open("objects")
    assert "2 fields · Everything · filtered" in setup.visitor.text
    assert "All fields · Everything" in setup.visitor.text
    setup.send_objects(do="continue")
    setup.open("destination")
    setup.send_destination(do="continue")
    setup.open("review")
    assert setup.send("review", "review-form", do="save").headers["Location"] == f"/extractions/{setup.id}"
    with setup.walk.app.app_context():
        made = {each.name: each for each in db.session.get_one(Extraction, setup.id).objects}
        assert made["Account"].fields == ["Name", "Industry"]
        assert made["Account"].filter == "Industry = 'Energy'"
        assert made["Account"].marks_deleted
        assert not made["Account"].keeps_history
        assert {each.tracking_type for each in made.values()} == {"none"}
        assert db.session.query(ExtractionDraft).count() == 0


def later(setup: Setup) -> list[tuple[str, str]]:
    """What later runs load, according to the last step."""
    rows = setup.visitor.page.xpath("//*[@id='what-is-loaded']//tbody/tr")
    return [(row.xpath("string(td[1])"), row.xpath("string(td[4])")) for row in rows]


def test_an_object_without_a_change_date_says_so_before_the_first_run(setup: Setup, warehouse: str) -> None:
    everything = ("OrderStatus", "Everything: no change date")
    setup.open("objects")
    setup.send_objects(objects=["Account", "OrderStatus"], do="continue", at_chosen="Account Contact Opportunity User")
    setup.open("destination")
    setup.send_destination(do="continue", destination=warehouse)
    setup.open("review")
    assert later(setup)[-1] == ("OrderStatus", "Changes")
    # The checks ask Salesforce.
    setup.visitor.get(setup.at("checks"), headers={"HX-Request": "true"})
    assert "No change date, so each run loads everything: OrderStatus" in setup.visitor.text
    assert later(setup)[-1] == everything
    setup.open("review")
    assert later(setup)[-1] == everything
    setup.open("objects")
    assert "All fields · Everything: no change date" in setup.visitor.text
    # What is loaded whole anyway, or by a date that somebody chose, needs no remark.
    setup.visitor.post(setup.at("alike"), {"tracking_type": "none", "deleted": "-", "history": "-", "which": "-"})
    setup.open("review", "?checks=1")
    assert {text for _, text in later(setup)} == {"Everything"}
    assert "No change date" not in setup.visitor.text


def test_the_checks_describe_objects_by_one_call_until_it_has_succeeded(setup: Setup, warehouse: str) -> None:
    setup.open("objects")
    setup.send_objects(objects=["Account", "OrderStatus"], do="continue", at_chosen="Account Contact Opportunity User")
    setup.open("destination")
    setup.send_destination(do="continue", destination=warehouse)
    practice = setup.walk.practice
    practice.fault("describe", status=503, body="<html>")
    for calls, has_found_out in ((1, False), (2, True), (2, True)):
        setup.visitor.get(setup.at("checks"), headers={"HX-Request": "true"})
        assert "Sales EMEA answers" in setup.visitor.text
        assert ("No change date" in setup.visitor.text) is has_found_out
        assert practice.requests()["describe"] == calls


def test_opening_the_settings_of_an_object_finds_out_about_its_date(setup: Setup) -> None:
    setup.open("objects")
    setup.send_objects(objects=["OrderStatus"], settings="OrderStatus")
    setup.visitor.follow()
    assert "No change date: reload everything each run" in setup.visitor.text
    setup.open("objects")
    assert "All fields · Everything: no change date" in setup.visitor.text


def test_a_broken_filter_is_refused_on_every_way_to_save(extracting: Extracting, warehouse: str) -> None:
    data = {"description": "X", "source": extracting.walk.id, "destination": warehouse, "dataset": "crm",
            "objects": ["Account"], "schedule": "", "timezone": "UTC", "filter-Account": "Industri = = x"}  # fmt: skip
    visitor = extracting.walk.visitor
    assert visitor.post("/extractions/new", data).status_code == 422
    assert "Account: Salesforce refuses this filter" in visitor.error_at("filter-Account")
    # The settings of the object are open, and the summary leads there.
    assert visitor.page.xpath("//div[@data-object-choice='Account']/details[@open]//input[@aria-invalid='true']")
    assert visitor.page.xpath("//div[contains(@class, 'summary')]//a/@href") == ["#filter-Account"]


def test_a_tracking_type_that_there_is_not_is_refused(extracting: Extracting, warehouse: str) -> None:
    data = {"description": "X", "source": extracting.walk.id, "destination": warehouse, "dataset": "crm",
            "objects": ["Account"], "schedule": "", "timezone": "UTC", "tracking_type-Account": "date_delete"}  # fmt: skip
    visitor = extracting.walk.visitor
    assert visitor.post("/extractions/new", data).status_code == 422
    assert "The tracking type of Account: choose one from the list." in visitor.text
    # Empty means the connection's.
    assert visitor.post("/extractions/new", data | {"tracking_type-Account": ""}).status_code == 303


def test_a_filter_that_cannot_be_tried_is_saved_and_said_so(setup: Setup, warehouse: str) -> None:
    setup.open("objects")
    setup.send_objects(objects=["Account"], settings="Account")
    setup.visitor.follow()
    values = setup.visitor.form_values("object-form") | {"filter": "Industry = 'Energy'"}
    setup.walk.practice.fault("query", kind="answer", status=503, body="<html>busy</html>", times=None)
    try:
        assert setup.visitor.post(setup.at("objects/Account"), {**values, "try": "1"}).status_code == 200
        assert "Salesforce accepts this filter." not in setup.visitor.text
        assert "The filter of Account wasn’t tried. The next run tries it." in setup.visitor.text
        assert setup.visitor.post(setup.at("objects/Account"), values).status_code == 303
        setup.visitor.follow()
        assert "The filter of Account wasn’t tried. The next run tries it." in setup.visitor.text
        data = {"description": "X", "source": setup.walk.id, "destination": warehouse, "dataset": "crm",
                "objects": ["Account"], "schedule": "", "timezone": "UTC", "filter-Account": "Industry = 'x'"}  # fmt: skip
        assert setup.visitor.post("/extractions/new", data).status_code == 303
        setup.visitor.follow()
        assert "The filter of Account wasn’t tried. The next run tries it." in setup.visitor.text
    finally:
        setup.walk.practice.clear_faults()


def test_a_filter_is_never_cut(extracting: Extracting, warehouse: str) -> None:
    long = " OR ".join(f"Name = 'number {number}'" for number in range(120))
    data = {"description": "X", "source": extracting.walk.id, "destination": warehouse, "dataset": "crm",
            "objects": ["Account"], "schedule": "", "timezone": "UTC", "filter-Account": long}  # fmt: skip
    assert extracting.walk.visitor.post("/extractions/new", data).status_code == 422
    assert "at most 2,000 characters" in extracting.walk.visitor.error_at("filter-Account")


def test_nine_hundred_objects_are_a_small_page(extracting: Extracting, org: Org) -> None:
    setup = Setup(extracting.walk)
    setup.open("objects")
    few = len(setup.visitor.response.data)
    for number in range(900):
        namespace = f"pkg{number % 9}__" if number % 3 else ""
        org.do(f"{namespace}A_long_name_of_an_object_{number}__c", "object", fields={})
    setup.send_objects(do="refresh")
    setup.open("objects")
    assert sum(setup.chips.values()) > 900
    assert setup.chips["pkg1"] > 50
    assert len(setup.visitor.response.data) < 1.5 * few
    setup.open("objects", "?all=all")
    assert len(setup.shown) >= 900
    assert len(setup.visitor.response.data) < 300_000
    setup.open("objects", "?q=OBJECT_777")
    assert setup.shown == ["A_long_name_of_an_object_777__c"] or re.fullmatch(r"pkg\d__A_.*777__c", setup.shown[0])
