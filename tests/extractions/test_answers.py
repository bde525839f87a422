"""Nothing that Salesforce answers, and nothing that people type, becomes a path, a table or a query unchecked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from datasync_flask.extractions import filters
from datasync_flask.extractions.runs import working_files
from datasync_flask.salesforce import bulk, objects, query
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.data_refusals import classify_api_error
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.oauth import TokenAnswer, read_token_answer
from tests.support.extraction import Extracting, Org

PATHS = ["{outside}", "{outside}", "../../outside", "Account/../../../outside", "..", "", "Account\n", "Contact"]


@pytest.fixture
def outside(extracting: Extracting) -> Path:
    """A folder that has nothing to do with runs."""
    folder = extracting.folder / "outside"
    folder.mkdir()
    (folder / "kept.txt").write_text("still there")
    return folder


@pytest.mark.parametrize(("told", "is_alone"), [(told, number % 2 == 0) for number, told in enumerate(PATHS)])
def test_a_description_of_something_else_fails_its_object_and_touches_nothing(
    extracting: Extracting, org: Org, warehouse: str, outside: Path, told: str, is_alone: bool
) -> None:
    names = ["Account"] if is_alone else ["Account", "Contact"]
    for name in names:
        org.do(name, "generate", count=3)
    extracting.make(names, warehouse)
    body = json.dumps({"Account": told.format(outside=outside)})
    extracting.walk.practice.fault("describe", kind="renamed", body=body, times=None)
    run = extracting.run()
    assert (outside / "kept.txt").read_text() == "still there"
    assert (run.state, run.problem) == ("failed", "salesforce.not_described")
    assert {each.name: each.step for each in run.objects} == dict.fromkeys(names, "done") | {"Account": "failed"}
    visitor = extracting.walk.visitor
    visitor.get(f"/extractions/{extracting.id}/runs/{run.id}")
    assert "the answer is about something else" in visitor.text
    visitor.get(f"/extractions/{extracting.id}/objects/Account")
    assert "the answer is about something else" in visitor.text
    if not is_alone:
        extracting.assert_same("Contact", ("Name",))
    extracting.walk.practice.clear_faults()
    extracting.done()
    extracting.assert_same("Account")


def test_a_batch_may_answer_in_another_order(extracting: Extracting, org: Org, warehouse: str) -> None:
    names = ["Account", "Contact", "OrderStatus"]
    for name in names:
        org.do(name, "generate", count=3)
    extracting.make(names, warehouse)
    extracting.walk.practice.fault("describe", kind="shuffled", times=None)
    extracting.done()
    extracting.assert_same("Account")
    extracting.assert_same("Contact", ("Name", "Email"))


@pytest.mark.parametrize("status", [501, 503])
def test_objects_are_described_one_by_one_where_the_batch_has_a_fault(
    extracting: Extracting, org: Org, warehouse: str, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    for name in ("Account", "Contact"):
        org.do(name, "generate", count=3)
    extracting.make(["Account", "Contact"], warehouse)
    ask = SalesforceApi.once

    def once(api: SalesforceApi, method: str, path: str, **content: Any) -> Any:
        if path.endswith("/composite/batch"):
            raise classify_api_error(status, None, "<html>Unsupported method</html>")
        return ask(api, method, path, **content)

    monkeypatch.setattr(SalesforceApi, "once", once)
    extracting.done()
    extracting.assert_same("Account")
    extracting.assert_same("Contact", ("Name", "Email"))


def test_capitals_make_no_other_object(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=3)
    extracting.make(["ACCOUNT"], warehouse)
    assert extracting.done().objects[0].rows == 3


def test_working_folders_are_named_by_us(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=7000)
    extracting.walk.practice.change_org(result_page_rows=1000, daily_requests=12)
    extracting.make(["Account"], warehouse)
    run = extracting.run()
    assert run.state == "paused"
    with extracting.app.app_context():
        (folder,) = (working_files.root() / run.id).iterdir()
    assert folder.name == str(run.objects[0].id)


@pytest.mark.parametrize("name", ["..", "../beside", "", "a/../../beside"])
def test_only_folders_inside_are_removed(tmp_path: Path, name: str) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "beside").mkdir()
    with pytest.raises(ValueError, match="working files"):
        working_files.remove(tmp_path / "runs" / name, tmp_path / "runs")
    assert (tmp_path / "beside").exists()


def test_a_link_is_removed_and_not_followed(tmp_path: Path) -> None:
    for folder in ("runs", "beside"):
        (tmp_path / folder).mkdir()
    (tmp_path / "beside" / "file").touch()
    (tmp_path / "runs" / "link").symlink_to(tmp_path / "beside")
    with pytest.raises(ValueError, match="working files"):
        working_files.remove(tmp_path / "runs" / "link" / "deeper", tmp_path / "runs")
    working_files.remove(tmp_path / "runs" / "link", tmp_path / "runs")
    assert not (tmp_path / "runs" / "link").exists()
    assert (tmp_path / "beside" / "file").exists()


def api_that_answers(answer: Any, headers: dict[bytes, bytes] | None = None) -> SalesforceApi:
    token = TokenAnswer("t", "", "https://acme.my.salesforce.com", "", ())
    api = SalesforceApi(token, "62.0", lambda stale: stale)
    # An iterator: a body that still has to be read, as one from a server.
    api._client._transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, content=iter([json.dumps(answer).encode()]), headers=headers)
    )
    return api


@pytest.mark.parametrize("name", [b"Date", b"X-Proxy", b"Sforce-Limit-Info", b"Content-Type"])
@pytest.mark.parametrize(
    "value",
    [b"Fri, 31 Dec 9999 23:59:59 -1200", b"Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Gärtner".encode(),
     b"\xff\xfe", b"api-usage=", b"9" * 300],
)  # fmt: skip
def test_odd_headers_end_nothing(name: bytes, value: bytes) -> None:
    api = api_that_answers({"a": 1}, {name: value})
    assert api.request("GET", f"{api.base}/") == {"a": 1}
    assert api.server_time is None


@pytest.mark.parametrize(
    "told",
    [b"api-usage=25/5000; per-app-api-usage=17/250(appName=x)", b"per-app-api-usage=17/250(appName=x); api-usage=25/5000"],
)  # fmt: skip
def test_the_orgs_calls_are_counted_not_the_apps(told: bytes) -> None:
    api = api_that_answers({}, {b"Sforce-Limit-Info": told})
    api.request("GET", f"{api.base}/")
    assert api.usage == (25, 5000)


@pytest.mark.parametrize("name", ["../x", "a b", "1abc", "Ünïcode", "a'b", "x" * 81, "", None, 7, "a/b", "a;b"])
def test_the_list_of_objects_has_names_of_objects_only(name: Any) -> None:
    listed = [{"name": name, "label": "?"}, {"name": "Account", "label": "Account"}]
    assert [entry.name for entry in objects.list_objects(api_that_answers({"sobjects": listed}))] == ["Account"]


def test_fields_have_names_of_fields_and_each_is_one() -> None:
    names = ["Id", "Name", "NAME", "a.b", "a b", "Ünïcode", "x)", "(SELECT Id FROM User)", ""]
    fields = [{"name": name, "type": "string"} for name in names]
    found = objects.describe(api_that_answers({"name": "Account", "fields": fields}), "Account")
    assert [field.name for field in found.fields] == ["Id", "Name"]


@pytest.mark.parametrize("asked", ["../x", "a/b", "a?b=c", "Account#", "..", "a b"])
def test_nothing_but_a_name_is_asked_for(asked: str) -> None:
    with pytest.raises(SalesforceError) as error:
        objects.describe(api_that_answers({"name": asked, "fields": []}), asked)
    assert error.value.problem is Problem.OBJECT_GONE


@pytest.mark.parametrize(
    "path",
    [
        "/services/data/../../secur/frontdoor.jsp", "/services/data/v62.0/sobjects/Account", "//evil.example/x",
        "/services/data/v62.0/query/../limits", "/services/data/v62.0/query/..", "/services/data/v62.0/query/x?y=z",
        "/services/data/v62.0/query/a\nb", "@evil.example/services/data/v62.0/query/x", "/services/data/v62.0/query/",
    ],
)  # fmt: skip
def test_the_next_page_is_a_page_of_a_query(path: str) -> None:
    with pytest.raises(SalesforceError) as error:
        query.next_page(api_that_answers({"records": [], "done": True}), path)
    assert error.value.problem is Problem.NOT_SALESFORCE


@pytest.mark.parametrize(
    "path", ["/services/data/v62.0/query/01gD0000002HU6KIAW-2000", "/services/data/v9.0/queryAll/a-1"]
)
def test_pages_as_salesforce_names_them(path: str) -> None:
    assert query.next_page(api_that_answers({"records": [], "done": True}), path).records == []


@pytest.mark.parametrize("job_id", ["../../x", "750/..", "", "7505g²", None, "x" * 41])
def test_a_job_has_an_id_of_letters_and_digits(job_id: Any) -> None:
    with pytest.raises(SalesforceError) as error:
        bulk.create_job(api_that_answers({"id": job_id}), "SELECT Id FROM Account", with_deleted=False)
    assert error.value.problem is Problem.NOT_SALESFORCE


@pytest.mark.parametrize(
    ("kind", "words", "problem"),
    [
        (b"text/html; charset=UTF-8", "We are setting things up for you", Problem.MAINTENANCE),
        (b"text/HTML", "Our proxy says hello", Problem.NOT_SALESFORCE),
        (b"application/json", "oops", Problem.NOT_SALESFORCE), (b"application/xml", "oops", Problem.NOT_SALESFORCE),
    ],
)  # fmt: skip
def test_the_lines_of_a_page_are_no_rows_of_a_result(kind: bytes, words: str, problem: Problem) -> None:
    api = api_that_answers(words, {b"Content-Type": kind})
    with pytest.raises(SalesforceError) as error, bulk.result_page(api, "7505g0000000001AAA", "maxRecords=10"):
        pass
    assert error.value.problem is problem


@pytest.mark.parametrize("version", ["nan", "inf", "62", "62.0/../..", "", "-1.0", "٦٢.0"])
def test_a_version_is_a_number(version: str) -> None:
    token = TokenAnswer("t", "", "https://acme.my.salesforce.com", "", ())
    with pytest.raises(SalesforceError):
        SalesforceApi(token, version, lambda stale: stale)


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "a b", "ä", "", "a\x00"])
def test_a_token_can_stand_in_a_header(token: str) -> None:
    answer = {"access_token": token, "instance_url": "https://acme.my.salesforce.com"}
    with pytest.raises(SalesforceError) as error:
        read_token_answer(answer, ())
    assert error.value.problem is Problem.NOT_SALESFORCE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("objects", ["../x"]), ("objects", ["Account", "account"]), ("objects", ["Ünïcode"]), ("dataset", "a__b"),
        ("dataset", "../x"), ("dataset", "a_"), ("dataset", "information_schema"), ("dataset", "a/b"),
        ("dataset", 'a"b'),
    ],
)  # fmt: skip
def test_what_people_type_is_refused_at_its_field(
    extracting: Extracting, duckdb: str, field: str, value: str | list[str]
) -> None:
    visitor = extracting.walk.visitor
    data = {"description": "X", "source": extracting.walk.id, "destination": duckdb, "dataset": "crm",
            "objects": ["Account"], "schedule": "", "timezone": "UTC", field: value}  # fmt: skip
    assert visitor.post("/extractions/new", data).status_code == 422
    assert visitor.error_at(field)


@pytest.mark.parametrize(
    "condition",
    ["Name = 'a') OR (Name != 'a'", "Name = 'a", "(Name = 'a'", "Name = 'a' ORDER BY Name", "Name != '' LIMIT 3",
     "Name != '' FOR UPDATE", "Name = 'it\\'s", "Name != '' ALL ROWS", ")("],
)  # fmt: skip
def test_a_filter_stays_in_its_brackets(extracting: Extracting, warehouse: str, condition: str) -> None:
    visitor = extracting.walk.visitor
    data = {"description": "X", "source": extracting.walk.id, "destination": warehouse, "dataset": "crm",
            "objects": ["Account"], "schedule": "", "timezone": "UTC", "filter-Account": condition}  # fmt: skip
    assert visitor.post("/extractions/new", data).status_code == 422
    assert "Account" in visitor.error_at("filter-Account")


@pytest.mark.parametrize(
    "condition",
    ["", "Name = 'a) LIMIT 3 ('", "Name = 'it\\'s (' AND (A__c > 3 OR Limit__c = 4)", "Note = 'ORDER BY'",
     "Id IN (SELECT AccountId FROM Contact WHERE Name LIKE '%x%')", "Name = 'C:\\\\'"],
)  # fmt: skip
def test_filters_that_are_conditions(condition: str) -> None:
    filters.check(condition)
