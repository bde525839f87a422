"""Several orgs in one set of tables, by choice: two practice orgs, each with an extraction of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from datasync_flask.api.definitions import extraction_definition, save_extraction
from datasync_flask.destinations.base import ORG_NAME_COLUMN, VALID_TO, Table
from datasync_flask.destinations.staged import StagedDestination
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction, Run
from datasync_flask.extractions.runs import states, turns
from datasync_flask.extractions.runs.runner import Runner
from datasync_flask.forms import Refused
from tests.support.combined_orgs import FIRST, OTHER, combine, load_both, rows_of
from tests.support.extraction import Extracting


def refusal(each: Extracting, destination: str, **fields: Any) -> str:
    data = {"description": "Third", "source": each.walk.id, "destination": destination, "dataset": "crm",
            "objects": ["Account"], **fields}  # fmt: skip
    assert each.walk.visitor.post("/extractions/new", data).status_code == 422
    return each.walk.visitor.text


def test_two_orgs_in_one_table(extracting: Extracting, second: Extracting, destination: str) -> None:
    extracting.org.do("Account", "generate", count=6)
    second.org.do("Account", "generate", count=4)
    combine(extracting, second, destination)
    assert [row.target_count for row in extracting.done().objects] == [6]
    run = second.done()
    assert [(row.source_count, row.target_count) for row in run.objects] == [(4, 4)]
    assert {row[ORG_NAME_COLUMN] for row in rows_of(second, OTHER)} == {"Other Org"}
    assert {row["id"] for row in rows_of(extracting, FIRST)} == set(extracting.org.ids("Account"))
    # Changes and deletes of one org, also for good, leave the other's rows.
    gone, purged, *_ = extracting.org.ids("Account")
    extracting.org.do("Account", "delete", ids=[gone])
    extracting.org.do("Account", "hard_delete", ids=[purged])
    run = extracting.done()
    assert [(row.deleted, row.target_count) for row in run.objects] == [(2, 4)]
    assert {row["id"] for row in rows_of(extracting, FIRST)} == set(extracting.org.ids("Account"))
    assert len(rows_of(second, OTHER)) == 4
    # A whole load of one org replaces its rows only.
    response = extracting.walk.visitor.post(f"/extractions/{extracting.id}/objects/Account/reload")
    run_id = response.headers["Location"].rsplit("/", 1)[-1]
    extracting.work_on(run_id)
    assert [(row.is_whole, row.rows, row.target_count) for row in extracting.stored(run_id).objects] == [(True, 4, 4)]
    assert (len(rows_of(extracting, FIRST)), len(rows_of(second, OTHER))) == (4, 4)
    second.done()


def test_what_pages_show_is_of_one_org(extracting: Extracting, second: Extracting, warehouse: str) -> None:
    load_both(extracting, second, warehouse)
    visitor = extracting.walk.visitor
    visitor.get(f"/extractions/{second.id}")
    assert "First" in visitor.text
    assert "✓ Equal" in visitor.text
    visitor.get(f"/extractions/{second.id}/data/Account")
    assert "4 rows in" in visitor.text
    assert "Other Org" in visitor.text
    assert "Practice Org" not in visitor.text


def test_history_of_two_orgs(extracting: Extracting, second: Extracting, destination: str) -> None:
    load_both(extracting, second, destination, (3, 3), **{"history-Account": "on"})
    extracting.org.do("Account", "update", ids=extracting.org.ids("Account")[:1], values={"Name": "Changed"})
    extracting.done()
    assert sorted(row["name"] for row in rows_of(extracting, FIRST)).count("Changed") == 1
    assert len(rows_of(second, OTHER)) == 3
    opened, dataset = extracting.open()
    assert len(opened.preview(Table(dataset, "account"), 100).rows) == 7
    assert VALID_TO in opened.column_names(Table(dataset, "account"))


def test_taking_one_org_out(extracting: Extracting, second: Extracting, destination: str) -> None:
    load_both(extracting, second, destination)
    visitor = extracting.walk.visitor
    visitor.get(f"/extractions/{second.id}/delete")
    assert "4 rows of Other Org stay" in visitor.text
    visitor.get(f"/extractions/{second.id}/remove-rows")
    assert "At the last count 4 rows of Other Org" in visitor.text
    response = visitor.post(f"/extractions/{second.id}/remove-rows")
    run_id = response.headers["Location"].rsplit("/", 1)[-1]
    second.work_on(run_id)
    run = second.stored(run_id)
    assert (run.state, [row.deleted for row in run.objects]) == ("done", [4])
    assert not rows_of(second, OTHER)
    assert len(rows_of(extracting, FIRST)) == 6
    with second.app.app_context():
        assert db.session.get_one(Extraction, second.id).is_paused
    visitor.get(f"/extractions/{second.id}")
    assert "Not loaded yet" in visitor.text
    # It can come back.
    second.done()
    assert len(rows_of(second, OTHER)) == 4
    assert visitor.post(f"/extractions/{second.id}/delete").status_code == 303
    extracting.done()


def test_taking_out_takes_its_time_and_keeps_to_its_own_table(
    extracting: Extracting, second: Extracting, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_both(extracting, second, warehouse)
    gets_on, remove = [], StagedDestination.remove_org

    def remove_slowly(destination: Any, table: Table) -> int:
        movement = running[0]._movement
        gets_on.extend(movement.has_moved() for _ in range(3))
        return remove(destination, table)

    monkeypatch.setattr(StagedDestination, "remove_org", remove_slowly)
    running: list[Runner] = []

    def removal(*, change: Callable[[], None] = lambda: None) -> Run:
        with second.app.app_context():
            run_id = states.start(second.id, "test", removes_rows=True).id
            lease_id = states.claim(run_id)
        running[:] = [Runner(second.app, run_id, lease_id)]
        take = turns._take

        def change_first(*arguments: Any) -> bool:
            change()
            return take(*arguments)

        with monkeypatch.context() as patched:
            patched.setattr(turns, "_take", change_first)
            running[0].run()
        return second.stored(run_id)

    # Somebody moves the extraction while the run waits for its turn: the rows aren't its own any more.
    run = removal(change=lambda: second.edit(dataset="elsewhere"))
    assert (run.state, run.problem, gets_on) == ("failed", "run.table_given_back", [])
    second.edit(dataset="crm")
    second.done()
    assert removal().state == "done"
    assert gets_on == [True, True, True]
    assert (len(rows_of(extracting, FIRST)), rows_of(second, OTHER)) == (6, [])


def test_without_the_choice_no_other_org_mixes_in(extracting: Extracting, second: Extracting, warehouse: str) -> None:
    extracting.org.do("Account", "generate", count=2)
    extracting.make(["Account"], warehouse, description="First")
    extracting.done()
    assert "First" in refusal(second, warehouse, combines_orgs="true")
    assert "Choose another schema, prefix or folder" in refusal(second, warehouse)
    # The tables were made without the org's columns.
    fields = {"description": "First", "source": extracting.walk.id, "destination": warehouse, "dataset": "crm",
              "objects": ["Account"], "combines_orgs": "true"}  # fmt: skip
    visitor = extracting.walk.visitor
    assert visitor.post(f"/extractions/{extracting.id}/edit", fields).status_code == 422
    assert "the next run loads everything there" in visitor.text
    assert visitor.post(f"/extractions/{extracting.id}/edit", {**fields, "dataset": "all_orgs"}).status_code == 303
    assert extracting.done().objects[0].is_whole
    second.make(["Account"], warehouse, description="Second", dataset="all_orgs", combines_orgs="true")
    second.done()


def test_a_table_without_the_columns_is_not_mixed_into(extracting: Extracting, warehouse: str) -> None:
    extracting.make(["Account"], warehouse)
    extracting.done()
    assert extracting.walk.visitor.post(f"/extractions/{extracting.id}/delete").status_code == 303
    extracting.make(["Account"], warehouse, combines_orgs="true")
    run = extracting.run()
    assert (run.state, run.problem) == ("failed", "destination.table_in_the_way")


def test_the_same_org_twice_is_refused(extracting: Extracting, second: Extracting, warehouse: str) -> None:
    combine(extracting, second, warehouse)
    text = refusal(extracting, warehouse, combines_orgs="true")
    assert "not with itself" in text
    assert extracting.walk.visitor.page.get_element_by_id("combines_orgs-error") is not None
    # Not without the choice either.
    assert "Choose another schema, prefix or folder" in refusal(extracting, warehouse)


def test_types_that_differ_between_orgs_are_told(extracting: Extracting, second: Extracting, destination: str) -> None:
    extracting.org.do("Account", "generate", count=2)
    second.org.do("Account", "fields", added={}, removed=["Score__c"])
    second.org.do("Account", "fields", added={"Score__c": "string"}, removed=[])
    second.org.do("Account", "insert", rows=[{"Name": "One", "Score__c": "high"}])
    combine(extracting, second, destination)
    extracting.done()
    run = second.done()
    assert "differing:Score__c:score_c_v_text" in run.objects[0].notes
    second.walk.visitor.get(f"/extractions/{second.id}/runs/{run.id}")
    assert "a different type in another org" in second.walk.visitor.text
    assert "differing:Score__c:score_c" in extracting.done().objects[0].notes
    assert {row.get("score_c_v_text") for row in rows_of(extracting, FIRST)} == {None}
    assert None not in {row["score_c_v_text"] for row in rows_of(second, OTHER)}


def test_capitals_that_differ_between_orgs_make_no_other_column(
    extracting: Extracting, second: Extracting, warehouse: str
) -> None:
    for each, name in ((extracting, "My_Field__c"), (second, "my_field__C")):
        each.org.do("Account", "fields", added={name: "string"}, removed=[])
        each.org.do("Account", "insert", rows=[{"Name": "One", name: "value"}])
    combine(extracting, second, warehouse)
    extracting.done()
    assert [note for note in second.done().objects[0].notes if "differing" in note] == []
    rows = second.table("Account")
    assert [row["my_field_c"] for row in rows] == ["value", "value"]
    assert "my_field_c_x" not in rows[0]


def test_the_step_offers_the_dataset_of_the_other_org(
    extracting: Extracting, second: Extracting, warehouse: str
) -> None:
    extracting.make(["Account"], warehouse, description="First", dataset="all_orgs", combines_orgs="true")
    visitor = second.walk.visitor
    response = visitor.post("/extractions/setup", {"source": second.walk.id})
    draft_id = response.headers["Location"].split("/")[2]
    visitor.post(f"/extractions/{draft_id}/setup/objects", {"objects": ["Account"], "do": "continue"})
    step = f"/extractions/{draft_id}/setup/destination"
    visitor.post(step, {"destination": warehouse, "combines_orgs": "true", "do": "show"})
    assert "Already combined here: all_orgs (First, Practice Org)" in visitor.text
    assert visitor.page.get_element_by_id("dataset").get("value") == "all_orgs"
    assert visitor.page.get_element_by_id("combines_orgs").get("checked") is not None
    sent = {"destination": warehouse, "combines_orgs": "true", "dataset": "all_orgs", "do": "continue"}
    assert visitor.post(step, sent).status_code == 303
    assert (
        visitor.post(f"/extractions/{draft_id}/setup/review", {"description": "Second", "do": "save"}).status_code
        == 303
    )
    second.id = draft_id
    assert second.done().state == "done"


def test_a_program_chooses_by_the_same_name(extracting: Extracting, second: Extracting, warehouse: str) -> None:
    combine(extracting, second, warehouse)
    second.done()
    with second.app.app_context():
        stored = db.session.get_one(Extraction, second.id)
        assert extraction_definition(stored)["combines_orgs"] is True
        assert save_extraction({"description": "Renamed"}, stored, by=None).extraction.combines_orgs
        with pytest.raises(Refused) as refused:
            save_extraction({"combines_orgs": False}, stored, by=None)
        assert refused.value.errors.keys() == {"combines_orgs"}
