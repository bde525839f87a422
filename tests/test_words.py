"""The project's words: terms that CONTRIBUTING replaced don't come back, in code, documentation or on pages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Written apart, so that this file isn't one that has them.
GONE = [
    word.replace("-", "")
    for word in ("me-nd", "me-nds", "me-nded", "an-ew", "ta-ke out", "ta-ken out", "be-at", "he-ar of")
]
PATTERN = re.compile(rf"\b({'|'.join(GONE)})\b", re.IGNORECASE)
# Parts of names in code, and the terms that stand for them now.
REPLACED = {
    **dict.fromkeys(("watch", "watcher", "watched"), "propagation"),
    **dict.fromkeys(("look", "looks", "looked"), "probe"),
    **dict.fromkeys(("way", "ways"), "channel"),
    "holder": "lease",
    "glance": "summary",
    "words": "text",
    "keeper": "store",
    **dict.fromkeys(GONE[:3], "fix"),
    GONE[3]: "again",
    GONE[6]: "heartbeat",
}
# Where they are plain English.
INNOCENT = {"looks_like_sandbox", "TABLE_IN_THE_WAY", "words"}
FOLDERS = ("datasync_flask", "templates", "static/js", "docs", "tests", "tools", "deploy", "migrations")
SUFFIXES = {".py", ".html", ".js", ".md"}


def files() -> list[Path]:
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.suffix in SUFFIXES]
    return [*found, *ROOT.glob("*.md"), ROOT / "Makefile"]


def test_no_word_comes_back() -> None:
    assert len(files()) > 400
    assert {
        str(path.relative_to(ROOT)): found for path in files() if (found := PATTERN.findall(path.read_text()))
    } == {}


def names() -> Iterator[tuple[str, str]]:
    """Yield each name that the code defines, tests aside, and its file."""
    for path in files():
        if path.suffix != ".py" or not path.is_relative_to(ROOT / "datasync_flask"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                    yield name, path.name
                case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                    yield name, path.name


def test_names_are_the_vocabularys() -> None:
    found = {
        (name, where): REPLACED[part]
        for name, where in names()
        if name not in INNOCENT
        for part in re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower().split("_")
        if part in REPLACED
    }
    assert found == {}, "the term to use stands beside each"


def test_pages_have_none_of_the_old_texts() -> None:
    catalogue = (ROOT / "datasync_flask/translations/de/LC_MESSAGES/messages.po").read_text()
    texts = re.findall(r'^msgid "((?:[^"\\]|\\.)*)"', catalogue, re.M)
    assert len(texts) > 500
    for old in (
        "Go on waiting", "Last look", "Next look", "Edit the settings", "You may not do this", "There is nothing here",
        "Take me to Salesforce when it is ready", "Kind of org", "Granted scopes",
    ):  # fmt: skip
        assert old not in texts
