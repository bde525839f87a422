"""What the practice org doesn't do it refuses as Salesforce does: no page of HTML, no 500, no words of Python's."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.practice_org.conftest import Client

REFUSED = {"message": "entity type cannot be inserted: Account", "errorCode": "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
           "fields": []}  # fmt: skip
ANSWERED = {"statusCode": REFUSED["errorCode"], "message": REFUSED["message"], "fields": []}


def test_no_record_is_written(client: Client) -> None:
    (account_id,) = client.do("Account", "insert", rows=[{"Name": "Account 1"}])
    created = client.http.post("/sobjects/Account", json={"Name": "x"})
    assert (created.status_code, created.json()) == (400, [REFUSED])
    changed = client.http.patch(f"/sobjects/Account/{account_id}", json={"Name": "x"})
    assert (changed.status_code, changed.json()[0]["message"]) == (400, "entity type cannot be updated: Account")
    deleted = client.http.delete(f"/sobjects/Account/{account_id}")
    assert deleted.json()[0]["message"] == "entity type cannot be deleted: Account"
    upserted = client.http.patch("/sobjects/Account/Number__c/5", json={"Name": "x"})
    assert upserted.json()[0]["errorCode"] == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    assert client.http.post("/sobjects/Nothing", json={}).status_code == 404
    described = client.get("/sobjects/Account/describe")
    assert not any(described[key] for key in ("createable", "updateable", "deletable", "undeletable", "mergeable"))
    assert not any(field["createable"] or field["updateable"] for field in described["fields"])


def test_several_records_are_refused_one_by_one(client: Client) -> None:
    (account_id,) = client.do("Account", "insert", rows=[{"Name": "Account 1"}])
    records = [{"attributes": {"type": "Account", "referenceId": "first"}, "Name": "x"}]
    collection = client.http.post("/composite/sobjects", json={"allOrNone": False, "records": records})
    assert (collection.status_code, collection.json()) == (200, [{"success": False, "errors": [ANSWERED]}])
    tree = client.http.post("/composite/tree/Account", json={"records": records})
    assert tree.status_code == 400
    assert tree.json() == {"hasErrors": True, "results": [{"referenceId": "first", "errors": [ANSWERED]}]}
    deleted = client.http.delete("/composite/sobjects", params={"ids": account_id})
    assert deleted.json()[0]["errors"][0]["message"] == "entity type cannot be deleted: Account"
    job = client.http.post("/jobs/ingest", json={"object": "Account", "operation": "insert"})
    assert (job.status_code, job.json()) == (400, [REFUSED])
    assert client.get("/jobs/ingest") == {"done": True, "records": [], "nextRecordsUrl": None}


def test_older_interfaces_are_off(client: Client) -> None:
    http = client.practice.http
    answer = http.post("/services/async/66.0/job", content=b"<jobInfo/>", headers={"Content-Type": "application/xml"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/xml")
    assert "<exceptionCode>FeatureNotEnabled</exceptionCode>" in answer.text
    answer = http.post("/services/async/66.0/job", json={})
    assert answer.json() == {"exceptionCode": "FeatureNotEnabled", "exceptionMessage": "Async API not enabled"}
    login = http.post("/services/Soap/u/60.0", content=b"<soapenv:Body><login xmlns='urn:partner'/></soapenv:Body>")
    assert (login.status_code, login.headers["content-type"]) == (500, "text/xml;charset=UTF-8")
    assert "<faultstring>INVALID_OPERATION: SOAP API login() is disabled by default" in login.text
    assert "API_DISABLED_FOR_ORG" in http.post("/services/Soap/m/60.0", content=b"<describeMetadata/>").text


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/services/data/v66.0/nothing", 401, "INVALID_SESSION_ID"),
        ("/services/data/v66.0/sobjects/Account/describe", 401, "INVALID_SESSION_ID"),
        ("/services/data/v99.0/limits", 404, "NOT_FOUND"),
        ("/services/data/v20.0/limits", 410, "GONE"),
    ],
)
def test_without_a_token_the_version_is_looked_at_first(client: Client, path: str, status: int, code: str) -> None:
    answer = client.practice.http.get(path)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code)


def test_what_is_not_there_without_being_data(client: Client) -> None:
    headers = {"Authorization": client.http.headers["Authorization"]}
    apex = client.practice.http.get("/services/apexrest/thing", headers=headers)
    assert (apex.status_code, apex.json()[0]["message"]) == (404, "Could not find a match for URL")
    answer = client.practice.http.get("/services/oauth2/token")
    assert (answer.status_code, answer.json()["error_description"]) == (400, "must use HTTP POST")
    other = client.practice.http.get(f"{client.token['id'][:-18]}005000000000000AAA", headers=headers)
    assert (other.status_code, other.text) == (403, "Bad_Id")
    revoked = client.practice.http.post("/services/oauth2/revoke", data={"token": "nothing"})
    assert revoked.headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("what", ["updated", "deleted"])
@pytest.mark.parametrize(
    "start",
    ["", "x", "9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+23:00", "2026-W48-3", "20261125", "2026-02-30T00:00:00Z",
     "\0", "２０２６-11-25T00:00:00Z"],
)  # fmt: skip
def test_odd_dates(client: Client, what: str, start: str) -> None:
    status, code, _ = client.refusal(f"/sobjects/Account/{what}", start=start, end="2026-11-26T00:00:00Z")
    assert (status, code) == (400, "INVALID_REPLICATION_DATE")


@pytest.mark.parametrize(
    "order",
    [
        {"operation": "query", "query": "SELECT Id FROM Account", "columnDelimiter": ["COMMA"]},
        {"operation": "query", "query": "SELECT Id FROM Account", "lineEnding": {}},
        {"operation": {}, "query": "SELECT Id FROM Account"},
        {"operation": "query", "query": ["SELECT Id FROM Account"]},
        {"operation": "query", "query": "SELECT Id FROM Account", "contentType": 5},
    ],
)
def test_odd_jobs(client: Client, order: dict[str, Any]) -> None:
    answer = client.http.post("/jobs/query", json=order)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALIDJOB")


def test_all_addresses_that_describe_names_answer(client: Client) -> None:
    (account_id,) = client.do("Account", "insert", rows=[{"Name": "Account 1"}])
    described = client.get("/sobjects/Account/describe")
    layout = described["recordTypeInfos"][0]["urls"]["layout"]
    paths = [path for path in [*described["urls"].values(), layout] if path.startswith("/")]
    assert len(paths) == 9
    for path in paths:
        answer = client.practice.http.get(path.replace("{ID}", account_id), headers=dict(client.http.headers))
        assert answer.status_code == 200, path
    for path in [*client.get("/").values(), *client.get("/jobs").values(), *client.get("/tooling").values()]:
        answer = client.practice.http.get(path, headers=dict(client.http.headers))
        assert answer.status_code != 404, path


def test_an_id_and_relationships_in_the_address(client: Client) -> None:
    (account_id,) = client.do("Account", "insert", rows=[{"Name": "Account 1"}])
    client.do("Contact", "insert", rows=[{"LastName": "Ann", "AccountId": account_id}])
    assert client.get(f"/sobjects/Account/Id/{account_id}")["Name"] == "Account 1"
    contacts = client.get(f"/sobjects/Account/{account_id}/Contacts", fields="LastName")
    assert contacts["records"][0]["LastName"] == "Ann"
    assert client.get(f"/sobjects/Account/{account_id}/Owner", fields="Username")["Username"] == "ada@practice.example"
    missing = client.refusal(f"/sobjects/Account/{account_id}/Parent")
    assert missing == (404, "NOT_FOUND", "The requested resource does not exist")
    wrong = "Provided external ID field does not exist or is not accessible: Name"
    assert client.refusal("/sobjects/Account/Name/x") == (404, "NOT_FOUND", wrong)
    refusal = client.refusal(f"/sobjects/Account/{account_id}", fields="Name,Parent.Nope")
    assert refusal == (400, "INVALID_FIELD", "No such column 'Parent.Nope' on sobject of type Account")
    assert list(client.get(f"/sobjects/Account/{account_id}", fields="Name,name")) == ["attributes", "Name", "Id"]


def test_two_parts_of_one_name(client: Client) -> None:
    parts = [{"method": "GET", "url": "/services/data/v66.0/limits", "referenceId": "a"}] * 2
    answer = client.http.post("/composite", json={"compositeRequest": parts})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")


def test_search_takes_conditions_and_limits(client: Client) -> None:
    client.do("Account", "generate", count=12)
    sosl = "FIND {account} RETURNING Account(Name WHERE (Industry IN ('Media')) ORDER BY Name DESC LIMIT 2), Contact"
    names = [record["Name"] for record in client.get("/search", q=sosl)["searchRecords"]]
    assert names == ["Account 6", "Account 2"]
    asked = {"q": "account", "sobject": "Account", "Account.fields": "Name", "Account.limit": "3"}
    found = client.get("/parameterizedSearch", **asked)["searchRecords"]
    assert [list(record) for record in found] == [["attributes", "Name"]] * 3
    order = {"q": "account", "fields": ["Name"], "sobjects": [{"name": "Account"}], "overallLimit": 4}
    assert len(client.http.post("/parameterizedSearch", json=order).json()["searchRecords"]) == 4
    assert client.refusal("/search", q="FIND {account} RETURNING Account(Name")[1] == "MALFORMED_SEARCH"


def test_a_browser_is_logged_in_once(client: Client) -> None:
    web = Client(client.practice, ("api", "web"))
    headers = {"Authorization": web.http.headers["Authorization"].replace("Bearer", "bearer")}
    opened = client.practice.http.get("/services/oauth2/singleaccess", headers=headers).json()["frontdoor_uri"]
    assert re.search(r"/secur/frontdoor\.jsp\?otp=[\w-]+&startURL=%2Flightning%2Fsetup%2Fhome$", opened)
    first = client.practice.http.get(opened, follow_redirects=False)
    assert (first.status_code, first.headers["location"]) == (302, "/lightning/setup/home")
    again = client.practice.http.get(opened, follow_redirects=False)
    assert again.headers["location"].startswith("/?ec=302")
    web.http.close()
    denied = client.practice.http.get("/services/oauth2/singleaccess", headers=dict(client.http.headers))
    assert denied.status_code == 403
