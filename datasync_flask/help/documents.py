"""The documentation of the installed version: its pages as HTML, and a search."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from flask_babel import lazy_gettext as _l
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin

from datasync_flask.installed_files import resource_dir

# In the order in which a newcomer reads them.
GROUPS = (
    (_l("Get started"), ("using", "moving-in")),
    (_l("Connect Salesforce"), ("connections",)),
    (_l("Load data"), ("extractions", "destinations")),
    (_l("Fix a problem"), ()),
    (_l("Run a server"), ("people", "operations", "security", "settings")),
    (_l("Reference"), ("api", "commands", "addresses", "practice-org")),
)
ORDER = tuple(name for _, names in GROUPS for name in names)
# The most common questions, and where to find their answers.
QUESTIONS = (
    (_l("How long does Salesforce take to recognise a new app?"), "connections", "how-datasync-waits"),
    (_l("What does each tracking type load?"), "extractions", "choose-a-tracking-type"),
    (_l("A connection needs attention. What can I do?"), "connections", "fix-a-problem"),
)
_MAX_HITS = 20
_EXCERPT = 160


@dataclass(frozen=True)
class Section:
    """The text under one heading; `anchor` is the heading's id."""

    document: str
    title: str
    heading: str
    anchor: str
    text: str

    def excerpt(self, words: list[str]) -> str:
        """The text around the first of the words."""
        positions = [self.text.lower().find(word) for word in words]
        start = max(min((position for position in positions if position >= 0), default=0) - _EXCERPT // 3, 0)
        piece = self.text[start : start + _EXCERPT].strip()
        return ("…" if start else "") + piece + ("…" if start + _EXCERPT < len(self.text) else "")


@dataclass(frozen=True)
class Document:
    """One page of the documentation."""

    name: str
    title: str
    html: str
    sections: tuple[Section, ...]


def _parser() -> MarkdownIt:
    # Markdown only, no raw HTML. Quotes and apostrophes are straight in the files, and typographic as on all pages.
    options = {"html": False, "typographer": True}
    return MarkdownIt("commonmark", options).enable(["table", "smartquotes"]).use(anchors_plugin, max_level=3)


@cache
def documents() -> dict[str, Document]:
    """All pages by name, in reading order."""
    folder = resource_dir("docs")
    return {name: _read(name, (folder / f"{name}.md").read_text(encoding="utf-8")) for name in ORDER}


def _read(name: str, text: str) -> Document:
    parser = _parser()
    tokens = parser.parse(text)
    for token in tokens:
        _lead_links_to_pages(token)
    sections = list(_sections(name, tokens))
    html = parser.renderer.render(tokens, parser.options, {})
    return Document(name, sections[0].title, html, tuple(sections))


def _lead_links_to_pages(token: Token) -> None:
    # Relative links, because the pages are side by side, whatever path they are below.
    for child in token.children or ():
        target = child.attrs.get("href")
        if child.type == "link_open" and isinstance(target, str):
            child.attrs["href"] = re.sub(r"^([a-z-]+)\.md", r"\1", target)


def _sections(name: str, tokens: list[Token]) -> list[Section]:
    title, found = "", []
    heading, anchor, parts = "", "", list[str]()
    for position, token in enumerate(tokens):
        if token.type == "heading_open":
            if heading:
                found.append(Section(name, title, heading, anchor, " ".join(parts)))
            heading = _plain(tokens[position + 1])
            title = title or heading
            anchor, parts = str(token.attrs.get("id", "")), []
        elif token.type in {"inline", "fence", "code_block"} and tokens[position - 1].type != "heading_open":
            parts.append(_plain(token))
    found.append(Section(name, title, heading, anchor, " ".join(parts)))
    return found


def _plain(token: Token) -> str:
    texts = [child.content for child in token.children or () if child.type in {"text", "code_inline", "softbreak"}]
    return " ".join("".join(part or " " for part in texts).split()) if token.children else token.content


def search(query: str) -> list[tuple[Section, str]]:
    """The sections with all words of `query`, those with a word in the heading first, with an excerpt."""
    words = query.lower().replace("'", "’").split()[:10]
    if not words:
        return []
    hits = []
    for document in documents().values():
        for section in document.sections:
            heading, text = section.heading.lower(), section.text.lower()
            if all(word in heading or word in text for word in words):
                weight = sum(10 * (word in heading) + text.count(word) for word in words)
                hits.append((-weight, section))
    hits.sort(key=lambda hit: hit[0])
    return [(section, section.excerpt(words)) for _, section in hits[:_MAX_HITS]]
