"""The documented shapes of other tools' files, written for these tests; SECRET stands in all that must not be kept."""

from __future__ import annotations

from pathlib import Path

from datasync_flask.moving_in.formats import understand
from datasync_flask.moving_in.found import Found, Verdict
from datasync_flask.moving_in.reading import Document

FILES = Path(__file__).parent / "files"
NAMES = sorted(path.name for path in FILES.iterdir())


def document(name: str) -> Document:
    return Document((FILES / name).read_text(), name)


def found_in(text: str, filename: str = "") -> Found:
    return understand(Document(text, filename))[1]


def texts(found: Found, verdict: Verdict) -> dict[str, str]:
    """The remarks with a verdict by what they are about, those of the same thing joined."""
    by_topic: dict[str, str] = {}
    for each in found.remarks:
        if each.verdict == verdict:
            by_topic[each.about] = f"{by_topic.get(each.about, '')} {each.text}".strip()
    return by_topic
