"""One object of an extraction: its fields, the date that tells of changes, reloading it; costs, pace and copies."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest

from datasync_flask.extensions import db
from datasync_flask.extractions import forecast, service
from datasync_flask.extractions.models import Extraction, ObjectCatalog, RunObject
from datasync_flask.extractions.runs import states
from datasync_flask.extractions.runs.reading import Reader
from tests.support.extraction import Extracting, Org, only


@pytest.fixture
def loaded(extracting: Extracting, org: Org, warehouse: str) -> Extracting:
    org.do("Account", "generate", count=5)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date"})
    extracting.done()
    return extracting


def choose(extracting: Extracting, *, fields: list[str] | None = None, **values: object) -> int:
    """Send the form; of `fields` all others are left out."""
    visitor = extracting.walk.visitor
    assert visitor.get(f"/extractions/{extracting.id}/objects/Account").status_code == 200
    if fields is not None:
        values |= only(fields, visitor.form_values("fields-form"))
    return int(visitor.submit("fields-form", **values).status_code)


def test_chosen_fields_are_loaded_and_no_others(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=3)
    extracting.make(["Account"], warehouse)
    assert choose(extracting, which="some", fields=["Name", "Industry"]) == 303
    extracting.done()
    assert set(extracting.table("Account")[0]) >= {"id", "name", "industry", "system_modstamp"}
    assert "annual_revenue" not in extracting.table("Account")[0]
    extracting.walk.visitor.get(f"/extractions/{extracting.id}")
    assert "2 fields" in extracting.walk.visitor.text
    # The extraction's own form knows nothing of them and leaves them alone.
    extracting.edit(schedule="every day")
    extracting.done()
    assert "annual_revenue" not in extracting.table("Account")[0]


def test_what_somebody_else_saved_is_not_overwritten_unseen(loaded: Extracting, org: Org) -> None:
    org.do("Account", "fields", added={"Touched__c": "datetime"})
    visitor = loaded.walk.visitor
    address = f"/extractions/{loaded.id}/objects/Account"
    visitor.get(address)
    opened = visitor.form_values("fields-form")
    assert choose(loaded, which="some", fields=["Name"]) == 303
    late = opened | {"cursor": "Touched__c", "fill": "1", "treatment-Industry": "hash"}
    assert visitor.post(address, late).status_code == 422
    assert "Somebody changed this extraction since you opened this page" in visitor.text
    shown = visitor.form_values("fields-form")
    assert {name: shown[name] for name in ("cursor", "fill", "treatment-Industry")} == {
        "cursor": "Touched__c", "fill": "1", "treatment-Industry": "hash",
    }  # fmt: skip
    # Once more is meant.
    assert visitor.submit("fields-form").status_code == 303
    visitor.get(address)
    assert visitor.form_values("fields-form")["treatment-Industry"] == "hash"


def test_a_field_chosen_later_is_filled_when_asked(loaded: Extracting, org: Org) -> None:
    choose(loaded, which="some", fields=["Name"])
    org.do("Account", "fields", added={"Extra__c": "string"})
    org.do("Account", "update", ids=org.ids("Account"), values={"Extra__c": "there"})
    loaded.age_watermarks(hours=-1)
    choose(loaded, which="some", fields=["Name", "Extra__c"])
    loaded.done()
    assert {row.get("extra_c") for row in loaded.table("Account")} == {None}
    choose(loaded, which="all", fill="1")
    run = loaded.done()
    assert run.objects[0].is_whole
    assert {row["extra_c"] for row in loaded.table("Account")} == {"there"}


@pytest.mark.parametrize("is_first", [False, True])
def test_what_is_asked_for_during_a_run_is_done_by_the_next_one(
    extracting: Extracting, org: Org, warehouse: str, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    org.do("Account", "generate", count=3)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date"})
    choose(extracting, fields=["Name"])
    if not is_first:
        extracting.done()
    original = Reader.read

    def read_and_fill(self: Reader) -> Iterator[None]:
        yield from original(self)
        monkeypatch.setattr(Reader, "read", original)
        assert choose(extracting, fields=["Name", "Industry"], fill="1") == 303

    monkeypatch.setattr(Reader, "read", read_and_fill)
    extracting.done()
    assert extracting.done().objects[0].is_whole
    extracting.assert_same("Account", ("Name", "Industry"))
    assert not extracting.done().objects[0].is_whole


def test_no_field_at_all_is_refused(loaded: Extracting) -> None:
    assert choose(loaded, which="some", fields=[]) == 422
    assert "Choose at least one field" in loaded.walk.visitor.text


def test_what_each_run_loads_is_said_on_the_pages(extracting: Extracting, org: Org, warehouse: str) -> None:
    def pages() -> tuple[list[str], list[str]]:
        visitor = extracting.walk.visitor
        visitor.get(f"/extractions/{extracting.id}")
        listed = [str(cell.text) for cell in visitor.page.xpath("//section[@aria-labelledby='objects']//td[4]")]
        visitor.get(f"/extractions/{extracting.id}/edit")
        return listed, [str(text) for text in visitor.page.xpath("//details/summary/span[@class='soft']/text()")]

    org.do("Account", "generate", count=2)
    org.do("OrderStatus", "generate", count=2)
    extracting.make(["Account", "OrderStatus"], warehouse, **{"tracking_type-Account": "date"})
    assert pages()[0] == ["Everything in the first run, then what changed"] * 2
    extracting.done()
    whole = "Everything: no change date"
    assert pages() == (["Changes", whole], ["All fields · Changes", f"All fields · {whole}"])
    with extracting.app.app_context():
        service.reload(db.session.get_one(Extraction, extracting.id).object("Account"))
    assert pages()[0] == ["Everything in the next run, then what changed", whole]
    # The extraction's page needs no list of the org's objects for that.
    with extracting.app.app_context():
        db.session.query(ObjectCatalog).delete()
        db.session.commit()
    assert pages()[0][1] == whole


def test_a_date_of_ones_own_tells_of_changes(loaded: Extracting, org: Org) -> None:
    org.do("Account", "fields", added={"Touched__c": "datetime"})
    assert choose(loaded, cursor="Touched__c") == 303
    loaded.done()
    with loaded.app.app_context():
        query = db.session.query(RunObject).order_by(RunObject.id.desc()).first()
        assert query is not None
        assert re.search(r"WHERE Touched__c >= \d{4}-", query.progress["reads"]["soql"])


def test_fields_of_an_org_that_is_away_say_so(loaded: Extracting) -> None:
    loaded.walk.practice.fault("describe", status=503, body="<html>Down for maintenance</html>", times=20)
    visitor = loaded.walk.visitor
    assert visitor.get(f"/extractions/{loaded.id}/objects/Account").status_code == 200
    assert "The fields appear here when Salesforce answers again." in visitor.text
    assert visitor.get(f"/extractions/{loaded.id}/objects/Nothing").status_code == 404


def test_a_difference_is_repaired_by_one_button(loaded: Extracting, org: Org) -> None:
    org.do("Account", "hard_delete", ids=org.ids("Account")[:2])
    run = loaded.done()
    assert (run.objects[0].source_count, run.objects[0].target_count) == (3, 5)
    visitor = loaded.walk.visitor
    visitor.get(f"/extractions/{loaded.id}/runs/{run.id}")
    (form,) = [form for form in visitor.page.forms if (form.get("action") or "").endswith("/reload")]
    answer = visitor.post(form.get("action"), dict(form.form_values()))
    assert answer.status_code == 303
    run_id = answer.headers["Location"].rsplit("/", 1)[-1]
    loaded.work_on(run_id)
    repaired = loaded.stored(run_id)
    assert (repaired.objects[0].source_count, repaired.objects[0].target_count) == (3, 3)
    assert repaired.objects[0].notes[0] == "Somebody asked for a reload, so this run loads everything."
    loaded.assert_same("Account")


def test_a_field_that_goes_away_in_the_middle_is_looked_up_again(
    loaded: Extracting, org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, gone = Reader.read, []

    def read(self: Reader) -> Iterator[None]:
        if not gone:
            gone.append(org.do("Account", "fields", removed=["Industry"]))
        yield from original(self)

    org.do("Account", "insert", rows=[{"AnnualRevenue": 1}, {"AnnualRevenue": 2}])
    with monkeypatch.context() as patch:
        patch.setattr(Reader, "read", read)
        loaded.done()
    loaded.assert_same("Account", ("Name", "AnnualRevenue"))


def test_costs_are_told_before_and_after(loaded: Extracting, org: Org) -> None:
    visitor = loaded.walk.visitor
    visitor.get(f"/extractions/{loaded.id}")
    assert "next run about 3; pauses at 80 %" in visitor.text
    assert "of 15,000" in visitor.text
    org.do("Account", "generate", count=7000)
    with loaded.app.app_context():
        extraction = db.session.get_one(Extraction, loaded.id)
        extraction.objects[0].watermark = None
        db.session.commit()
    run = loaded.done()
    assert run.forecast_jobs == 1
    assert run.jobs_left == 10_000
    assert run.forecast_calls is not None
    assert abs(run.forecast_calls - run.api_calls) <= 5
    visitor.get(f"/extractions/{loaded.id}/runs/{run.id}")
    assert f"API calls in this run{run.api_calls} forecast {run.forecast_calls}" in visitor.text
    assert "Bulk jobs1 10,000 were left" in visitor.text


@pytest.mark.parametrize(
    ("is_whole", "rows", "calls", "jobs"),
    [(False, None, 2, 0), (True, 0, 3, 0), (True, 6000, 5, 0), (True, 6001, 8, 1), (True, 1_000_000, 45, 2)],
)
def test_what_an_object_costs(is_whole: bool, rows: int | None, calls: int, jobs: int) -> None:
    cost = forecast.of_object(is_whole=is_whole, rows=rows, fields=30)
    assert (cost.calls, cost.jobs) == (calls, jobs)


def test_a_cancelled_run_stops_its_job_in_salesforce(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=7000)
    extracting.walk.practice.change_org(job_seconds=60)
    extracting.make(["Account"], warehouse)
    run_id = extracting.start()
    worker = threading.Thread(target=extracting.work_on, args=(run_id,))
    worker.start()
    while not extracting.stored(run_id).objects[0].job_id:
        worker.join(0.05)
    job = extracting.stored(run_id).objects[0].job_id
    extracting.walk.visitor.get(f"/extractions/{extracting.id}/runs/{run_id}")
    assert extracting.walk.visitor.post(f"/extractions/{extracting.id}/runs/{run_id}/cancel").status_code == 303
    worker.join(30)
    assert extracting.stored(run_id).state == "cancelled"
    with extracting.app.app_context():
        from datasync_flask.salesforce_connections import token_grants

        token = token_grants.current_token(extracting.walk.id).token.access_token
    answer = extracting.walk.practice.http.get(
        f"/services/data/v62.0/jobs/query/{job}", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 404


def test_extractions_come_along_with_a_copied_connection(loaded: Extracting) -> None:
    loaded.edit(schedule="every day")
    visitor = loaded.walk.visitor
    visitor.get(f"/connections/{loaded.walk.id}")
    answer = visitor.post(f"/connections/{loaded.walk.id}/duplicate", {"with_extractions": "1"})
    copy_id = answer.headers["Location"].split("/")[-2]
    with loaded.app.app_context():
        (copied,) = db.session.query(Extraction).filter_by(source_id=copy_id).all()
        assert copied.description == "To the warehouse (copy)"
        assert copied.dataset == "crm_copy"
        assert copied.schedule == ""
        assert copied.next_run_at is None
        assert [chosen.name for chosen in copied.objects] == ["Account"]
        assert copied.objects[0].watermark is None


def test_two_people_edit_at_once(loaded: Extracting) -> None:
    visitor = loaded.walk.visitor
    visitor.get(f"/extractions/{loaded.id}/edit")
    stale = visitor.page
    loaded.edit(schedule="every day")
    visitor.page = stale
    assert visitor.submit("extraction-form", dataset="mine").status_code == 422
    assert "Somebody changed this extraction" in visitor.text
    assert visitor.page.get_element_by_id("dataset").get("value") == "mine"
    assert visitor.submit("extraction-form").status_code == 303
    with loaded.app.app_context():
        assert db.session.get_one(Extraction, loaded.id).dataset == "mine"


def test_a_dataset_called_like_its_duckdb_file_is_refused_with_the_reason(extracting: Extracting) -> None:
    file = extracting.make_destination("duckdb", {"path": "lake/CRM.duckdb"})
    data = {
        "description": "X",
        "source": extracting.walk.id,
        "destination": file,
        "dataset": "crm",
        "objects": "Account",
    }
    visitor = extracting.walk.visitor
    visitor.get("/extractions/new")
    assert visitor.post("/extractions/new", data).status_code == 422
    assert "can’t have the name of its file" in visitor.error_at("dataset")
    assert visitor.post("/extractions/new", {**data, "dataset": "crm_data"}).status_code == 303


def test_an_open_run_is_shown_instead_of_a_second_one(loaded: Extracting) -> None:
    run_id = loaded.start()
    visitor = loaded.walk.visitor
    visitor.get(f"/extractions/{loaded.id}")
    answer = visitor.post(f"/extractions/{loaded.id}/objects/Account/reload")
    assert answer.headers["Location"].endswith(run_id)
    with loaded.app.app_context():
        assert db.session.get_one(Extraction, loaded.id).objects[0].watermark is not None
        assert states.open_run(loaded.id) == run_id
