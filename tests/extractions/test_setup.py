"""Setting up an extraction step by step, without JavaScript: each step is a plain form, and each saves the draft."""

from __future__ import annotations

import re

import pytest

from datasync_flask.destinations import service
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction, Run
from datasync_flask.extractions.setup.models import ExtractionDraft
from tests.support.connection import ConnectionWalk
from tests.support.extraction import Extracting
from tests.support.setup import Setup


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
    # All that is wrong is said at once.
    assert setup.send_destination(dataset="1st", at_time="25:00", quota_ceiling="500", do="continue").status_code == 422
    for field in ("new-host", "dataset", "schedule", "quota_ceiling"):
        assert setup.visitor.error_at(field), field
    setup.send_destination(**typed, do="continue")
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


def test_a_new_destination_is_named_after_its_address_unless_somebody_names_it(setup: Setup) -> None:
    def name() -> str:
        return str(setup.visitor.form_values("destination-form")["new-description"])

    setup.open("objects")
    setup.send_objects(do="continue")
    setup.open("destination")
    assert name() == "DuckDB datasync.duckdb"
    setup.send_destination(**{"new-path": "sales.duckdb", "do": "test"})
    assert name() == "DuckDB sales.duckdb"
    setup.send_destination(**{"new-description": "Mine", "do": "test"})
    setup.send_destination(**{"new-path": "other.duckdb", "do": "test"})
    assert name() == "Mine"
    setup.send_destination(**{"new-kind": "postgresql", "do": "show"})
    address = {"new-host": "db.invalid", "new-database": "crm", "new-username": "me", "new-password": "x"}
    setup.send_destination(**address, do="test")
    assert name() == "crm on db.invalid"
    setup.send_destination(**{"new-host": "other.invalid", "do": "test"})
    assert name() == "crm on other.invalid"


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
    [("draft", "This connection isn’t finished yet"), ("waiting", "Salesforce doesn’t know the app yet"),
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
    assert "it hasn’t been connected yet" in extracting.walk.visitor.text
    assert "revoked" not in extracting.walk.visitor.text


def test_a_run_without_access_keeps_the_reason_of_its_connection(extracting: Extracting, warehouse: str) -> None:
    walk = extracting.walk
    denied = walk.save(description="Denied")
    walk.work()
    walk.allow("deny")
    extracting.make(["Account"], warehouse, source=denied)
    run = extracting.run()
    assert (run.state, run.problem) == ("waiting", "salesforce.denied")
    walk.visitor.get(f"/extractions/{extracting.id}/runs/{run.id}")
    assert "Access was denied" in walk.visitor.text
    walk.visitor.get(f"/connections/{denied}")
    assert "Access was denied" in walk.visitor.text
    assert "Not connected" not in walk.visitor.text


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


def test_a_schedule_that_is_not_right_yet_is_kept_for_later(setup: Setup, warehouse: str) -> None:
    setup.open("objects")
    setup.send_objects(objects=["Account"], do="continue")
    setup.open("destination")
    setup.send_destination(destination=warehouse, do="continue")
    setup.open("destination")
    for press in ("back", "close"):
        setup.send_destination(repeat="cron", schedule="61 * * * *", do=press)
        setup.visitor.get(f"/extractions/{setup.id}/setup")
        # It is asked for before the rest is reviewed.
        assert setup.visitor.response.headers["Location"] == setup.at("destination")
        setup.open("destination")
        assert setup.visitor.form_values("destination-form")["schedule"] == "61 * * * *"
    assert setup.send_destination(do="continue").status_code == 422
    assert "Write every 15 minutes" in setup.visitor.error_at("schedule")
    assert setup.send_destination(schedule="5 * * * *", do="continue").status_code == 303
    setup.visitor.get(f"/extractions/{setup.id}/setup")
    assert setup.visitor.response.headers["Location"] == setup.at("review")
