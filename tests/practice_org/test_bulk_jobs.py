"""Bulk query jobs: what is refused, other versions, results in pages and forms."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from tests.practice_org.conftest import Client

QUERY = "SELECT Id, Name, Account.Name FROM Contact ORDER BY Name"


@pytest.fixture
def filled(client: Client) -> Client:
    client.do("Contact", "insert", rows=[{"Name": f'N"{n}', "LastName": "x"} for n in range(5)])
    return client


def create(client: Client, query: str = QUERY, **order: Any) -> str:
    answer = client.http.post("/jobs/query", json={"operation": "query", "query": query, **order})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"operation": "insert", "object": "Account"}, "INVALIDJOB"),
        ({"operation": "query"}, "INVALIDJOB"),
        ({"operation": "query", "query": "SELECT Id FROM Account", "contentType": "JSON"}, "INVALIDJOB"),
        ({"operation": "query", "query": "SELECT Id FROM Account", "columnDelimiter": ","}, "INVALIDJOB"),
        ({"operation": "query", "query": "SELECT COUNT() FROM Account"}, "API_ERROR"),
        ({"operation": "query", "query": "SELECT COUNT(Id) FROM Account"}, "API_ERROR"),
        ({"operation": "query", "query": "SELECT Id, BillingAddress FROM Account"}, "API_ERROR"),
        ({"operation": "query", "query": "SELECT Id, (SELECT Id FROM Contacts) FROM Account"}, "API_ERROR"),
        ({"operation": "query", "query": "SELECT Id FROM OrderStatus"}, "INVALIDENTITY"),
        ({"operation": "query", "query": "SELECT Id FROM Nothing"}, "INVALID_TYPE"),
        ({"operation": "query", "query": "SELECT"}, "MALFORMED_QUERY"),
        ([], "JSON_PARSER_ERROR"),
    ],
)
def test_jobs_that_are_refused(client: Client, order: Any, code: str) -> None:
    answer = client.http.post("/jobs/query", json=order)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)
    assert client.get("/jobs/query")["records"] == []


def test_another_version_is_a_conflict(filled: Client) -> None:
    job_id = create(filled)
    for path in ("", "/results"):
        answer = filled.practice.http.get(
            f"/services/data/v65.0/jobs/query/{job_id}{path}", headers=dict(filled.http.headers)
        )
        assert answer.status_code == 409
        assert answer.json()[0]["message"] == "The job was created with API version 66.0, not 65.0."


def test_a_job_from_its_beginning_to_its_end(filled: Client) -> None:
    filled.practice.change_org(job_seconds=60)
    job_id = create(filled)
    assert filled.get(f"/jobs/query/{job_id}")["state"] == "InProgress"
    assert filled.http.get(f"/jobs/query/{job_id}/results").status_code == 204
    assert filled.http.delete(f"/jobs/query/{job_id}").status_code == 400
    assert filled.http.patch(f"/jobs/query/{job_id}", json={"state": "Paused"}).status_code == 400
    assert filled.http.patch(f"/jobs/query/{job_id}", json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert filled.http.delete(f"/jobs/query/{job_id}").status_code == 204
    assert filled.refusal(f"/jobs/query/{job_id}")[:2] == (404, "NOT_FOUND")


def test_pages_of_a_result(filled: Client) -> None:
    job_id = create(filled)
    first = filled.http.get(f"/jobs/query/{job_id}/results", params={"maxRecords": "3"})
    assert first.headers["content-type"] == "text/csv; charset=UTF-8"
    assert first.headers["sforce-numberofrecords"] == "3"
    lines = first.text.splitlines()
    assert lines[0] == '"Id","Name","Account.Name"'
    assert lines[1].endswith(',"N""0",""')
    params = {"maxRecords": "3", "locator": first.headers["sforce-locator"]}
    last = filled.http.get(f"/jobs/query/{job_id}/results", params=params)
    assert (last.headers["sforce-locator"], last.headers["sforce-numberofrecords"]) == ("null", "2")
    assert last.text.splitlines()[0] == lines[0]
    for params in ({"maxRecords": "many"}, {"maxRecords": "0"}, {"locator": "%%%"}, {"locator": "ÿ"}):
        assert filled.http.get(f"/jobs/query/{job_id}/results", params=params).status_code == 400, params


def test_other_delimiters_and_line_ends(filled: Client) -> None:
    job_id = create(filled, columnDelimiter="PIPE", lineEnding="CRLF")
    text = filled.http.get(f"/jobs/query/{job_id}/results").content.decode()
    assert text.startswith('"Id"|"Name"|"Account.Name"\r\n')


def test_pages_side_by_side(filled: Client) -> None:
    job_id = create(filled)
    filled.practice.change_org(result_page_rows=1)
    found = filled.get(f"/jobs/query/{job_id}/resultPages")
    assert list(found) == ["resultChunks", "nextRecordsUrl", "done"]
    assert (len(found["resultChunks"]), found["nextRecordsUrl"], found["done"]) == (5, None, True)
    pages = [csv.reader(filled.http.get(each["resultLink"]).text.splitlines()) for each in found["resultChunks"]]
    assert [list(page)[1][1] for page in pages] == [f'N"{n}' for n in range(5)]
    filled.practice.change_org(result_pages="documented")
    (first, *_) = filled.get(f"/jobs/query/{job_id}/resultPages")["resultPages"]
    assert first["resultUrl"].startswith(f"/services/data/v66.0/jobs/query/{job_id}/results?locator=")
    filled.practice.change_org(result_pages="")
    assert filled.refusal(f"/jobs/query/{job_id}/resultPages")[:2] == (404, "NOT_FOUND")
