"""The HTTP API with tokens of each role: the pages' rules and words, as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from datasync_flask.accounts import people
from datasync_flask.accounts.models import User
from datasync_flask.extensions import db
from tests.conftest import EMAIL
from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor

Call = Callable[..., Any]


@pytest.fixture
def token_of(app: Flask, people: dict[str, int]) -> Callable[[str], str]:
    def token_of(role: str) -> str:
        from datasync_flask.accounts.people import make_token

        with app.app_context():
            token = make_token(db.session.get_one(User, people[role]), "test", 1)
            db.session.remove()
            return token

    return token_of


@pytest.fixture
def call(app: Flask, token_of: Callable[[str], str]) -> Call:
    """Call the API as an editor."""
    client, token = app.test_client(), token_of("editor")

    def call(method: str, path: str, **kwargs: Any) -> Any:
        return client.open(
            f"/api/v1{path}", method=method, base_url="http://127.0.0.1:5000",
            headers={"Authorization": f"Bearer {token}"}, **kwargs,
        )  # fmt: skip

    return call


def test_a_connection_is_made_shown_changed_checked_and_deleted(walk: ConnectionWalk, call: Call) -> None:
    walk.make_app()
    made = call("POST", "/connections", json={"kind": "salesforce", **walk.fields(), "labels": ["emea"]})
    assert made.status_code == 201, made.text
    body = made.get_json()
    assert body["state"] == "waiting_for_propagation"
    assert body["labels"] == ["emea"]
    assert "client_secret" not in body
    walk.id = body["id"]
    walk.work()
    assert call("GET", f"/connections/{walk.id}").get_json()["state"] == "ready_to_authorize"
    changed = call("PATCH", f"/connections/{walk.id}", json={"tracking_type": "none"})
    assert changed.get_json()["tracking_type"] == "none"
    # What wasn't given stayed, the secret and the propagation too.
    assert changed.get_json()["state"] == "ready_to_authorize"
    assert call("POST", f"/connections/{walk.id}/check").status_code == 202
    listed = call("GET", "/connections?page_size=1").get_json()
    assert (listed["total"], listed["items"][0]["id"]) == (1, walk.id)
    assert call("DELETE", f"/connections/{walk.id}").status_code == 204
    assert call("GET", f"/connections/{walk.id}").status_code == 404


def test_the_rules_and_words_are_those_of_the_pages(call: Call) -> None:
    refused = call("POST", "/connections", json={"kind": "salesforce", "description": ""})
    assert refused.status_code == 422
    assert "Give the connection a description" in refused.get_json()["errors"]["json"]["description"][0]
    evil = {"kind": "salesforce", "description": "x", "login_host": "custom", "login_url": "https://evil.example"}
    assert "login_url" in call("POST", "/connections", json=evil).get_json()["errors"]["json"]
    odd = call("POST", "/connections", json={"kind": "salesforce", "description": "x", "colour": "blue"})
    assert odd.get_json()["errors"]["json"]["colour"] == ["Unknown field."]
    assert call("POST", "/connections", data="{half", content_type="application/json").status_code == 400
    outside = call("POST", "/connections", json={"kind": "duckdb", "description": "y", "path": "../y"})
    assert "inside the data folder" in outside.get_json()["errors"]["json"]["path"][0]


def test_a_nul_character_is_no_fault_of_ours(walk: ConnectionWalk, call: Call) -> None:
    """PostgreSQL takes none."""
    walk.to_connected()
    call("POST", "/connections", json={"kind": "duckdb", "description": "W", "path": "w.duckdb"})
    values = {"description": "X\0", "source": "Sales EMEA", "destination": "W", "dataset": "crm\0",
              "objects": [{"name": "Acc\0ount", "fields": ["Na\0me"]}]}  # fmt: skip
    for changed in ({}, {"source": "\0"}, {"destination": "W\0x"}):
        assert call("POST", "/extractions", json=values | changed).status_code in {201, 422}


def test_half_a_character_is_stored_as_no_character(walk: ConnectionWalk, call: Call) -> None:
    """JSON can have lone surrogates; neither the database nor an address for Salesforce takes any."""
    walk.to_connected()
    made = call("POST", "/connections", json={"kind": "duckdb", "description": "W\ud800", "path": "w.duckdb"})
    assert made.get_json()["description"] == "W\ufffd"
    assert call("PATCH", f"/connections/{made.get_json()['id']}", json={"labels": ["a\0", "\udfff"]}).get_json()[
        "labels"
    ] == ["a", "\ufffd"]
    values = {"description": "X", "source": "Sales EMEA", "destination": "W\udc00", "dataset": "crm"}
    for chosen in ({"name": "Acc\ud800"}, {"name": "Account", "filter": "Name = '\ud800'"}):
        assert call("POST", "/extractions", json=values | {"objects": [chosen]}).status_code in {201, 422}


def test_an_empty_list_of_fields_loads_nothing_more(walk: ConnectionWalk, call: Call) -> None:
    """It isn't taken for all fields, of which some may be nobody's business."""
    walk.to_connected()
    call("POST", "/connections", json={"kind": "duckdb", "description": "W", "path": "w.duckdb"})
    values = {"description": "X", "source": "Sales EMEA", "destination": "W", "dataset": "crm"}
    refused = call("POST", "/extractions", json=values | {"objects": [{"name": "Contact", "fields": []}]})
    assert (refused.status_code, refused.get_json()["errors"]["json"]) == (
        422, {"objects": ["Choose at least one field, or all of them."]}
    )  # fmt: skip


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 20_000, b'{"quota_ceiling":' + b"9" * 5000 + b"}"])
def test_json_that_the_parser_gives_up_on_is_refused(call: Call, body: bytes) -> None:
    refused = call("POST", "/extractions", data=body, content_type="application/json")
    assert (refused.status_code, refused.get_json()["errors"]) == (400, {"json": ["Invalid JSON body."]})


def test_an_extraction_and_its_runs(walk: ConnectionWalk, call: Call) -> None:
    walk.to_connected()
    assert (
        call("POST", "/connections", json={"kind": "duckdb", "description": "W", "path": "w.duckdb"}).status_code == 201
    )
    values = {"description": "X", "source": "Sales EMEA", "destination": "W", "dataset": "crm",
              "objects": [{"name": "Account", "fields": ["Name"]}]}  # fmt: skip
    made = call("POST", "/extractions", json=values)
    assert made.status_code == 201, made.text
    path = f"/extractions/{made.get_json()['id']}"
    changed = call("PATCH", path, json={"schedule": "every 15 minutes"}).get_json()
    assert changed["schedule"] == "every 15 minutes"
    assert changed["objects"] == [{"name": "Account", "fields": ["Name"]}]
    assert (made.get_json()["warnings"], changed["warnings"]) == ([], [])
    walk.practice.fault("query", status=503, body="<html>busy</html>")
    filtered = call("PATCH", path, json={"objects": [{"name": "Account", "filter": "Industry = 'x'"}]})
    assert filtered.status_code == 200
    assert ["wasn’t tried. The next run tries it." in each for each in filtered.get_json()["warnings"]] == [True]
    started = call("POST", f"{path}/runs")
    assert started.status_code == 202
    run = started.get_json()
    assert (run["state"], run["started_by"]) == ("queued", "editor@example.com")
    assert call("POST", f"{path}/runs").status_code == 409
    assert call("GET", f"{path}/runs/{run['id']}").get_json()["objects"][0]["name"] == "Account"
    assert call("POST", f"{path}/runs/{run['id']}/cancel").get_json()["state"] == "cancelled"
    assert [each["id"] for each in call("GET", f"{path}/runs").get_json()["items"]] == [run["id"]]
    assert call("GET", "/extractions").get_json()["items"][0]["last_run"]["state"] == "cancelled"
    assert call("DELETE", path).status_code == 204


def test_the_role_decides(app: Flask, token_of: Callable[[str], str]) -> None:
    client = app.test_client()
    viewer = {"Authorization": f"Bearer {token_of('viewer')}"}
    assert client.get("/api/v1/connections", headers=viewer).status_code == 200
    assert client.post("/api/v1/connections", headers=viewer, json={}).status_code == 403
    for bad in (
        {},
        {"Authorization": "Bearer dsp_made-up"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer"},
    ):
        answer = client.get("/api/v1/connections", headers=bad)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.get_json()["code"] == 401
    assert Visitor(app).get("/api/v1/nothing").get_json()["code"] == 404


def test_a_removed_person_s_token_is_refused(app: Flask, token_of: Callable[[str], str], visitor: Visitor) -> None:
    token = token_of("editor")
    with app.app_context():
        people.remove(db.session.query(User).filter_by(email="editor@example.com").one().id)
        assert db.session.query(User).filter_by(email=EMAIL).one()
        db.session.remove()
    headers = {"Authorization": f"Bearer {token}"}
    assert app.test_client().get("/api/v1/connections", headers=headers).status_code == 401


@pytest.mark.slow
def test_it_is_as_its_description_says(app: Flask, token_of: Callable[[str], str]) -> None:
    """Whatever is sent, right or wrong: no 500, and no answer that isn't described."""
    headers = {"Authorization": f"Bearer {token_of('admin')}"}
    operations = [
        found.ok() for found in schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app).get_all_operations()
    ]
    assert len(operations) == 15
    for operation in operations:

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            # What the forms refuse beyond JSON's types is refused with words, in 422.
            case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

        check()
