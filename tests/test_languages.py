"""Languages: what the browser asks for, what somebody chose, and that every text is translated."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from flask import Flask

from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor
from tools import translations

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def german() -> Catalog:
    return translations.merged("de")


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)s|\{\d\}|</?\w+|https?://[^\s<]+", text))


def pairs(message: Message) -> list[tuple[str, str]]:
    ids = message.id if isinstance(message.id, tuple) else (message.id,)
    strings = message.string if isinstance(message.string, tuple) else (message.string,)
    return list(zip(ids, strings, strict=True))


def test_every_text_is_translated_with_its_placeholders(german: Catalog) -> None:
    assert translations.untranslated(german) == []
    for message in filter(lambda message: message.id, german):
        for original, translation in pairs(message):
            assert placeholders(original) == placeholders(translation), original


def test_the_catalogue_is_what_the_tool_makes(german: Catalog) -> None:
    folder = translations.FOLDER / "de" / "LC_MESSAGES"
    assert (folder / "messages.po").read_bytes() == translations.as_po(german), "run: make translations"
    assert (folder / "messages.mo").read_bytes() == translations.as_mo(german), "run: make translations"


def test_no_text_is_translated_inside_an_f_string() -> None:
    # Before Python 3.12 they hide what is in them, so the text would be found by some versions only.
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in (ROOT / "datasync_flask").rglob("*.py")
        for text in ast.walk(ast.parse(path.read_text()))
        if isinstance(text, ast.JoinedStr)
        for call in ast.walk(text)
        if isinstance(call, ast.Call) and "gettext" in ast.unparse(call.func)
    ]
    assert found == []


def test_the_browser_is_listened_to(app: Flask, people: dict[str, int]) -> None:
    stranger = Visitor(app)
    stranger.get("/login", headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"})
    assert stranger.page.get("lang") == "de"
    assert "Anmelden" in stranger.text
    for header in ("fr,it", "", "x" * 5000, "de;q=nonsense,;;;"):
        stranger.get("/login", headers={"Accept-Language": header})
        assert stranger.page.get("lang") in {"en", "de"}


def test_a_choice_lasts(sign_in: Callable[..., Visitor]) -> None:
    visitor = sign_in()
    assert visitor.post("/language", {"language": "de", "next": "/connections?q=x"}).status_code == 303
    assert visitor.response.headers["Location"] == "/connections?q=x"
    visitor.follow()
    assert visitor.page.get("lang") == "de"
    another = sign_in()
    another.get("/connections")
    assert "Verbindungen" in another.text
    another.post("/language", {"language": "klingon", "next": "//evil.example"})
    assert another.response.headers["Location"] == "/"
    another.get("/connections")
    assert another.page.get("lang") == "de"


def test_before_sign_in_too(app: Flask, people: dict[str, int]) -> None:
    stranger = Visitor(app)
    stranger.get("/login")
    stranger.post("/language", {"language": "de", "next": "/login"})
    stranger.follow()
    assert stranger.post("/login", {"email": "nobody", "password": "x"}).status_code == 422
    assert "Die E-Mail-Adresse oder das Passwort ist falsch." in stranger.text


def test_the_whole_way_in_german(walk: ConnectionWalk) -> None:
    walk.visitor.post("/language", {"language": "de"})
    walk.visitor.post("/connections/new/salesforce", walk.fields(description=""))
    assert "Geben Sie der Verbindung eine Beschreibung" in walk.visitor.error_at("description")
    walk.visitor.post("/connections/new/salesforce", walk.fields(login_url="evil.example"))
    assert "evil.example ist keine von Salesforces eigenen Adressen" in walk.visitor.error_at("login_url")
    walk.to_ready()
    walk.allow("deny")
    assert walk.reason == "denied"
    assert "Zugriff wurde verweigert" in walk.visitor.text
    assert "Prüft jetzt, ob Salesforce die App kennt" in walk.visitor.text
    walk.visitor.get("/nothing")
    assert "Seite nicht gefunden" in walk.visitor.text
