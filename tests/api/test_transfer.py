"""Connections and extractions as YAML: out without secrets, in by the same rules as the pages."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from flask import Flask

from datasync_flask.api.transfer import NotOurs, bring, export
from datasync_flask.extensions import db
from tests.support.connection import ConnectionWalk

SETTINGS: dict[str, Any] = {
    "datasync": 1,
    "connections": [
        {"kind": "salesforce", "description": "Sales", "client_id": "abc", "labels": ["emea", "live"]},
        {"kind": "duckdb", "description": "Warehouse", "path": "w.duckdb"},
        {"kind": "postgresql", "description": "Far away", "host": "nowhere.invalid", "database": "d", "username": "u"},
    ],
    "extractions": [
        {
            "description": "Sales to the warehouse", "source": "sales", "destination": "WAREHOUSE", "dataset": "crm",
            "schedule": "every 15 minutes", "objects": [
                {"name": "Account", "left_out": ["Phone", "Website"]},
                {"name": "Contact", "tracking_type": "date_deletes", "fields": ["Id", "Email"], "hashed": ["Email"], "filter": "IsActive = true",
                 "keeps_history": True, "marks_deleted": True, "cursor_field": "CreatedDate"},
            ],
        },
    ],
}  # fmt: skip


def brought(app: Flask, settings: Any) -> list[tuple[str, str, str]]:
    with app.app_context():
        found = [(each.what, each.description, each.errors) for each in bring(yaml.safe_dump(settings))]
        db.session.rollback()
        return found


def exported(app: Flask) -> dict[str, Any]:
    with app.app_context():
        found = yaml.safe_load(export())
        db.session.rollback()
        return dict(found)


def test_what_comes_in_goes_out_again(app: Flask) -> None:
    assert [what for what, _, _ in brought(app, SETTINGS)] == ["made"] * 4
    first = exported(app)
    account, contact = first["extractions"][0]["objects"]
    assert account == SETTINGS["extractions"][0]["objects"][0]
    assert contact == SETTINGS["extractions"][0]["objects"][1]
    assert [what for what, _, _ in brought(app, first)] == ["changed"] * 4
    assert exported(app) == first


def test_a_filter_that_nobody_could_try_is_named(app: Flask) -> None:
    with app.app_context():
        warned = {each.description: each.warnings for each in bring(yaml.safe_dump(SETTINGS)) if each.warnings}
        db.session.rollback()
    (text,) = warned.pop("Sales to the warehouse")
    assert text == "The connection isn’t connected yet. The filter of Contact wasn’t tried. The next run tries it."
    assert not warned


def test_no_secret_goes_out(walk: ConnectionWalk) -> None:
    walk.to_connected()
    with walk.app.app_context():
        text = export()
        db.session.rollback()
    assert walk.salesforce_app["client_secret"] not in text
    assert "secret:" not in text
    assert "token" not in text


def test_each_mistake_is_told_and_the_rest_is_saved(app: Flask) -> None:
    wrong: dict[str, Any] = {
        "datasync": 1,
        "connections": [
            {"kind": "salesforce", "description": ""},
            {"kind": "salesforce", "description": "Evil", "login_host": "custom", "login_url": "https://evil.example"},
            {"kind": "fax", "description": "Fax"},
            {"kind": "duckdb", "description": "Out", "path": "../out.duckdb"},
            {"kind": "duckdb", "description": "Odd", "path": "x.duckdb", "colour": "blue"},
            "nonsense",
            {"kind": "duckdb", "description": "Good", "path": "x.duckdb"},
        ],
        "extractions": [
            {"description": "X", "source": "nobody", "destination": "Good", "dataset": "crm", "objects": ["Account"]},
        ],
    }
    found = brought(app, wrong)
    assert [what for what, _, _ in found] == ["refused"] * 6 + ["made", "refused"]
    texts = [errors for _, _, errors in found]
    assert "Give the connection a description" in texts[0]
    assert "login_url" in texts[1]
    assert texts[2].startswith("kind: Choose one of:")
    assert "inside the data folder" in texts[3]
    assert texts[4] == "colour: There is no such setting here."
    assert texts[7] == "source: There is no connection with this description or id."


def test_half_a_character_can_be_printed(app: Flask) -> None:
    wrong = {"datasync": 1, "connections": ["\ud800", {"kind": "sqlite", "description": "a\ud800b", "\udc00": 1}]}
    with app.app_context():
        for each in bring(yaml.safe_dump(wrong)):
            assert f"{each.description}{each.errors}".encode()
        db.session.rollback()


def test_an_empty_part_brings_nothing(app: Flask) -> None:
    with app.app_context():
        assert not list(bring("datasync: 1\nconnections:\nextractions:\n"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: [",
        "- 1",
        "datasync: 2",
        "datasync: 1\nconnections: 5",
        "!!python/object:os.x",
        "datasync: 1\nconnections: [2026-13-45]",
        f"datasync: {'9' * 5000}",
        f"datasync: 1\nconnections: {'[' * 5000}",
    ],
)
def test_what_is_no_export(app: Flask, text: str) -> None:
    with app.app_context(), pytest.raises(NotOurs):
        list(bring(text))
