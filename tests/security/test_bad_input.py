"""Hostile values in every field, parameter, header, cookie and answer of Salesforce: no 500, nothing unescaped."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from datasync_flask.accounts import guessing
from datasync_flask.extensions import db
from datasync_flask.salesforce_connections.health_check import check_now
from datasync_flask.salesforce_connections.models import SalesforceConnection
from tests.conftest import EMAIL
from tests.support.connection import ConnectionWalk
from tests.support.extraction import Extracting
from tests.support.hostile import PICKED, generated
from tests.support.visitor import Visitor

pytestmark = pytest.mark.slow

VALUES = (*PICKED, *generated(90, seed=20261124))


@pytest.fixture
def database_url(tmp_path: Path, _sqlite_template: Path) -> str:
    """One kind of database is enough for what is refused before it comes there; PostgreSQL has NUL tests of its own."""
    path = tmp_path / "datasync.sqlite"
    path.write_bytes(_sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture(autouse=True)
def _no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand tries are what the limits are against."""
    monkeypatch.setattr(guessing, "PER_ACCOUNT", 1_000_000)
    monkeypatch.setattr(guessing, "PER_NETWORK", 1_000_000)


def hold(answer: TestResponse, value: str, where: str) -> None:
    """Fail when an answer isn't what a bad value has to get."""
    assert answer.status_code < 500, (where, value)
    assert answer.headers.get("Set-Cookie", "").count("x=y") == 0
    location = answer.headers.get("Location", "/")
    assert location.startswith(("/", "http://127.0.0.1")), (where, value, location)
    assert not location.startswith(("//", "/\\")), (where, value)
    if answer.mimetype == "text/html" and html.escape(value) != value and len(value) > 3:
        # Five signs are written otherwise in HTML: as they are they may stand nowhere.
        assert not ("<" in value and value in answer.text), (where, value)


def forms(walk: ConnectionWalk, extraction_id: str) -> dict[str, tuple[str, ...]]:
    connection = f"/connections/{walk.id}"
    walk.visitor.get(connection)
    draft = walk.visitor.post("/extractions/setup", {"source": walk.id}).headers["Location"].removesuffix("/objects")
    server = ("description", "host", "port", "database", "username", "password", "schema", "label_names")
    file = ("description", "path", "label_names")
    of_salesforce = ("description", "login_host", "login_url", "auth_method", "client_id", "client_secret",
                     "username", "permission_level", "tracking_type", "label_names", "kept_secret", "edited")  # fmt: skip
    of_extraction = ("description", "source", "destination", "dataset", "objects", "schedule", "timezone",
                     "quota_ceiling", "reread_days", "formula_rhythm", "filter-Account")  # fmt: skip
    return {
        "/connections/new/salesforce": of_salesforce,
        f"{connection}/edit": of_salesforce,
        f"{connection}/authenticate": ("description", "login_url", "then"),
        f"{connection}/delete": ("description", "your_password"),
        "/connections/new/duckdb": file,
        "/connections/new/sqlite": file,
        "/connections/new/parquet": file,
        "/connections/new/postgresql": (*server, "kept_password"),
        "/connections/new/mysql": server,
        "/connections/new/object_storage": (
            "description",
            "bucket",
            "prefix",
            "endpoint",
            "region",
            "access_key",
            "table_format",
            "password",
            "kept_password",
            "label_names",
        ),
        "/extractions/new": of_extraction,
        f"/extractions/{extraction_id}/edit": ("description", "dataset", "objects", "schedule", "timezone", "edited"),
        f"/extractions/{extraction_id}/objects/Account": ("which", "treatment-Name", "cursor"),
        "/extractions/setup": ("source",),
        f"{draft}/objects": ("q", "show", "all", "at_q", "at_show", "at_all", "at_read", "objects", "remove"),
        f"{draft}/objects/Account": ("tracking_type", "which", "treatment-Name", "cursor", "deleted"),
        f"{draft}/alike": ("tracking_type", "deleted", "history", "which"),
        f"{draft}/destination": (
            "destination",
            "new-kind",
            "new-path",
            "new-description",
            "dataset",
            "repeat",
            "every_minutes",
            "every_hours",
            "at_minute",
            "at_time",
            "on_days",
            "schedule",
            "timezone",
            "quota_ceiling",
            "reread_days",
            "formula_rhythm",
            "usual_dataset",
        ),
        f"{draft}/review": ("description",),
        "/connections/import": ("text", "filename", "source", "destination", "seen", "then"),
        "/people/invite": ("email", "role"),
        "/account/password": ("present", "password"),
        "/account/tokens": ("name", "days"),
        "/notices": ("kind", "target", "description"),
        "/language": ("language", "next"),
    }


def test_every_field_of_every_form(walk: ConnectionWalk, tmp_path: Path) -> None:
    walk.to_connected()
    extracting = Extracting(walk, tmp_path)
    extracting.make(["Account"], extracting.make_destination("duckdb", {"path": "w.duckdb"}))
    visitor, tried = walk.visitor, 0
    before = saved(walk.app)
    for path, fields in forms(walk, extracting.id).items():
        # What asks Salesforce or a server for each try gets fewer of them.
        some = VALUES[::8] if "/objects/" in path or path.endswith(("postgresql", "mysql", "/edit")) else VALUES
        visitor.get("/connections")
        token = visitor.page.xpath("//input[@name='csrf_token']/@value")[0]
        for value in some:
            data = dict.fromkeys(fields, value) | {"csrf_token": token}
            answer = visitor.client.post(path, data=data, base_url=visitor.address, buffered=True)
            hold(answer, value, path)
            # Let in, and looked at: neither signed out nor taken for a stranger's form.
            assert answer.status_code in ({200, 303, 413, 422, 429} | ({400} if "\x00" in value else set())), (
                path,
                value,
            )
            tried += len(fields)
    assert tried > 9_000
    after = saved(walk.app)
    # The edit form takes a description that can be shown; what tells where secrets go took no hostile value.
    assert {row[1:] for row in after if row[0] == walk.id} == {row[1:] for row in before if row[0] == walk.id}
    for _, origin, client_id in after:
        assert origin.startswith(("https://login.salesforce.com", "https://test.salesforce.com", walk.practice.origin))
        assert client_id.isprintable()


def saved(app: Flask) -> list[tuple[str, str, str]]:
    with app.app_context():
        rows = [(row.id, row.login_origin, row.client_id) for row in db.session.query(SalesforceConnection)]
        db.session.rollback()
        return rows


def test_quick_edits(walk: ConnectionWalk) -> None:
    walk.save(client_id="")
    walk.visitor.get("/connections")
    token = walk.visitor.page.xpath("//input[@name='csrf_token']/@value")[0]
    for value in VALUES:
        for field in ("description", "tracking_type"):
            answer = walk.visitor.client.patch(
                f"/connections/{walk.id}", data={field: value, "was": value, "csrf_token": token},
                base_url=walk.visitor.address, buffered=True,
            )  # fmt: skip
            hold(answer, value, field)


def test_files_and_json_in_place_of_text(walk: ConnectionWalk) -> None:
    walk.save(client_id="")
    token = {"csrf_token": walk.visitor.csrf_token}
    for method, path, field in (
        ("PATCH", f"/connections/{walk.id}", "description"),
        ("POST", "/connections/new/salesforce", "client_secret"),
        ("POST", "/connections/new/duckdb", "path"),
        ("POST", "/extractions/new", "dataset"),
        ("POST", "/account/tokens", "name"),
        ("POST", "/account/password", "password"),
        ("POST", "/login", "email"),
    ):
        as_file = walk.visitor.open(path, method=method, data={**token, field: (io.BytesIO(b"x"), "x.txt")})
        assert as_file.status_code in {200, 422}, path
        for body in ([1], {field: {"a": 1}}):
            header = {"X-CSRFToken": token["csrf_token"]}
            answer = walk.visitor.open(path, method=method, json=body, headers=header)
            assert answer.status_code in {200, 422}, (path, body)


def test_every_parameter_of_an_address(walk: ConnectionWalk, tmp_path: Path) -> None:
    walk.to_connected()
    names = {
        "/connections": ("q", "kind", "state", "label", "group", "sort", "page"),
        f"/connections/{walk.id}/objects": ("q", "name"),
        f"/connections/{walk.id}/row": ("edit",),
        "/extractions/new": ("source",),
        "/help": ("q",),
        "/help/errors": ("connection", "q"),
        "/audit": ("event", "who", "about", "before"),
        "/audit.csv": ("event", "who", "about"),
        "/login": ("next",),
        "/setup": ("token",),
        "/oauth/salesforce/callback": ("state", "code", "error", "error_description"),
    }
    for path, parameters in names.items():
        for value in VALUES[::2]:
            answer = walk.visitor.client.get(
                path, query_string=dict.fromkeys(parameters, value), base_url=walk.visitor.address, buffered=True
            )
            hold(answer, value, path)


def test_every_part_of_a_path(visitor: Visitor) -> None:
    for value in VALUES:
        for path in ("/connections/{}", "/extractions/{}", "/join/{}", "/hand-off/{}", "/help/{}", "/static/{}",
                     "/connections/new/{}", "/api/v1/connections/{}"):  # fmt: skip
            hold(visitor.client.get(path.replace("{}", value.replace("\r", "").replace("\n", "") or "x"),
                                    base_url=visitor.address, buffered=True), value, path)  # fmt: skip


def test_headers_and_cookies(app: Flask, sign_in: Callable[..., Visitor]) -> None:
    names = ("Accept-Language", "User-Agent", "X-Request-ID", "HX-Request", "HX-PTag", "If-None-Match", "Cookie",
             "Authorization", "Accept-Encoding", "Content-Type", "X-Forwarded-For", "Origin", "Referer")  # fmt: skip
    visitor = sign_in("viewer")
    for value in VALUES:
        text = value.encode("latin-1", "ignore").decode("latin-1").replace("\r", " ").replace("\n", " ")
        headers = dict.fromkeys(names, text)
        for path in ("/connections", "/login", "/api/v1/connections"):
            client = app.test_client() if path != "/connections" else visitor.client
            hold(client.get(path, headers=headers, base_url=visitor.address, buffered=True), value, path)


def test_sign_in_and_the_hand_off(walk: ConnectionWalk, app: Flask) -> None:
    walk.save(client_id="", client_secret="")
    walk.visitor.get(f"/connections/{walk.id}/hand-off")
    walk.visitor.post(f"/connections/{walk.id}/hand-off", {})
    link = walk.visitor.page.xpath("//div[@class='aside']//@data-copy")[0].removeprefix(walk.visitor.address)
    stranger = Visitor(app)
    stranger.get("/login")
    token = stranger.page.xpath("//input[@name='csrf_token']/@value")[0]
    for value in VALUES[::3]:
        for path, fields in (("/login", ("email", "password", "next")), (link, ("client_id", "client_secret"))):
            data = dict.fromkeys(fields, value) | {"csrf_token": token}
            hold(stranger.client.post(path, data=data, base_url=stranger.address, buffered=True), value, path)
    assert stranger.get("/connections").status_code == 302
    walk.visitor.get("/audit?event=sign_in_failed")
    assert EMAIL not in walk.visitor.page.xpath("string(//table/tbody/tr[1]/td[1])")


@pytest.mark.parametrize("kind", ["body", "json"])
def test_whatever_salesforce_answers(walk: ConnectionWalk, kind: str) -> None:
    walk.to_connected()
    for number, value in enumerate(VALUES[::6]):
        body: Any = (
            value if kind == "body" else json.dumps({"error": value, "message": value, "Name": value, "id": value})
        )
        status = (200, 400, 401, 403, 404, 500, 503, 302)[number % 8]
        headers = {"Content-Type": ("application/json", "text/html; charset=utf-99", "text/csv")[number % 3]}
        walk.practice.fault("api", status=status, body=body, headers=headers, times=6)
        walk.practice.fault("token", status=status, body=body, headers=headers, times=3)
        with walk.app.app_context():
            check_now(walk.id)
            db.session.remove()
        walk.practice.clear_faults()
        answer = walk.visitor.client.get(f"/connections/{walk.id}", base_url=walk.visitor.address, buffered=True)
        hold(answer, value, f"{status} {kind}")
