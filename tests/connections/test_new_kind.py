"""The kind of destination that CONTRIBUTING shows, registered here and led through form, list, API and a run."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from datasync_flask.accounts.models import User
from datasync_flask.accounts.people import make_token
from datasync_flask.connections.kinds import KINDS
from datasync_flask.destinations import kind
from datasync_flask.destinations.registry import DESTINATIONS
from datasync_flask.extensions import db
from tests.support.connection import ConnectionWalk
from tests.support.extraction import Extracting

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"

LINE = """
from datasync_flask.destinations.registry import DESTINATIONS
from json_lines import KIND
DESTINATIONS[KIND.key] = KIND
"""


@pytest.fixture
def json_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Before the app is made, as if the registry had one line more; checks read it in processes of their own."""
    section = CONTRIBUTING.read_text(encoding="utf-8").partition("## Add a kind of connection")[2]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert code
    folder = tmp_path / "example"
    folder.mkdir()
    (folder / "json_lines.py").write_text(code[1], encoding="utf-8")
    (folder / "sitecustomize.py").write_text(LINE, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(folder)
    kind.add(replace(importlib.import_module("json_lines").KIND, icon="kinds/parquet.svg"))
    yield "jsonl"
    del DESTINATIONS["jsonl"], KINDS["jsonl"], sys.modules["json_lines"]


@pytest.fixture
def extracting(json_lines: str, walk: ConnectionWalk, tmp_path: Path) -> Extracting:
    assert json_lines in KINDS
    walk.to_connected()
    return Extracting(walk, tmp_path)


def test_a_new_kind_is_one_file_and_one_line(extracting: Extracting, people: dict[str, int]) -> None:
    visitor = extracting.walk.visitor
    visitor.get("/connections/new")
    assert "A folder with a text file per table" in visitor.text
    assert visitor.get("/connections/new/jsonl").status_code == 200
    visitor.post("/connections/new/jsonl", {"description": "Lines", "path": "../out"})
    assert "inside the data folder" in visitor.text
    destination = extracting.make_destination("jsonl", {"path": "lines"})
    for path in ("/connections?kind=jsonl", f"/connections/{destination}", f"/connections/{destination}/edit"):
        visitor.get(path)
        assert "JSON Lines" in visitor.text or path.endswith("/edit")
    visitor.get("/connections?kind=jsonl&group=kind")
    assert visitor.page.xpath("//tr[@class='group']/th/text()") == ["JSON Lines"]

    with extracting.app.app_context():
        token = make_token(db.session.get_one(User, people["editor"]), "test", 1)
        db.session.remove()
    call = {"headers": {"Authorization": f"Bearer {token}"}, "base_url": "http://127.0.0.1:5000"}
    client = extracting.app.test_client()
    shown = client.get(f"/api/v1/connections/{destination}", **call).get_json()
    assert (shown["kind"], shown["path"], shown["state"]) == ("jsonl", "lines", "connected")
    made = client.post("/api/v1/connections", json={"kind": "jsonl", "description": "More", "path": "more"}, **call)
    assert made.status_code == 201, made.text
    assert client.post(f"/api/v1/connections/{made.get_json()['id']}/check", **call).status_code == 202
    assert client.delete(f"/api/v1/connections/{made.get_json()['id']}", **call).status_code == 204

    extracting.org.do("Account", "generate", count=5)
    extracting.make(["Account"], destination)
    extracting.done()
    extracting.assert_same("Account", ("Name", "Industry"))
    extracting.org.do("Account", "update", ids=extracting.org.ids("Account")[:1], values={"Name": "Changed"})
    extracting.done()
    extracting.assert_same("Account", ("Name", "Industry"))
