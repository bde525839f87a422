"""Addresses: with a slash or without, unknown, of another version; and what every answer's headers tell."""

from __future__ import annotations

import gzip
import json
import time

import pytest

from tests.practice_org.conftest import Client
from tests.support.practice import PracticeOrg

NOT_FOUND = [{"message": "The requested resource does not exist", "errorCode": "NOT_FOUND"}]


@pytest.mark.parametrize(
    "path",
    ["/services/data", "/services/data/v66.0", "/services/data/v66.0/limits", "/services/data/v66.0/sobjects",
     "/services/data/v66.0/query?q=SELECT+Id+FROM+Account", "/services/data/v66.0/sobjects/Account/describe",
     "/services/data/v66.0/recent", "/services/data/v66.0/jobs/query", "/services/data/v66.0/composite",
     "/services/data/v66.0/tooling", "/services/oauth2/userinfo", "/.well-known/openid-configuration"],
)  # fmt: skip
def test_a_slash_more_or_less_is_the_same(client: Client, path: str) -> None:
    address, _, query = path.partition("?")
    answers = [
        client.practice.http.get(f"{client.practice.origin}{each}?{query}", headers=dict(client.http.headers))
        for each in (address, f"{address}/", f"/{address}")
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[0].json().__class__ == answers[1].json().__class__


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path",
    ["/nothing", "/v66.0/nothing", "/v66.0/sobjects/Nothing", "/v66.0/sobjects/Nothing/describe", "/v99.0/limits",
     "/v66/limits", "/v66.0/jobs/query/7505g0000000000AAA/nothing", "/latest/query"],
)  # fmt: skip
def test_what_is_unknown_is_not_found(client: Client, path: str, method: str) -> None:
    answer = client.practice.http.request(method, f"/services/data{path}", headers=dict(client.http.headers))
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    if answer.status_code != 405:
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


def test_a_method_that_is_not_allowed(client: Client) -> None:
    answer = client.http.post("/query")
    assert answer.status_code == 405
    (only,) = answer.json()
    assert only == {
        "message": "HTTP Method 'POST' not allowed. Allowed are GET,HEAD", "errorCode": "METHOD_NOT_ALLOWED",
    }  # fmt: skip


@pytest.mark.parametrize("version", ["7.0", "20.0", "30.0"])
def test_retired_versions_are_gone(client: Client, version: str) -> None:
    answer = client.practice.http.get(f"/services/data/v{version}/limits", headers=dict(client.http.headers))
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (410, "GONE")


def test_versions_need_no_token_and_count_for_nothing(practice: PracticeOrg) -> None:
    answer = practice.http.get("/services/data")
    versions = answer.json()
    assert versions[0] == {"label": "Summer '14", "url": "/services/data/v31.0", "version": "31.0"}
    assert versions[-1] == {"label": "Winter '27", "url": "/services/data/v68.0", "version": "68.0"}
    assert {entry["label"] for entry in versions} >= {"Winter '15", "Spring '25", "Summer '25", "Spring '26"}
    assert "sforce-limit-info" not in answer.headers
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"


def test_resources_tell_who_asks(client: Client) -> None:
    found = client.get("")
    assert found["query"] == "/services/data/v66.0/query"
    identity = client.practice.http.get(found.pop("identity"), headers=dict(client.http.headers))
    assert identity.json()["username"] == "ada@practice.example"
    for address in found.values():
        answer = client.practice.http.get(address, headers=dict(client.http.headers))
        assert answer.status_code in {200, 400}, address


@pytest.mark.parametrize(
    "path",
    ["/query?q=SELECT+Id+FROM+Account", "/queryAll?q=SELECT+Id+FROM+Account", "/jobs/query", "/limits", "/sobjects",
     "/recent", "/sobjects/Account/describe", "/limits/recordCount", "/tooling/query?q=SELECT+Id+FROM+EntityDefinition"],
)  # fmt: skip
def test_calls_say_how_many_are_used(client: Client, path: str) -> None:
    for used in (1, 2):
        answer = client.http.get(path)
        assert answer.status_code == 200
        assert answer.headers["sforce-limit-info"] == f"api-usage={used}/15000"
        assert answer.headers["content-type"] == "application/json;charset=UTF-8"


def test_gzip_is_for_those_who_ask(client: Client) -> None:
    with client.http.stream("GET", "/sobjects", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert json.loads(gzip.decompress(b"".join(answer.iter_raw())))["encoding"] == "UTF-8"
    with client.http.stream("GET", "/sobjects", headers={"Accept-Encoding": "identity"}) as answer:
        assert "content-encoding" not in answer.headers
        assert json.loads(b"".join(answer.iter_raw()))["encoding"] == "UTF-8"


def test_an_address_that_is_too_long(client: Client) -> None:
    status, _, message = client.refusal("/query", q="SELECT Id FROM Account WHERE Name = '" + "é" * 3000 + "'")
    assert (status, message) == (414, "The length of the URI exceeds the 16,384-byte limit.")
    assert client.query("SELECT Id FROM Account WHERE Name = '" + "e" * 15_000 + "'")["totalSize"] == 0


def test_without_a_token_there_is_nothing(practice: PracticeOrg) -> None:
    answer = practice.http.get("/services/data/v66.0/limits", headers={"Authorization": "Bearer nonsense"})
    expected = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    assert (answer.status_code, answer.json()) == (401, expected)


def test_a_slow_line(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = client.http.get("/limits").content
    client.practice.change_org(latency=0.3, bandwidth=10)
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    answer = client.http.get("/limits", headers={"Accept-Encoding": "identity"})
    assert len(answer.content) == len(whole)
    assert waited[0] == 0.3
    assert sum(waited[1:]) == pytest.approx(len(whole) / 10 / 1024, rel=0.01)
