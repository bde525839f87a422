"""Shapes: the keys of answers, compared with those that real orgs' answers have (keys.toml)."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.practice_org.conftest import Client

KEYS = {name: keys.split() for name, keys in tomllib.loads(Path(__file__).with_name("keys.toml").read_text()).items()}
JOB = [*KEYS["new_job"], "jobType", "numberRecordsProcessed", "retries", "totalProcessingTime", "isPkChunkingSupported"]


@pytest.fixture
def filled(client: Client) -> Client:
    client.do("Account", "generate", count=2)
    return client


def test_describe_global(filled: Client) -> None:
    answer = filled.get("/sobjects")
    assert list(answer) == ["encoding", "maxBatchSize", "sobjects"]
    assert {tuple(entry) for entry in answer["sobjects"]} == {tuple(KEYS["global_entry"])}
    account = next(entry for entry in answer["sobjects"] if entry["name"] == "Account")
    assert sorted(account["urls"]) == sorted(KEYS["entry_urls"])
    assert (account["keyPrefix"], account["labelPlural"]) == ("001", "Accounts")


def test_describe(filled: Client) -> None:
    answer = filled.get("/sobjects/Account/describe")
    assert list(answer) == KEYS["describe"]
    assert {tuple(field) for field in answer["fields"]} == {tuple(KEYS["field"])}
    fields = {field["name"]: field for field in answer["fields"]}
    assert list(fields["Industry"]["picklistValues"][0]) == KEYS["picklist_value"]
    assert {tuple(each) for each in answer["childRelationships"]} == {tuple(KEYS["child_relationship"])}
    assert [list(each) for each in answer["recordTypeInfos"]] == [KEYS["record_type"]]
    assert sorted(answer["urls"]) == sorted([*KEYS["entry_urls"], "uiDetailTemplate", "uiEditTemplate", "uiNewRecord"])


def test_what_describe_says_of_fields(filled: Client) -> None:
    fields = {field["name"]: field for field in filled.get("/sobjects/Account/describe")["fields"]}
    told = {
        name: tuple(fields[name][key] for key in ("type", "soapType", "length", "precision", "filterable", "nillable"))
        for name in ("Id", "Name", "ParentId", "AnnualRevenue", "NumberOfEmployees", "CreatedDate", "Description")
    }
    assert told == {
        "Id": ("id", "tns:ID", 18, 0, True, False),
        "Name": ("string", "xsd:string", 255, 0, True, False),
        "ParentId": ("reference", "tns:ID", 18, 0, True, True),
        "AnnualRevenue": ("currency", "xsd:double", 0, 18, True, True),
        "NumberOfEmployees": ("int", "xsd:int", 0, 0, True, True),
        "CreatedDate": ("datetime", "xsd:dateTime", 0, 0, True, False),
        "Description": ("textarea", "xsd:string", 32000, 0, False, True),
    }
    parent = fields["ParentId"]
    assert (parent["referenceTo"], parent["relationshipName"], parent["label"]) == (["Account"], "Parent", "Parent ID")
    assert (fields["BillingCity"]["compoundFieldName"], fields["BillingAddress"]["queryByDistance"]) == (
        "BillingAddress", True,
    )  # fmt: skip
    assert fields["Age__c"]["calculated"]
    contact = {field["name"]: field for field in filled.get("/sobjects/Contact/describe")["fields"]}
    assert contact["LastName"]["compoundFieldName"] == "Name"


def test_limits(filled: Client) -> None:
    answer = filled.get("/limits")
    assert list(answer) == KEYS["limits"]
    assert all(list(entry)[:2] == ["Max", "Remaining"] for entry in answer.values())
    assert list(answer["PermissionSets"]) == ["Max", "Remaining", "CreateCustom"]
    assert answer["DailyApiRequests"] == {"Max": 15000, "Remaining": 14999}


def test_userinfo_and_identity(filled: Client) -> None:
    header = dict(filled.http.headers)
    answer = filled.practice.http.get("/services/oauth2/userinfo", headers=header)
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert list(answer.json()) == KEYS["userinfo"]
    assert list(answer.json()["urls"]) == KEYS["userinfo_urls"]
    identity = filled.practice.http.get(answer.json()["sub"], headers=header).json()
    assert list(identity) == KEYS["identity"]
    assert identity["urls"] == answer.json()["urls"]
    latest = filled.practice.http.get(f"{answer.json()['sub']}?version=latest", headers=header).json()
    assert latest["urls"]["query"] == f"{filled.practice.origin}/services/data/v68.0/query/"
    other = filled.practice.http.get("/id/00D000000000000AAA/0055g00000PrctUAAR", headers=header)
    assert (other.status_code, other.text) == (403, "Wrong_Org")


def test_pages_of_records(filled: Client) -> None:
    filled.do("Account", "generate", count=2200)
    page = filled.query("SELECT Name, Id FROM Account")
    assert list(page) == ["totalSize", "done", "nextRecordsUrl", "records"]
    assert (page["totalSize"], page["done"], len(page["records"])) == (2202, False, 2000)
    assert list(page["records"][0]) == ["attributes", "Name", "Id"]
    last = filled.practice.http.get(page["nextRecordsUrl"], headers=dict(filled.http.headers)).json()
    assert list(last) == ["totalSize", "done", "records"]
    assert (last["done"], len(last["records"])) == (True, 202)
    assert len(filled.query("SELECT Id, Description FROM Account")["records"]) == 1000
    few = filled.http.get(
        "/query", params={"q": "SELECT Id FROM Account"}, headers={"Sforce-Query-Options": "batchSize=200"}
    )
    assert len(few.json()["records"]) == 200
    assert filled.refusal("/query/0r8nonsense-2000")[:2] == (400, "INVALID_QUERY_LOCATOR")


def test_a_token_answer(filled: Client) -> None:
    assert list(filled.token) == [
        "access_token", "signature", "scope", "instance_url", "id", "token_type", "issued_at", "api_instance_url",
    ]  # fmt: skip


def test_bulk_jobs(filled: Client) -> None:
    order = {"operation": "query", "query": "SELECT Id, Name FROM Account"}
    created = filled.http.post("/jobs/query", json=order).json()
    assert list(created) == KEYS["new_job"]
    assert (created["state"], created["apiVersion"]) == ("UploadComplete", 66.0)
    asked = filled.get(f"/jobs/query/{created['id']}")
    assert sorted(asked) == sorted(JOB)
    assert (asked["state"], asked["jobType"], asked["numberRecordsProcessed"]) == ("JobComplete", "V2Query", 2)
    listed = filled.get("/jobs/query")
    assert list(listed) == ["done", "records", "nextRecordsUrl"]
    assert listed["records"][0]["id"] == created["id"]
