"""Setting up an extraction step by step, without JavaScript: each step is a plain form, and each saves the draft."""

from __future__ import annotations

import re
from typing import Any

import pytest

from datasync_flask.destinations import service
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction, Run
from datasync_flask.extractions.setup.models import ExtractionDraft
from tests.support.connection import ConnectionWalk
from tests.support.extraction import Extracting, Org, only
from tests.support.visitor import Visitor


class Setup:
    """The steps of one draft."""

    def __init__(self, walk: ConnectionWalk) -> None:
        self.walk, self.visitor = walk, walk.visitor
        self.visitor.get(f"/connections/{walk.id}")
        answer = self.visitor.post("/extractions/setup", {"source": walk.id})
        assert answer.status_code == 303
        self.id = answer.headers["Location"].split("/")[2]

    def at(self, step: str) -> str:
        return f"/extractions/{self.id}/setup/{step}"

    def open(self, step: str, query: str = "") -> Visitor:
        assert self.visitor.get(self.at(step) + query).status_code == 200, self.visitor.text
        return self.visitor

    def send(self, step: str, form: str, **changes: Any) -> Any:
        """Send a step's form as it stands on the page that is open, with changes; lists replace all values."""
        values: dict[str, Any] = {}
        for name, value in self.visitor.page.get_element_by_id(form).form_values():
            values.setdefault(name, []).append(value)
        return self.visitor.open(self.at(step), method="POST", data={**values, **changes})

    def send_objects(self, **changes: Any) -> Any:
        return self.send("objects", "objects-form", **changes)

    def send_destination(self, **changes: Any) -> Any:
        return self.send("destination", "destination-form", **changes)

    @property
    def chosen(self) -> list[str]:
        return [name.text_content() for name in self.visitor.page.xpath("//*[@id='basket']//li//b")]

    @property
    def shown(self) -> list[str]:
        return [name.text_content() for name in self.visitor.page.xpath("//label[@class='pick']/b")]

    @property
    def chips(self) -> dict[str, int]:
        found = self.visitor.page.xpath("//button[@class='chip']")
        return {chip.text.strip(): int(chip.xpath("string(small)").replace(",", "")) for chip in found}


@pytest.fixture
def setup(extracting: Extracting, org: Org) -> Setup:
    for name, count in (("Account", 30), ("Contact", 20), ("Opportunity", 5)):
        org.do(name, "generate", count=count)
    return Setup(extracting.walk)


def test_from_connected_to_rows_with_nothing_typed(setup: Setup, extracting: Extracting) -> None:
    setup.visitor.get(f"/connections/{setup.walk.id}")
    assert setup.visitor.page.xpath("//form[@action='/extractions/setup']//button[text()='Choose what to load']")
    setup.open("objects")
    assert setup.chosen[:3] == ["Account", "Contact", "Opportunity"]
    # Beside the 55 the org has a few users.
    assert re.search(r"about 5[5-9] rows", setup.visitor.text)
    assert setup.send_objects(do="continue").headers["Location"] == setup.at("destination")
    setup.open("destination")
    assert setup.visitor.form_values("destination-form")["new-path"] == "datasync.duckdb"
    assert "sales_emea.account" in setup.visitor.text
    assert "Every hour, on the hour" in setup.visitor.text
    assert setup.send_destination(do="continue").headers["Location"] == setup.at("review"), setup.visitor.text
    setup.open("review")
    values = setup.visitor.form_values("review-form")
    assert values["description"] == "Sales EMEA to DuckDB datasync.duckdb"
    answer = setup.send("review", "review-form", do="start")
    run_id = answer.headers["Location"].rsplit("/", 1)[-1]
    assert answer.headers["Location"] == f"/extractions/{setup.id}/runs/{run_id}"
    extracting.id = setup.id
    extracting.work_on(run_id)
    assert extracting.stored(run_id).state == "done"
    assert len(extracting.table("Account")) == 30
    # Who goes back to a step comes to what was made of it.
    assert setup.visitor.get(setup.at("review")).headers["Location"] == f"/extractions/{setup.id}"


def test_a_draft_is_made_by_a_post_only_and_never_runs(setup: Setup) -> None:
    visitor = setup.visitor
    with setup.walk.app.app_context():
        assert db.session.query(ExtractionDraft).count() == 1
    visitor.get(f"/extractions/new?source={setup.walk.id}")
    assert visitor.page.xpath("//input[@type='radio']/@value") == [setup.walk.id]
    # Nothing chosen in it yet: pressing again gives the same one.
    assert visitor.submit("source-form").headers["Location"] == setup.at("objects")
    setup.open("objects")
    setup.send_objects(objects=["Contact"], do="close")
    visitor.get("/extractions")
    assert "New extractionSales EMEA · 1 object" in visitor.text
    assert visitor.page.xpath(f"//a[@href='/extractions/{setup.id}/setup' and text()='Resume']")
    assert visitor.get(f"/extractions/{setup.id}").headers["Location"] == f"/extractions/{setup.id}/setup"
    assert visitor.get(f"/extractions/{setup.id}/setup").headers["Location"] == setup.at("destination")
    assert visitor.post(f"/extractions/{setup.id}/runs").status_code == 404
    with setup.walk.app.app_context():
        assert db.session.query(Extraction).count() == db.session.query(Run).count() == 0
    assert visitor.post(setup.at("discard")).status_code == 303
    assert visitor.get(setup.at("objects")).status_code == 404


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


def test_a_step_is_done_only_when_something_was_chosen_in_it(setup: Setup) -> None:
    def done() -> list[str]:
        return [
            step.text_content().split()[0] for step in setup.visitor.page.xpath("//ol[@class='flow']/li[@class='done']")
        ]

    setup.open("destination")
    assert done() == []
    # It still leads back there.
    assert setup.visitor.page.xpath("//ol[@class='flow']/li/a/@href") == [setup.at("objects")]
    setup.open("objects")
    setup.send_objects(do="continue")
    setup.visitor.follow()
    assert len(done()) == 1


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


def test_a_broken_filter_is_refused_on_every_way_to_save(extracting: Extracting, warehouse: str) -> None:
    data = {"description": "X", "source": extracting.walk.id, "destination": warehouse, "dataset": "crm",
            "objects": ["Account"], "schedule": "", "timezone": "UTC", "filter-Account": "Industri = = x"}  # fmt: skip
    visitor = extracting.walk.visitor
    assert visitor.post("/extractions/new", data).status_code == 422
    assert "Account: Salesforce refuses this filter" in visitor.error_at("objects")


def test_a_filter_that_cannot_be_tried_is_saved_and_said_so(setup: Setup, warehouse: str) -> None:
    setup.open("objects")
    setup.send_objects(objects=["Account"], settings="Account")
    setup.visitor.follow()
    values = setup.visitor.form_values("object-form") | {"filter": "Industry = 'Energy'"}
    setup.walk.practice.fault("query", kind="answer", status=503, body="<html>busy</html>", times=None)
    try:
        assert setup.visitor.post(setup.at("objects/Account"), {**values, "try": "1"}).status_code == 200
        assert "Salesforce accepts this filter." not in setup.visitor.text
        assert "The filter of Account wasn't tried. The next run tries it." in setup.visitor.text
        assert setup.visitor.post(setup.at("objects/Account"), values).status_code == 303
        setup.visitor.follow()
        assert "The filter of Account wasn't tried. The next run tries it." in setup.visitor.text
        data = {"description": "X", "source": setup.walk.id, "destination": warehouse, "dataset": "crm",
                "objects": ["Account"], "schedule": "", "timezone": "UTC", "filter-Account": "Industry = 'x'"}  # fmt: skip
        assert setup.visitor.post("/extractions/new", data).status_code == 303
        setup.visitor.follow()
        assert "The filter of Account wasn't tried. The next run tries it." in setup.visitor.text
    finally:
        setup.walk.practice.clear_faults()


def test_a_filter_is_never_cut(extracting: Extracting, warehouse: str) -> None:
    long = " OR ".join(f"Name = 'number {number}'" for number in range(120))
    data = {"description": "X", "source": extracting.walk.id, "destination": warehouse, "dataset": "crm",
            "objects": ["Account"], "schedule": "", "timezone": "UTC", "filter-Account": long}  # fmt: skip
    assert extracting.walk.visitor.post("/extractions/new", data).status_code == 422
    assert "at most 2,000 characters" in extracting.walk.visitor.error_at("objects")


def test_fields_that_are_missing_are_named(extracting: Extracting) -> None:
    visitor = extracting.walk.visitor
    assert visitor.post("/extractions/new", {}).status_code == 422
    for field in ("description", "source", "destination", "dataset", "objects"):
        assert visitor.error_at(field), field


def test_what_is_typed_into_the_destination_step_survives(setup: Setup, extracting: Extracting) -> None:
    setup.open("objects")
    setup.send_objects(do="continue")
    setup.open("destination")
    setup.send_destination(**{"new-kind": "postgresql", "do": "show"})
    assert setup.visitor.page.get_element_by_id("new-port").value == "5432"
    typed = {"new-host": "127.0.0.1", "new-port": "1", "new-database": "crm", "new-username": "me",
             "new-password": "kept for an hour", "dataset": "mine", "repeat": "weekly", "at_time": "07:15",
             "on_days": ["1", "5"], "timezone": "Europe/Berlin"}  # fmt: skip
    assert setup.send_destination(**typed, do="continue").status_code == 422
    assert setup.visitor.page.xpath("//p[@class='error']")
    assert "kept for an hour" not in setup.visitor.response.text
    assert setup.send_destination(do="close").headers["Location"].startswith("/extractions")
    with setup.walk.app.app_context():
        stored = db.session.get_one(ExtractionDraft, setup.id).settings
        assert "kept for an hour" not in str(stored)
        assert stored["schedule"] == "15 7 * * 1,5"
    setup.open("destination")
    values = setup.visitor.form_values("destination-form")
    assert (values["new-host"], values["new-database"], values["dataset"]) == ("127.0.0.1", "crm", "mine")
    assert (values["repeat"], values["at_time"], values["timezone"]) == ("weekly", "07:15", "Europe/Berlin")
    assert "Every week on Mon, Fri at 07:15" in setup.visitor.text


def test_destinations_that_are_there_are_cards_and_name_the_tables_in_their_way(
    setup: Setup, extracting: Extracting
) -> None:
    file = extracting.make_destination("sqlite", {"path": "w.sqlite"})
    setup.open("objects")
    setup.send_objects(objects=["Account"], do="continue")
    setup.open("destination")
    # The only one there is chosen.
    assert setup.visitor.form_values("destination-form")["destination"] == file
    assert setup.visitor.page.xpath("string(//label[@for='dataset'])") == "Table prefix"
    setup.send_destination(do="continue")
    setup.open("review", "?checks=1")
    assert "sales_emea_account" in setup.visitor.text
    assert "Sales EMEA answers" in setup.visitor.text
    assert "sqlite can be written to" in setup.visitor.text
    setup.send("review", "review-form", do="save")
    # A second one beside it takes another prefix and another name by itself.
    again = Setup(setup.walk)
    again.open("objects")
    again.send_objects(do="continue")
    again.open("destination")
    assert again.visitor.form_values("destination-form")["dataset"] == "sales_emea_2"
    again.send_destination(do="continue")
    again.open("review")
    assert again.visitor.form_values("review-form")["description"] == "Sales EMEA to sqlite 2"
    assert again.send("review", "review-form", description="Sales EMEA to sqlite", do="save").status_code == 422
    assert "Another extraction has this description" in again.visitor.error_at("description")


@pytest.mark.parametrize(
    ("state", "message"),
    [("draft", "This connection isn't finished yet"), ("waiting", "Salesforce doesn't know the app yet"),
     ("denied", "Access was denied")],
)  # fmt: skip
def test_nobody_is_told_of_revoked_access_that_never_was(walk: ConnectionWalk, state: str, message: str) -> None:
    if state == "draft":
        walk.save(client_id="")
    elif state == "waiting":
        walk.make_app(propagation_seconds=600)
        walk.save()
        walk.work()
    else:
        walk.to_ready()
        walk.allow("deny")
    setup = Setup(walk)
    for path in (setup.at("objects"), f"/connections/{walk.id}/objects"):
        walk.visitor.get(path)
        assert message in walk.visitor.text
        assert "revoked" not in walk.visitor.text
    # The rest of it can be set up meanwhile; the objects follow.
    setup.open("objects")
    assert setup.send_objects(do="continue").headers["Location"] == setup.at("destination")
    setup.open("destination")
    assert setup.send_destination(do="continue").headers["Location"] == setup.at("review")
    setup.open("review")
    assert message in walk.visitor.text
    assert not walk.visitor.page.xpath("//button[@value='start']")
    assert setup.send("review", "review-form", do="close").status_code == 303


def test_a_run_without_access_says_what_is_true(extracting: Extracting, warehouse: str) -> None:
    never = extracting.walk.save(description="Never connected", client_id="")
    extracting.make(["Account"], warehouse, source=never)
    run = extracting.run()
    assert (run.state, run.problem) == ("waiting", "salesforce.not_connected")
    extracting.walk.visitor.get(f"/extractions/{extracting.id}/runs/{run.id}")
    assert "it hasn't been connected yet" in extracting.walk.visitor.text
    assert "revoked" not in extracting.walk.visitor.text


def test_the_source_can_be_changed_and_its_objects_with_it(setup: Setup) -> None:
    visitor = setup.visitor
    setup.open("objects")
    setup.send_objects(objects=["Account"], do="close")
    first = setup.walk.id
    other = setup.walk.save(description="Another org", client_id="")
    visitor.get(setup.at("source"))
    visitor.post(setup.at("source"), {"source": other})
    setup.open("objects")
    assert "Another org" in visitor.text
    assert setup.chosen == []
    visitor.post(setup.at("source"), {"source": first})
    setup.open("objects")
    assert len(setup.chosen) >= 3


def test_the_edit_page_keeps_its_source_and_all_that_is_typed(extracting: Extracting, warehouse: str) -> None:
    extracting.make(["Account"], warehouse, schedule="30 6 * * *", timezone="Europe/Berlin")
    visitor, path = extracting.walk.visitor, f"/extractions/{extracting.id}/edit"
    first = extracting.walk.id
    other = extracting.walk.save(description="Another org", client_id="")
    visitor.get(path)
    values = visitor.form_values("extraction-form")
    assert (values["repeat"], values["at_time"]) == ("daily", "06:30")
    shown = visitor.post(
        path, {**values, "description": "Typed", "objects": ["Account"], "q": "orders", "do": "search"}
    )
    assert shown.status_code == 200
    assert visitor.form_values("extraction-form")["description"] == "Typed"
    assert [each.text_content() for each in visitor.page.xpath("//label[@class='pick']/b")] == ["OrderStatus"]
    saved = {**values, "description": "Typed", "objects": ["Account", "OrderStatus"], "source": other,
             "repeat": "hourly", "every_hours": "2", "at_minute": "5", "on_days": ["1", "2", "3", "4", "5"]}  # fmt: skip
    assert visitor.post(path, saved).status_code == 303
    with extracting.app.app_context():
        found = db.session.get_one(Extraction, extracting.id)
        assert found.source_id == first
        assert found.schedule == "5 */2 * * 1,2,3,4,5"
        assert [each.name for each in found.objects] == ["Account", "OrderStatus"]
    assert visitor.post(path, {**saved, "repeat": "weekly", "on_days": []}).status_code == 422
    assert visitor.error_at("schedule") == "Choose at least one day."


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


def test_a_destination_deleted_meanwhile_is_said(extracting: Extracting) -> None:
    setup = Setup(extracting.walk)
    destination = extracting.make_destination("duckdb", {"path": "gone.duckdb"})
    setup.open("objects")
    setup.send_objects(objects=["Account"], do="continue")
    setup.open("destination")
    assert setup.send_destination(destination=destination, do="continue").headers["Location"] == setup.at("review")
    with extracting.app.app_context():
        service.delete(db.session.get_one(DestinationConnection, destination), by=None)
    assert setup.visitor.get(setup.at("review")).headers["Location"] == setup.at("destination")
    setup.visitor.follow()
    assert "The destination was deleted. Choose another one." in setup.visitor.text


def test_many_drafts_leave_the_list_in_sight(setup: Setup) -> None:
    setup.open("objects")
    for _ in range(5):
        setup.send_objects(objects=["Contact"], do="close")
        setup = Setup(setup.walk)
        setup.open("objects")
    setup.visitor.get("/extractions")
    drafts = setup.visitor.page.xpath("//section[@aria-labelledby='drafts-title']")[0]
    assert len(drafts.xpath("./ul/li")) == 3
    (rest,) = drafts.xpath("./details")
    assert rest.xpath("string(summary)") == f"{len(rest.xpath('.//li'))} more drafts"
