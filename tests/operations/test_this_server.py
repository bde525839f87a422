"""The page about the server, for administrators: what runs here, and no secret."""

from __future__ import annotations

from typing import Any

from flask import Flask

from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.heartbeats import WorkerHeartbeat
from tests.support.visitor import Visitor


def test_it_says_what_runs_here(app: Flask, visitor: Visitor) -> None:
    with app.app_context():
        now = utcnow()
        db.session.add(WorkerHeartbeat(id="host-a:4711:abcdef01", started_at=now, seen_at=now))
        db.session.commit()
    assert visitor.get("/settings/server").status_code == 200
    assert "host-a, 4711" in visitor.text
    assert "abcdef01" not in visitor.text
    settings = app.config["SETTINGS"]
    assert settings.callback_url in visitor.text
    assert visitor.page.xpath("//dt[text()='Single sign-on']/following-sibling::dd")[0].text == "Not set up"
    assert "every value can be used" in visitor.text
    for secret in (*settings.encryption_keys, settings.secret_key):
        assert not secret or secret not in visitor.response.text
    tabs = visitor.page.xpath("//nav[@aria-label='Settings']/a")
    assert [tab.text for tab in tabs] == ["People", "Notifications", "Audit log", "This server"]
    for tab in tabs:
        visitor.get(tab.get("href"))
        assert visitor.page.xpath("//nav[@aria-label='Settings']/a[@aria-current]")[0].text == tab.text


def test_it_is_for_administrators(sign_in: Any) -> None:
    assert sign_in("editor").get("/settings/server").status_code == 403


def test_its_checks_speak_the_language_of_the_page(visitor: Visitor) -> None:
    visitor.get("/settings/server", headers={"Accept-Language": "de"})
    table = visitor.page.xpath("//section[@aria-labelledby='checks']//table")[0].text_content()
    assert "alle Werte sind brauchbar" in table
    assert "keiner kürzlich gesehen" in table
    assert "Datenordner" in table
