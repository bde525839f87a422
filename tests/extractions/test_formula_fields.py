"""Formula fields: their values move without any date, and are kept fresh by reading only them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from datasync_flask.api import definitions
from datasync_flask.destinations.base import VALID_TO, Table
from datasync_flask.extractions.runs import comparing, loading
from datasync_flask.extractions.runs.formula_refresh import NOT_REFRESHED
from datasync_flask.extractions.runs.formula_rhythm import FormulaRhythm
from datasync_flask.forms import Refused
from tests.extractions.test_faults import make_silent
from tests.support.extraction import Extracting, Org
from tests.support.killed import killed_at

ALL = ("Name", "Industry", "AnnualRevenue", "Score__c", "Age__c")


@pytest.fixture
def account(extracting: Extracting, org: Org, warehouse: str) -> Extracting:
    """Six accounts, loaded; a day later."""
    org.do("Account", "generate", count=6)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date_deletes"})
    extracting.done()
    extracting.age_watermarks(days=1)
    return extracting


def make_old(org: Org, name: str, ids: list[str], **values: Any) -> None:
    """Have rows be from long ago, so that no run reads them as changes."""
    stamps = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), "2026-01-02T03:04:05.000+00:00")
    org.do(name, "formula", ids=ids, values=stamps | values)


def ages(extracting: Extracting) -> dict[str, Any]:
    return {row["id"]: row["age_c"] for row in extracting.table("Account")}


def versions(extracting: Extracting) -> dict[str, list[tuple[Any, bool]]]:
    """The ages of each row's versions, and whether they hold now."""
    destination, dataset = extracting.open()
    shown = destination.preview(Table(dataset, "account"), 1000)
    names = [name.lower() for name, _ in shown.columns]
    found: dict[str, list[tuple[Any, bool]]] = {}
    for values in shown.rows:
        row = dict(zip(names, values, strict=True))
        found.setdefault(row["id"], []).append((row["age_c"], row[VALID_TO] is None))
    return {key: sorted(each, key=lambda version: version[1]) for key, each in found.items()}


def notes(extracting: Extracting) -> list[str]:
    """Do a run and return what it noted."""
    return list(extracting.done().objects[0].notes)


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
    extracting.assert_same("Account", ALL)
    extracting.age_watermarks(days=1)
    assert "formulas:0:Age__c" in notes(extracting)


def test_with_history_another_value_is_another_version(extracting: Extracting, org: Org, destination: str) -> None:
    org.do("Account", "generate", count=5)
    extracting.make(["Account"], destination, **{"tracking_type-Account": "date_deletes", "history-Account": "on"})
    extracting.done()
    moved, gone, touched, *others = org.ids("Account")
    old = ages(extracting)
    org.do("Account", "formula", ids=[moved, gone, touched], values={"Age__c": 99.5})
    org.do("Account", "delete", ids=[gone])
    org.do("Account", "update", ids=[touched], values={"AnnualRevenue": 12.25})
    extracting.age_watermarks(days=1)
    assert "formulas:1:Age__c" in notes(extracting)
    expected = {
        moved: [(old[moved], False), (99.5, True)],
        gone: [(old[gone], False)],
        touched: [(old[touched], False), (99.5, True)],
        **{each: [(old[each], True)] for each in others},
    }
    assert versions(extracting) == expected
    # What the next run reads once more, because it was changed a moment ago, is the version that is there.
    org.do("Account", "formula", ids=[touched], values={"Age__c": 77})
    extracting.age_watermarks(days=1)
    assert "formulas:0:Age__c" in notes(extracting)
    expected[touched] = [*[(age, False) for age, _ in expected[touched]], (77, True)]
    assert versions(extracting) == expected
    extracting.done()
    assert versions(extracting) == expected


def test_only_rows_that_are_there_are_written(account: Extracting, org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    here, stays = org.ids("Account")[:2]
    original, made = loading.write, list[str]()

    def write_then_insert(*arguments: Any) -> None:
        original(*arguments)
        if not made:
            made.extend(org.do("Account", "insert", rows=[{"Name": "of this moment", "Age__c": 1}]))
            org.do("Account", "formula", ids=[here], values={"Age__c": 99.5})

    monkeypatch.setattr(loading, "write", write_then_insert)
    assert "formulas:1:Age__c" in notes(account)
    found = ages(account)
    assert found[here] == 99.5
    assert found[stays] != 99.5
    assert made[0] not in found
    notes(account)
    account.assert_same("Account", ALL)


def test_rows_that_are_marked_as_deleted_stay_as_they_were(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=4)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date_deletes", "mark-Account": "on"})
    extracting.done()
    gone, here = org.ids("Account")[:2]
    before = ages(extracting)
    org.do("Account", "delete", ids=[gone])
    extracting.done()
    make_old(org, "Account", [gone, here], Age__c=99.5)
    extracting.age_watermarks(days=1)
    assert "formulas:1:Age__c" in notes(extracting)
    rows = {row["id"]: row for row in extracting.table("Account")}
    assert (rows[gone]["is_deleted"], rows[gone]["age_c"]) == (True, before[gone])
    assert (rows[here]["is_deleted"], rows[here]["age_c"]) == (False, 99.5)


def test_the_filter_and_columns_that_are_no_longer_read_are_kept_to(
    extracting: Extracting, org: Org, warehouse: str
) -> None:
    org.do("Account", "insert", rows=[{"Name": name, "Score__c": 1.5, "Age__c": 1} for name in ("in", "in", "out")])
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date", "filter-Account": "Name = 'in'"})
    extracting.done()
    org.do("Account", "hide", fields=["Score__c"])
    make_old(org, "Account", org.ids("Account"), Age__c=99.5)
    extracting.age_watermarks(days=1)
    assert "formulas:2:Age__c" in notes(extracting)
    rows = extracting.table("Account")
    assert [(row["name"], row["score_c"], row["age_c"]) for row in rows] == [("in", 1.5, 99.5)] * 2


def test_a_column_of_a_type_that_a_field_no_longer_has_keeps_its_values(
    extracting: Extracting, org: Org, warehouse: str
) -> None:
    made = org.do("Account", "insert", rows=[{"Name": "old", "Score__c": 1.5, "Age__c": 1}])
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date"})
    extracting.done()
    make_old(org, "Account", made, Score__c="words", Age__c=99.5)
    org.do("Account", "fields", removed=["Score__c"])
    org.do("Account", "fields", added={"Score__c": "string"})
    extracting.age_watermarks(days=1)
    assert "formulas:1:Age__c" in notes(extracting)
    (row,) = extracting.table("Account")
    assert (row["score_c"], row["score_c_v_text"], row["age_c"]) == (1.5, None, 99.5)


def test_where_salesforce_refuses_the_rest_is_loaded(
    account: Extracting, org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = org.ids("Account")
    org.do("Account", "update", ids=ids[:1], values={"Name": "changed"})
    org.do("Account", "formula", ids=ids[1:], values={"Age__c": 99.5})
    original, hidden = loading.write, list[str]()

    def write_then_hide(*arguments: Any) -> None:
        original(*arguments)
        if not hidden:
            hidden.extend(org.do("Account", "hide", fields=["Age__c"]) or ["Age__c"])

    with monkeypatch.context() as patch:
        patch.setattr(loading, "write", write_then_hide)
        assert NOT_REFRESHED in notes(account)
    account.assert_same("Account", ("Name",))
    org.do("Account", "show", fields=["Age__c"])
    assert "formulas:5:Age__c" in notes(account)
    account.assert_same("Account", ALL)


@pytest.mark.parametrize("moment", [(loading, "load_of"), (comparing, "compare")])
def test_a_run_that_breaks_off_repeats_it(account: Extracting, org: Org, moment: tuple[Any, str]) -> None:
    org.do("Account", "formula", ids=org.ids("Account"), values={"Age__c": 99.5})
    module, name = moment
    run_id = account.start()
    with killed_at(module, name):
        account.work_on(run_id)
    make_silent(account, run_id)
    account.work_on(run_id)
    assert account.stored(run_id).state == "done"
    account.assert_same("Account", ALL)


def test_large_tables_go_by_bulk(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=7000)
    extracting.make(["Account"], warehouse)
    extracting.done()
    ids = org.ids("Account")
    org.do("Account", "formula", ids=ids[:6000], values={"Age__c": 12345.5})
    before = extracting.walk.practice.requests()
    extracting.age_watermarks(days=1)
    assert "formulas:6000:Age__c" in notes(extracting)
    after = extracting.walk.practice.requests()
    assert after["results"] - before["results"] == 1
    extracting.assert_same("Account", ALL)


def test_fields_that_are_no_formulas_to_describe_move_too(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("ContractLineItem", "object", fields={"Status": "picklist"})
    made = org.do("ContractLineItem", "insert", rows=[{"Status": "Active"}, {"Status": "Inactive"}])
    extracting.make(["ContractLineItem"], warehouse, **{"tracking_type-ContractLineItem": "date"})
    extracting.done()
    make_old(org, "ContractLineItem", made[:1], Status="Expired")
    extracting.age_watermarks(days=1)
    assert "formulas:1:Status" in notes(extracting)
    assert sorted(row["status"] for row in extracting.table("ContractLineItem")) == ["Expired", "Inactive"]
    extracting.walk.visitor.get(f"/extractions/{extracting.id}/objects/ContractLineItem")
    assert "changes by itself" in extracting.walk.visitor.text


@pytest.mark.parametrize(
    ("rhythm", "hours", "is_refreshed"),
    [("each_run", 0, True), ("daily", 22, False), ("daily", 23, True), ("weekly", 7 * 24 - 2, False),
     ("weekly", 7 * 24 - 1, True), ("never", 900, False)],
)  # fmt: skip
def test_each_rhythm(account: Extracting, org: Org, rhythm: str, hours: int, is_refreshed: bool) -> None:
    notes(account)
    account.edit(formula_rhythm=rhythm)
    account.age_watermarks(hours=hours)
    org.do("Account", "formula", ids=org.ids("Account"), values={"Age__c": 99.5})
    found = notes(account)
    assert ("formulas:6:Age__c" in found) == is_refreshed
    assert ("formula:Age__c" in found) == (rhythm == "never")


def test_the_api_takes_and_gives_the_rhythm(account: Extracting) -> None:
    with account.app.test_request_context():
        extraction = definitions.find_extraction(account.id)
        assert extraction is not None
        assert definitions.extraction_definition(extraction)["formula_rhythm"] == "daily"
        changed = definitions.save_extraction({"formula_rhythm": "weekly"}, extraction, by=None).extraction
        assert definitions.extraction_definition(changed)["formula_rhythm"] == "weekly"
        # What isn't given stays as it is.
        kept = definitions.save_extraction({"quota_ceiling": 70}, changed, by=None).extraction
        assert definitions.extraction_definition(kept)["formula_rhythm"] == "weekly"
        with pytest.raises(Refused) as refused:
            definitions.save_extraction({"formula_rhythm": "hourly"}, kept, by=None)
    assert list(refused.value.errors) == ["formula_rhythm"]


def test_how_often_a_day() -> None:
    day = [FormulaRhythm(name).times_a_day(96) for name in ("each_run", "daily", "weekly", "never")]
    assert day == [96, 1, 1 / 7, 0]
    assert FormulaRhythm.DAILY.times_a_day(0.5) == 0.5


def test_pages_say_how_fresh_they_are_and_what_it_costs(account: Extracting) -> None:
    visitor = account.walk.visitor

    def next_run() -> int:
        visitor.get(f"/extractions/{account.id}")
        assert "Formula fields: refreshed" in visitor.text
        found = re.search(r"next run about (\d+)", visitor.text)
        assert found
        return int(found[1])

    due = next_run()
    account.done()
    assert next_run() == due - 1
    visitor.get(f"/extractions/{account.id}/objects/Account")
    assert "Refresh: Once a day." in visitor.text
    assert "formula" in visitor.text
    account.edit(formula_rhythm="each_run")
    assert next_run() == due
    visitor.get(f"/extractions/{account.id}/objects/Account")
    assert "Refresh: With each run." in visitor.text
