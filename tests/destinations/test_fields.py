"""A destination's form shows each setting of its kind, on its own page and in the setup of an extraction."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from datasync_flask.connections.settings import Setting
from datasync_flask.destinations.registry import DESTINATIONS
from datasync_flask.destinations.settings import SETTINGS
from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor


def labelled(visitor: Visitor, prefix: str = "") -> list[str]:
    """The names of the fields that have a label, in the order of the page."""
    ids = visitor.page.xpath("//label/@for")
    return [name.removeprefix(prefix) for name in visitor.page.xpath("//*[@name]/@name[../@id]") if name in ids]


@pytest.fixture
def setup_page(walk: ConnectionWalk) -> str:
    walk.to_connected()
    begun = walk.visitor.post("/extractions/setup", {"source": walk.id}).headers["Location"].removesuffix("/objects")
    walk.visitor.post(f"{begun}/objects", {"objects": "Account", "do": "continue"})
    return f"{begun}/destination"


@pytest.mark.parametrize("kind", DESTINATIONS)
def test_each_setting_is_a_field_in_the_order_of_its_kind(walk: ConnectionWalk, setup_page: str, kind: str) -> None:
    wanted = list(DESTINATIONS[kind].fields)
    walk.visitor.get(f"/connections/new/{kind}")
    assert [name for name in labelled(walk.visitor) if name in wanted] == wanted
    walk.visitor.post(setup_page, {"destination": "new", "new-kind": kind, "do": "show"})
    walk.visitor.get(setup_page)
    # Its schema is suggested to extractions: the one being set up asks for its own.
    wanted = sorted(set(wanted) - {"schema"})
    assert sorted(name for name in labelled(walk.visitor, "new-") if name in wanted) == wanted
    labels = [label.text_content().strip() for label in walk.visitor.page.xpath("//main//label")]
    assert labels.count("Schema") <= 1


def test_a_setting_that_is_declared_is_shown_and_kept(
    walk: ConnectionWalk, setup_page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "team", Setting("Team", "team", hint="Who owns it."))
    monkeypatch.setitem(DESTINATIONS, "duckdb", replace(DESTINATIONS["duckdb"], fields=("path", "team")))
    visitor = walk.visitor
    for page in ("/connections/new/duckdb", setup_page):
        visitor.get(page)
        assert "Who owns it." in visitor.text
    made = visitor.post("/connections/new/duckdb", {"description": "Lake", "path": "lake.duckdb", "team": "Finance"})
    visitor.get(f"{made.headers['Location']}/edit")
    assert visitor.page.xpath("//input[@name='team']/@value") == ["Finance"]


@pytest.mark.parametrize(("kind", "secret"), [("postgresql", "password"), ("object_storage", "secret key")])
def test_the_form_says_what_leaving_the_secret_empty_does(walk: ConnectionWalk, kind: str, secret: str) -> None:
    visitor = walk.visitor
    visitor.get(f"/connections/new/{kind}")
    assert "It is stored encrypted and never shown again." in visitor.text
    visitor.post(f"/connections/new/{kind}", {"description": "", "password": "open sesame"})
    assert re.search(rf"The {secret} you typed is kept\. Leave this empty to use it\.", visitor.text)
    assert "open sesame" not in visitor.text
