"""Commands about people, keys and connections: they say what the pages say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.fernet import Fernet

from datasync_flask import cli
from datasync_flask.config import Settings
from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DATASYNC_INSTANCE_DIR", str(settings.instance_dir))
    monkeypatch.setenv("DATASYNC_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("DATASYNC_SECRET_KEY", settings.secret_key)
    monkeypatch.setenv("DATASYNC_ENCRYPTION_KEYS", ",".join(settings.encryption_keys))
    monkeypatch.setenv("DATASYNC_SALESFORCE_HOSTS", ",".join(settings.salesforce_hosts))

    def run(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(cli.cli, arguments, input=typed)

    return run


def test_connections_are_listed_shown_and_checked(walk: ConnectionWalk, run: Any) -> None:
    walk.to_connected()
    listed = run("connection", "list", "--json")
    assert listed.exit_code == 0
    (shown,) = json.loads(listed.stdout)
    assert shown == json.loads(run("connection", "show", walk.id, "--json").stdout)
    expected = {
        "id": walk.id,
        "description": "Sales EMEA",
        "state": "connected",
        "reason": "",
        "user": "ada@practice.example",
        "org": "Practice Org",
        "sandbox": False,
        "api_version": "66.0",
        "scopes": ["api", "refresh_token"],
        "api_calls_max": 15000,
    }
    assert expected.items() <= shown.items()
    assert "Sales EMEA" in run("connection", "list").stdout
    assert "ada@practice.example" in run("connection", "show", "sales emea").stdout
    assert [each["verdict"] for each in shown["checks"]] == ["ok"] * 6 + ["unknown"]
    assert "check data_api   ok: A query was answered" in run("connection", "show", "sales emea").stdout

    asked = sum(walk.practice.requests().values())
    assert run("connection", "check", "Sales EMEA").exit_code == 0
    assert sum(walk.practice.requests().values()) > asked


def test_a_check_that_fails_says_why_and_what_to_do(walk: ConnectionWalk, run: Any) -> None:
    walk.to_connected()
    walk.practice.expire("refresh")
    answer = run("connection", "check", walk.id)
    assert answer.exit_code == 1
    assert "needs_attention" in answer.stdout
    assert "revoked" in answer.stdout
    assert "Authenticate again" in answer.stdout
    assert (walk.state, walk.reason) == ("needs_attention", "revoked")


def test_no_secret_is_printed(walk: ConnectionWalk, run: Any) -> None:
    walk.to_connected()
    printed = "".join(
        run("connection", *rest).output
        for rest in (("list", "--json"), ("show", walk.id, "--json"), ("check", walk.id))
    )
    for secret in (walk.salesforce_app["client_secret"], *walk.practice.tokens()):
        assert secret not in printed


@pytest.mark.parametrize("name", ["nobody", "Warehouse"])
def test_what_is_no_salesforce_connection(run: Any, visitor: Visitor, name: str) -> None:
    visitor.post("/connections/new/sqlite", {"description": "Warehouse", "path": "w.sqlite"})
    answer = run("connection", "show", name)
    assert answer.exit_code == 1
    assert f"There is no Salesforce connection with the description or id '{name}'." in answer.output


def test_an_export_that_has_no_place(run: Any, app: Any, tmp_path: Path) -> None:
    answer = run("connection", "export", "-o", str(tmp_path / "none" / "all.yaml"))
    assert answer.exit_code == 1
    assert "all.yaml can't be written: No such file or directory." in answer.output


def test_people(run: Any, app: Any) -> None:
    assert run("user", "add", "bob@example.com", "--role", "viewer", typed="long enough\nlong enough\n").exit_code == 0
    assert json.loads(run("user", "list", "--json").stdout) == [
        {"email": "bob@example.com", "role": "viewer", "last_sign_in_at": None}
    ]
    assert "bob@example.com  viewer" in run("user", "list").stdout
    assert run("user", "password", "bob@example.com", typed="another one here\nanother one here\n").exit_code == 0
    for arguments, text in (
        (("add", "bob@example.com"), "already an account"),
        (("add", "nonsense"), "Enter an email address"),
        (("password", "nobody@example.com"), "There is no account"),
    ):
        answer = run("user", *arguments, typed="long enough\nlong enough\n")
        assert answer.exit_code == 1
        assert text in answer.output


def test_keys(walk: ConnectionWalk, run: Any, monkeypatch: pytest.MonkeyPatch, encryption_key: str) -> None:
    walk.to_connected()
    new = run("keys", "generate").stdout.strip()
    Fernet(new)
    monkeypatch.setenv("DATASYNC_ENCRYPTION_KEYS", f"{new},{encryption_key}")
    assert "4 secrets are encrypted" in run("keys", "rotate").stdout
    monkeypatch.setenv("DATASYNC_ENCRYPTION_KEYS", new)
    assert run("connection", "check", walk.id).exit_code == 0
    monkeypatch.setenv("DATASYNC_ENCRYPTION_KEYS", Fernet.generate_key().decode())
    answer = run("keys", "rotate")
    assert answer.exit_code == 1
    assert "4 secrets can't be read" in answer.output


def test_a_new_hashing_key(walk: ConnectionWalk, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run("keys", "hashing").stdout.strip()
    assert (len(first), run("keys", "hashing").stdout.strip()) == (64, first)
    second = run("keys", "hashing", "--new").stdout.strip()
    assert len(second) == 64
    assert second != first
    assert run("keys", "hashing").stdout.strip() == second
    # One that can't be read any more is told, and replaced.
    monkeypatch.setenv("DATASYNC_ENCRYPTION_KEYS", Fernet.generate_key().decode())
    answer = run("keys", "hashing")
    assert answer.exit_code == 1
    assert "--new" in answer.output
    third = run("keys", "hashing", "--new").stdout.strip()
    assert run("keys", "hashing").stdout.strip() == third
    visitor = walk.visitor
    visitor.get("/audit")
    assert visitor.text.count("Created a new key for hashed fields") >= 2
