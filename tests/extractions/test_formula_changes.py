"""Formula fields that come, go or change their type, are hashed or left out, or whose object is loaded in full."""

from __future__ import annotations

import json
from typing import Any

import pytest

from datasync_flask.destinations.base import Table
from datasync_flask.extractions.runs import loading
from datasync_flask.extractions.runs.formula_refresh import NOT_REFRESHED
from tests.extractions.test_formula_fields import ALL, ages, make_old, notes
from tests.support.extraction import Extracting, Org


@pytest.fixture
def without_formula(extracting: Extracting, org: Org, warehouse: str) -> Extracting:
    """Four accounts, loaded while the user couldn't see their formula, which changed no date."""
    org.do("Account", "generate", count=4)
    org.do("Account", "hide", fields=["Age__c"])
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date_deletes"})
    extracting.done()
    extracting.age_watermarks(hours=1)
    return extracting


def test_a_formula_that_comes_is_filled_by_the_same_run(without_formula: Extracting, org: Org) -> None:
    org.do("Account", "show", fields=["Age__c"])
    assert "formulas:4:Age__c" in notes(without_formula)
    without_formula.assert_same("Account", ALL)
    # Gone for a run, it keeps its values. When it is back, it is fresh at once.
    org.do("Account", "hide", fields=["Age__c"])
    assert not [note for note in notes(without_formula) if note.startswith("formulas")]
    without_formula.assert_same("Account", ALL)
    org.do("Account", "show", fields=["Age__c"])
    make_old(org, "Account", org.ids("Account")[:1], Age__c=99.5)
    assert "formulas:1:Age__c" in notes(without_formula)
    without_formula.assert_same("Account", ALL)
    assert not [note for note in notes(without_formula) if note.startswith("formulas")]


def test_a_formula_that_comes_and_is_refused_is_tried_again(
    without_formula: Extracting, org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = loading.write

    def write_then_hide(*arguments: Any) -> None:
        original(*arguments)
        org.do("Account", "hide", fields=["Age__c"])

    org.do("Account", "show", fields=["Age__c"])
    with monkeypatch.context() as patch:
        patch.setattr(loading, "write", write_then_hide)
        assert NOT_REFRESHED in notes(without_formula)
    org.do("Account", "show", fields=["Age__c"])
    assert "formulas:4:Age__c" in notes(without_formula)
    without_formula.assert_same("Account", ALL)


def test_a_formula_that_comes_waits_for_a_full_load_if_so_chosen(without_formula: Extracting, org: Org) -> None:
    without_formula.edit(formula_rhythm="never")
    org.do("Account", "show", fields=["Age__c"])
    assert "formula:Age__c" in notes(without_formula)
    assert not [row for row in without_formula.table("Account") if row.get("age_c")]


@pytest.mark.parametrize("history", [{}, {"history-Account": "on"}])
def test_a_formula_that_changes_its_type_is_filled_beside_its_old_values(
    extracting: Extracting, org: Org, warehouse: str, history: dict[str, str]
) -> None:
    made = org.do("Account", "insert", rows=[{"Name": "one", "Age__c": 1}, {"Name": "two", "Age__c": 2}])
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date", **history})
    extracting.done()
    make_old(org, "Account", made, Age__c="ten years")
    org.do("Account", "fields", removed=["Age__c"])
    org.do("Account", "fields", added={"Age__c": "string"})
    found = notes(extracting)
    assert {"formulas:2:Age__c", "retyped:Age__c"} <= set(found)
    rows = sorted((row["name"], row["age_c"], row["age_c_v_text"]) for row in extracting.table("Account"))
    assert rows == [("one", 1, "ten years"), ("two", 2, "ten years")]
    assert not [note for note in notes(extracting) if note.startswith("formulas")]
    destination, dataset = extracting.open()
    assert destination.count(Table(dataset, "account"), without_deleted=False) == 2


def treat(extracting: Extracting, treatment: str) -> None:
    visitor = extracting.walk.visitor
    visitor.get(f"/extractions/{extracting.id}/objects/Account")
    assert visitor.submit("fields-form", **{"treatment-Age__c": treatment}).status_code == 303


@pytest.mark.parametrize("history", [{}, {"history-Account": "on"}])
def test_a_formula_that_is_hashed_left_out_and_loaded_again(
    extracting: Extracting, org: Org, warehouse: str, history: dict[str, str]
) -> None:
    org.do("Account", "generate", count=3)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date_deletes", **history})
    extracting.done()
    treat(extracting, "hash")
    extracting.age_watermarks(days=1)
    run = extracting.done()
    assert run.objects[0].is_whole
    assert set(ages(extracting).values()) == {None}
    hashes = {row["id"]: row["age_c_v_text"] for row in extracting.table("Account")}
    assert {len(value) for value in hashes.values()} == {64}
    # A value that moves is another hash.
    (moved, *others) = org.ids("Account")
    org.do("Account", "formula", ids=[moved], values={"Age__c": 99.5})
    extracting.age_watermarks(days=1)
    assert "formulas:1:Age__c" in notes(extracting)
    after = {row["id"]: row["age_c_v_text"] for row in extracting.table("Account")}
    assert after[moved] not in {hashes[moved], None}
    assert [after[each] for each in others] == [hashes[each] for each in others]
    # Left out, nothing of it is read; a refresh that is due has nothing to do.
    treat(extracting, "leave_out")
    extracting.age_watermarks(days=1)
    assert not [note for note in notes(extracting) if note.startswith("formulas")]
    assert {row["age_c_v_text"] for row in extracting.table("Account")} == {None}
    treat(extracting, "load")
    assert extracting.done().objects[0].is_whole
    extracting.assert_same("Account", ALL)


def test_a_full_load_needs_no_refresh_that_is_due(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=4)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date_deletes"})
    extracting.done()
    org.do("Account", "formula", ids=org.ids("Account"), values={"Age__c": 99.5})
    extracting.age_watermarks(days=8)
    response = extracting.walk.visitor.post(f"/extractions/{extracting.id}/objects/Account/reload")
    run_id = response.headers["Location"].rsplit("/", 1)[-1]
    extracting.work_on(run_id)
    (loaded,) = extracting.stored(run_id).objects
    assert loaded.is_whole
    assert not [note for note in loaded.notes if note.startswith("formulas")]
    extracting.assert_same("Account", ALL)
    org.do("Account", "formula", ids=org.ids("Account")[:2], values={"Age__c": 77})
    assert not [note for note in notes(extracting) if note.startswith("formulas")]
    extracting.age_watermarks(days=1)
    assert "formulas:2:Age__c" in notes(extracting)


def test_a_refreshed_value_that_does_not_fit_is_told(extracting: Extracting, org: Org, warehouse: str) -> None:
    made = org.do("Account", "insert", rows=[{"Name": "one", "Age__c": 1}, {"Name": "two", "Age__c": 2}])
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date"})
    extracting.done()
    make_old(org, "Account", made[:1], Age__c="words")
    extracting.age_watermarks(days=1)
    run = extracting.done()
    assert "formulas:1:Age__c" in run.objects[0].notes
    assert ages(extracting) == {made[0]: None, made[1]: 2}
    extracting.walk.visitor.get(f"/extractions/{extracting.id}/runs/{run.id}")
    assert made[0] in extracting.walk.visitor.text


def test_a_value_that_does_not_fit_is_told_once(extracting: Extracting, org: Org, warehouse: str) -> None:
    """The run reads it with the changes, and again with the formula fields of all rows."""
    made = org.do("Account", "insert", rows=[{"Name": "one", "Age__c": 1}])
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date"})
    extracting.done()
    make_old(org, "Account", made, Age__c="words")
    new = org.do("Account", "insert", rows=[{"Name": "two", "Age__c": "more words", "Score__c": "no number"}])
    extracting.age_watermarks(days=1)
    told = [json.loads(each.partition(":")[2]) for each in notes(extracting) if each.startswith("value:")]
    assert sorted((name, count) for name, _, count, _ in told) == [("Age__c", 2), ("Score__c", 1)]
    examples = {row_id for name, _, _, shown in told if name == "Age__c" for row_id, _ in shown}
    assert examples == {*made, *new}
