"""The project's words: terms that CONTRIBUTING replaced don't come back, in code, documentation or on pages."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Written apart, so that this file isn't one that has them.
GONE = [
    word.replace("-", "")
    for word in ("me-nd", "me-nds", "me-nded", "an-ew", "ta-ke out", "ta-ken out", "be-at", "he-ar of")
]
PATTERN = re.compile(rf"\b({'|'.join(GONE)})\b", re.IGNORECASE)
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


def test_pages_have_none_of_the_old_texts() -> None:
    catalogue = (ROOT / "datasync_flask/translations/de/LC_MESSAGES/messages.po").read_text()
    texts = re.findall(r'^msgid "((?:[^"\\]|\\.)*)"', catalogue, re.M)
    assert len(texts) > 500
    for old in (
        "Go on waiting", "Last look", "Next look", "Edit the settings", "You may not do this", "There is nothing here",
        "Take me to Salesforce when it is ready", "Kind of org", "Granted scopes",
    ):  # fmt: skip
        assert old not in texts
