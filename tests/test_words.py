"""The project's words: terms that CONTRIBUTING replaced don't come back, in code, documentation or on pages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.pofile import read_po

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


# What texts of pages, mails and the documentation were, and are no longer: they speak of what the program does inside,
# turn sentences around, or call one thing by two names.
OLD_PHRASES = (
    "Needs somebody now", "no login host yet", "Search by description or address", "Any status", "Not grouped",
    "No connection matches", "A connection is a named way", "There are no connections yet", "What do you want to connect",
    "Ready to authenticate", "Salesforce learns about your app", "Tested with a real call", "nothing to see yet",
    "The first look is under way", "Last look", "Next look", "Check the Client ID once more", "Was the app made at",
    "we stop looking and tell you", "Take me to Salesforce when it is ready", "when something happens",
    "Go on waiting", "Edit the settings", "Send this to your Salesforce administrator", "Kind of org",
    "the user may not see the org’s limits", "Granted scopes", "Who did what, and from where", "Its name in the list",
    "A person allows access", "Salesforce calls it Consumer Key", "Save at any time, even before",
    "Hand over to somebody", "Hand over…", "Who may change Setup in Salesforce often", "To delete it, type its description",
    "The app in Salesforce stays as it is", "From and to", "An extraction brings chosen objects", "Show the objects of",
    "After saving, each chosen object", "As the connection says", "Only rows where", "Mark deleted rows instead",
    "Keep every version of a row", "The schema or folder the tables go to", "Empty: only by hand", "A name like Europe/Berlin",
    "Pause at this share", "Load everything again after this many days", "Keeps formula fields fresh",
    "The next run costs", "calls were left at the last look", "What the next run does", "Look at the data",
    "Watch the run", "It has not run yet", "Loads what changed since %", "Has no date that tells when a row changed",
    "Minutes behind Salesforce", "Seconds per run", "Runs at a glance", "A worker takes it up", "after the page that is being read",
    "Rows were added in Salesforce while this ran", "The first rows, at most", "Read it from elsewhere",
    "This table has not been loaded yet", "Changes are told by", "the usual one", "it is loaded whole each time",
    "All that can be loaded", "Fill new fields in rows loaded before", "Choose another one only where it moves",
    "Count them", "Hidden from this user", "Somebody is told when", "Nobody is told yet", "A new way",
    "E-mail needs DATASYNC_SMTP_URL", "It got through", "As a file (CSV)", "Older ones", "Links that are open",
    "Make a link", "Invite somebody", "Link for a new password", "Make the first account", "Present password",
    "It ends after", "What the token is for", "A token may do what you may", "is worthless now", "This link is over",
    "Not saved yet", "You may not do this", "There is nothing here", "Something went wrong here", "It is tried again",
    "Shortcuts of a single key", "There is no computer of this name", "Try fewer words, or the words that stand",
    "way for notices", "There are no extractions yet", "Make an app", "makes drafts", "make connections", "You need not wait",
    "a reload was asked for", "stands in a column of its own", "loaded whole", "had another value",
)  # fmt: skip
# As the whole of a text only; within a sentence they may be right.
OLD_TEXTS = (
    "Headless", "Rename", "What to do", "Go on", "New connection", "Authenticating", "not told", "Keep it", "by hand",
    "Make the first one", "What happened", "In Salesforce", "Here", "Log", "Only these", "Read through", "Ways",
    "Notices", "Audit", "Withdraw", "This sheet", "Cancel the run", "Looked",
)  # fmt: skip
OLD_GERMAN_PHRASES = (
    "Braucht jetzt jemanden", "Nachverfolgung", "Wartet auf Verbreitung", "Salesforce lernt Ihre App kennen",
    "laufen lassen", "Dem Lauf zusehen", "Woher und wohin", "Der nächste Lauf kostet", "Ein neuer Weg", "Weg für Meldungen",
    "Noch erfährt es niemand", "Datenbereich", "Etikett", "Leer: nur von Hand", "jetzt wertlos", "Token machen", "Link machen",
    "Wie die Verbindung sagt", "Nur Zeilen mit", "Dieser Link ist vorbei", "Das dürfen Sie nicht", "Misslungen",
    "Jetziges Passwort", "Von anderswo lesen", "Extraktion", "Jemand hat", "Braucht Aufmerksamkeit",
)  # fmt: skip
OLD_GERMAN_TEXTS = ("Wege", "Meldungen", "Protokoll", "Hier ist nichts")


def catalogue() -> list[tuple[str, str]]:
    """Every text of pages and mails with its translation."""
    with (ROOT / "datasync_flask/translations/de/LC_MESSAGES/messages.po").open("rb") as file:
        messages = [message for message in read_po(file, locale="de") if message.id]
    pairs = []
    for message in messages:
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        pairs += list(zip(ids, strings, strict=True))
    return pairs


def test_texts_have_nothing_of_the_old_ones() -> None:
    texts = catalogue()
    assert len(texts) > 1000
    found = {
        text: old for text, _ in texts for old in (*OLD_PHRASES, *OLD_TEXTS)
        if (old in text if old in OLD_PHRASES else text.strip(".:") == old)
    }  # fmt: skip
    found |= {
        text: old for _, text in texts for old in (*OLD_GERMAN_PHRASES, *OLD_GERMAN_TEXTS)
        if (old in text if old in OLD_GERMAN_PHRASES else text.strip(".:") == old)
    }  # fmt: skip
    assert found == {}


def test_the_documentation_has_nothing_of_the_old_texts() -> None:
    pages = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    assert len(pages) > 5
    found = {page.name: old for page in pages for old in OLD_PHRASES if old in page.read_text()}
    assert found == {}


# Texts about the characters themselves.
ABOUT_QUOTES = ("A text isn’t closed", "Ein Text ist nicht abgeschlossen")


def test_quotes_and_apostrophes_are_typographic() -> None:
    """On pages and in mails; the documentation's files have straight ones, which its pages show as these."""
    shown = [re.sub(r"<[^>]*>", "", text) for pair in catalogue() for text in pair if not text.startswith(ABOUT_QUOTES)]
    assert [text for text in shown if "'" in text or '"' in text] == []
    mails = [ROOT / "datasync_flask/notices" / name for name in ("signals.py", "warnings.py", "failures.py")]
    assert [text for path in mails for text in said_in(path) if "'" in text or '"' in text] == []
    written = [*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]
    assert [path.name for path in written if "’" in path.read_text()] == []


def said_in(path: Path) -> Iterator[str]:
    """Yield the strings in a module that are no docstrings."""
    tree = ast.parse(path.read_text())
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value


def test_german_is_polite_and_uses_german_quotes() -> None:
    for _, german in catalogue():
        assert not re.search(r"\b(du|deine?[mnrs]?|dich|dir)\b", german), german
        assert "“" not in german or "„" in german, german
