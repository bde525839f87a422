"""Records one by one, what changed, what was deleted, counts, and several requests in one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.practice_org.conftest import Client


@pytest.fixture
def rows(client: Client) -> list[str]:
    client.do("Account", "generate", count=3)
    return [row["Id"] for row in client.practice.http.get("/practice/data/Account").json()]


def around_now(days: int = 1) -> dict[str, str]:
    moment = datetime.now(UTC)
    return {"start": (moment - timedelta(days=days)).isoformat(), "end": (moment + timedelta(minutes=5)).isoformat()}


def test_a_record_by_its_id(client: Client, rows: list[str]) -> None:
    answer = client.http.get(f"/sobjects/Account/{rows[0]}")
    record = answer.json()
    assert record["attributes"] == {"type": "Account", "url": f"/services/data/v66.0/sobjects/Account/{rows[0]}"}
    described = client.get("/sobjects/Account/describe")["fields"]
    assert list(record) == ["attributes", *(field["name"] for field in described)]
    assert set(record["BillingAddress"]) >= {"city", "country", "latitude", "postalCode", "state", "street"}
    assert answer.headers["last-modified"].endswith("GMT")
    some = client.get(f"/sobjects/account/{rows[0][:15]}", fields="Industry,Name")
    assert list(some) == ["attributes", "Industry", "Name", "Id"]
    (recent, *_) = client.get("/recent")
    assert (recent["Id"], recent["Name"]) == (rows[0], "Account 1")
    assert client.get("/recent", limit="1") == [recent]
    assert client.get("/sobjects/Account")["recentItems"][0]["Id"] == rows[0]


def test_records_that_are_not_there(client: Client, rows: list[str]) -> None:
    assert client.refusal("/sobjects/Account/001000000000000AAA")[:2] == (404, "NOT_FOUND")
    assert client.refusal("/sobjects/Account/23foo") == (
        404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: 23foo",
    )  # fmt: skip
    assert client.refusal(f"/sobjects/Account/{rows[0]}", fields="Id,Nope") == (
        400, "INVALID_FIELD", "No such column 'Nope' on sobject of type Account",
    )  # fmt: skip
    client.do("Account", "delete", ids=[rows[0]])
    assert client.refusal(f"/sobjects/Account/{rows[0]}") == (404, "ENTITY_IS_DELETED", "entity is deleted")


def test_updated_and_deleted(client: Client, rows: list[str]) -> None:
    client.do("Account", "update", ids=[rows[0]], values={"Name": "Other"})
    client.do("Account", "delete", ids=[rows[1]])
    client.do("Account", "hard_delete", ids=[rows[2]])
    updated = client.get("/sobjects/Account/updated/", **around_now())
    assert set(updated) == {"ids", "latestDateCovered"}
    assert updated["ids"] == [rows[0]]
    deleted = client.get("/sobjects/Account/deleted", **around_now())
    assert list(deleted) == ["deletedRecords", "earliestDateAvailable", "latestDateCovered"]
    assert [entry["id"] for entry in deleted["deletedRecords"]] == rows[1:]
    assert deleted["latestDateCovered"].endswith(":00.000+0000")
    client.do("Account", "undelete", ids=[rows[1]])
    assert len(client.get("/sobjects/Account/deleted", **around_now())["deletedRecords"]) == 1


@pytest.mark.parametrize(
    ("path", "span", "code"),
    [
        ("Account/updated", {}, "INVALID_REPLICATION_DATE"),
        ("Account/updated", {"start": "2026-01-02", "end": "2026-01-01"}, "INVALID_REPLICATION_DATE"),
        ("Account/updated", around_now(40), "INVALID_REPLICATION_DATE"),
        ("Account/deleted", around_now(20), "INVALID_REPLICATION_DATE"),
        ("OrderStatus/updated", around_now(), "INVALID_TYPE_FOR_OPERATION"),
    ],
)
def test_spans_that_are_refused(client: Client, path: str, span: dict[str, str], code: str) -> None:
    assert client.refusal(f"/sobjects/{path}", **span)[:2] == (400, code)


def test_record_counts(client: Client, rows: list[str]) -> None:
    assert client.get("/limits/recordCount", sObjects="Account,Nothing") == {
        "sObjects": [{"count": len(rows), "name": "Account"}]
    }
    assert {"count": 3, "name": "Account"} in client.get("/limits/recordCount")["sObjects"]


def test_a_batch_says_whether_something_went_wrong(client: Client, rows: list[str]) -> None:
    def batch(*urls: str, **order: Any) -> tuple[bool, list[dict[str, Any]]]:
        parts = [{"method": "GET", "url": url} for url in urls]
        answer = client.http.post("/composite/batch", json={"batchRequests": parts, **order})
        assert answer.status_code == 200, answer.text
        assert answer.headers["sforce-limit-info"]
        return answer.json()["hasErrors"], answer.json()["results"]

    describe, record = "v66.0/sobjects/Account/describe", f"/services/data/v66.0/sobjects/Account/{rows[0]}?fields=Name"
    failed, (first, second) = batch(describe, record)
    assert (failed, first["statusCode"], second["statusCode"]) == (False, 200, 200)
    assert (first["result"]["name"], second["result"]["Name"]) == ("Account", "Account 1")
    failed, (first, second) = batch("v66.0/sobjects/Nothing", record)
    assert (failed, first["statusCode"], second["statusCode"]) == (True, 404, 200)
    assert first["result"][0]["errorCode"] == "NOT_FOUND"
    failed, (_, second) = batch("v66.0/sobjects/Nothing", record, haltOnError=True)
    assert (failed, second["statusCode"]) == (True, 412)
    assert second["result"][0]["errorCode"] == "BATCH_PROCESSING_HALTED"
    before = client.http.get("/limits").json()["DailyApiRequests"]["Remaining"]
    batch(describe, record)
    assert client.http.get("/limits").json()["DailyApiRequests"]["Remaining"] == before - 2


def test_a_composite_request_uses_its_own_answers(client: Client, rows: list[str]) -> None:
    def composite(*urls: str, all_or_none: bool = False) -> list[dict[str, Any]]:
        parts = [{"method": "GET", "url": url, "referenceId": f"ref{n}"} for n, url in enumerate(urls)]
        answer = client.http.post("/composite", json={"allOrNone": all_or_none, "compositeRequest": parts})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["compositeResponse"])

    base = "/services/data/v66.0"
    found = composite(
        f"{base}/query/?q=SELECT Id FROM Account ORDER BY Name LIMIT 1",
        f"{base}/sobjects/Account/@{{ref0.records[0].Id}}?fields=Name",
        f"{base}/query?q=SELECT COUNT() FROM Nothing",
        f"{base}/sobjects/Account/@{{ref2.records[0].Id}}",
    )
    assert [list(each) for each in found] == [["body", "httpHeaders", "httpStatusCode", "referenceId"]] * 4
    assert [each["httpStatusCode"] for each in found] == [200, 200, 400, 400]
    assert found[1]["body"]["Name"] == "Account 1"
    assert found[2]["body"][0]["errorCode"] == "INVALID_TYPE"
    first, second = composite(f"{base}/limits", f"{base}/sobjects/Nothing", all_or_none=True)
    assert first["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert second["httpStatusCode"] == 404


@pytest.mark.parametrize(
    "body", [None, [], {}, {"batchRequests": []}, {"batchRequests": [{"url": "v66.0/limits"}] * 26}]
)
def test_batches_that_are_none(client: Client, body: Any) -> None:
    assert client.http.post("/composite/batch", json=body).status_code == 400
    odd = {"batchRequests": [{}, None, {"url": 5}, {"url": "v66.0/composite/batch", "method": "POST"}]}
    results = client.http.post("/composite/batch", json=odd).json()["results"]
    assert [each["statusCode"] for each in results] == [400] * 4


def test_several_records_at_once(client: Client, rows: list[str]) -> None:
    ids = [rows[1], "001000000000000AAA", rows[0]]
    asked = {"ids": ids, "fields": ["Name"]}
    by_post = client.http.post("/composite/sobjects/Account", json=asked).json()
    assert [record and record["Name"] for record in by_post] == ["Account 2", None, "Account 1"]
    assert client.get("/composite/sobjects/Account", ids=",".join(ids), fields="Name") == by_post


def test_the_columns_of_a_query(client: Client) -> None:
    answer = client.get("/query", q="SELECT Id, Parent.Name, IsDeleted FROM Account", columns="true")
    assert (answer["entityName"], answer["idSelected"], answer["groupBy"]) == ("Account", True, False)
    columns = {column["columnName"]: column for column in answer["columnMetadata"]}
    assert list(columns) == ["Id", "Parent", "IsDeleted"]
    assert columns["Parent"]["joinColumns"][0]["columnName"] == "Name"
    assert (columns["Id"]["apexType"], columns["IsDeleted"]["booleanType"]) == ("Id", True)


def test_the_tooling_api_tells_of_objects_and_fields(client: Client) -> None:
    soql = "SELECT QualifiedApiName, DataType FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = 'Account'"
    answer = client.get("/tooling/query", q=soql)
    assert list(answer) == ["size", "totalSize", "done", "queryLocator", "entityTypeName", "records"]
    assert answer["size"] == len(client.get("/sobjects/Account/describe")["fields"])
    client.do("Account", "hide", fields=["Phone"])
    client.do("Contact", "hide_object")
    assert len(client.get("/sobjects/Account/describe")["fields"]) == answer["size"] - 1
    assert client.get("/tooling/query", q=soql)["size"] == answer["size"]
    assert client.refusal("/sobjects/Contact/describe")[:2] == (404, "NOT_FOUND")
    assert client.refusal("/query", q="SELECT Id FROM Contact")[:2] == (400, "INVALID_TYPE")
    entities = client.get("/query", q="SELECT QualifiedApiName FROM EntityDefinition")["records"]
    assert "Contact" in {record["QualifiedApiName"] for record in entities}
    client.do("Contact", "show_object")
    client.do("Account", "show", fields=["Phone"])
    assert len(client.get("/sobjects/Account/describe")["fields"]) == answer["size"]
    assert client.refusal("/tooling/query", q="SELECT Id FROM Account")[:2] == (400, "INVALID_TYPE")


def test_search(client: Client, rows: list[str]) -> None:
    found = client.get("/search", q="FIND {Account 2} IN ALL FIELDS")["searchRecords"]
    assert [record["Id"] for record in found] == [rows[1]]
    soql = "FIND {account} IN NAME FIELDS RETURNING Account(Name, Industry WHERE Name != null LIMIT 9), Contact LIMIT 5"
    assert [list(record) for record in client.get("/search", q=soql)["searchRecords"]] == [
        ["attributes", "Name", "Industry"]
    ] * 3
    assert client.refusal("/search", q="FIND {account} RETURNING Nothing(Id)")[1] == "INVALID_TYPE"
    assert client.refusal("/search", q="FIND {account} RETURNING Account(Nope)")[1] == "INVALID_FIELD"
    assert client.get("/parameterizedSearch", q="nothing at all") == {"searchRecords": []}
    assert client.refusal("/search", q="FIND x")[:2] == (400, "MALFORMED_SEARCH")


def test_describe_is_sent_again_only_when_it_changed(client: Client) -> None:
    known = client.http.get("/sobjects/Account/describe").headers["last-modified"]
    answer = client.http.get("/sobjects/Account/describe", headers={"If-Modified-Since": known})
    assert (answer.status_code, answer.content) == (304, b"")
    tag = client.http.get("/sobjects/Account/describe").headers["etag"]
    assert client.http.get("/sobjects/Account/describe", headers={"If-None-Match": tag}).status_code == 304
    long_ago = {"If-Modified-Since": "Mon, 01 Jan 2024 00:00:00 GMT"}
    assert client.http.get("/sobjects", headers=long_ago).status_code == 200


def test_a_composite_answer_has_the_headers_of_its_parts(client: Client) -> None:
    part = {"method": "GET", "url": "/services/data/v66.0/sobjects/Account/describe", "referenceId": "a"}
    answer = client.http.post("/composite", json={"compositeRequest": [part]}).json()
    assert sorted(answer["compositeResponse"][0]["httpHeaders"]) == ["ETag", "Last-Modified"]
