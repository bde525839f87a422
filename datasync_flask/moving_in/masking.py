"""Masks passwords, tokens and secrets in a text; the rest of the text stays as typed."""

from __future__ import annotations

import re
from typing import Any

from datasync_flask.moving_in.reading import Document, FileRefused, is_missing

# A word that needs no quotes in any format.
MASK = "REMOVED"
_LONGEST = 5000
# Shorter values may be parts of other words.
_LEAST = 8
_VOCABULARY = r"passw(?:or)?d|passphrase|pwd|secret|token|private_?key|session_?id|api_?key"
_KEY = rf"[\w.\-]{{0,60}}(?:{_VOCABULARY})[\w.\-]{{0,60}}"
_IS_SECRET_KEY = re.compile(_KEY, re.IGNORECASE)
_BEGINNING = rf"(?P<before>(?<![?&\w.\-])[\"']?{_KEY}[\"']?[ \t]*(?:=>|[:=])"
_RULES = (
    # Keys in PEM, wherever they are.
    re.compile(r"(?P<before>)-----BEGIN [A-Z ]{1,40}-----(?:(?!-----).){1,8000}-----END [A-Z ]{1,40}-----", re.DOTALL),
    # postgresql://loader:password@host
    re.compile(rf"(?P<before>://[^\s/:@\"'?]{{0,200}}:)(?!{MASK}@)[^\s\"'/]{{1,500}}(?=@)"),
    # ?password=…&token=…
    re.compile(rf"(?P<before>[?&]{_KEY}=)(?!{MASK}\b)[^&\s\"'`]{{1,2000}}", re.IGNORECASE),
    # YAML's multi-line texts, each line indented more than the key.
    re.compile(
        rf"(?m)^(?P<before>(?P<indent>[ \t]*)(?:- )?[\"']?{_KEY}[\"']?:[ \t]*[|>][-+\d]*[ \t]*\n"
        r"(?P<deeper>(?P=indent)[ \t]+))(?!REMOVED$)\S[^\n]*(?:\n(?P=deeper)[^\n]*)*",
        re.IGNORECASE,
    ),
    re.compile(rf"{_BEGINNING}\s*(?P<quote>\"\"\"|'''))(?!{MASK}).{{1,{_LONGEST}}}?(?=(?P=quote))", re.I | re.DOTALL),
    re.compile(rf"{_BEGINNING}\s*\")(?!\"|{MASK}\")(?:[^\"\\\n]|\\.){{1,{_LONGEST}}}(?=\")", re.IGNORECASE),
    re.compile(rf"{_BEGINNING}\s*')(?!'|{MASK}')(?:[^'\n]|''){{1,{_LONGEST}}}(?=')", re.IGNORECASE),
    # Without quotes: alone on a line, then among others.
    re.compile(
        rf"(?m)^(?P<before>[ \t]*(?:- |export )?{_KEY}[ \t]*[:=][ \t]*)(?!{MASK}\b)"
        r"[^\s\"'{\[|>#$&*][^\n]*?(?=,?[ \t]*(?:[ \t]#[^\n]*)?\r?$)",
        re.IGNORECASE,
    ),
    re.compile(rf"{_BEGINNING}[ \t]*)(?!{MASK}\b)[^\s\"'{{\[|>#$,}}&*][^\s,}}]*", re.IGNORECASE),
)


def masked(document: Document) -> tuple[str, int]:
    """A document's text with everything masked that looks like a secret, and the number of masked places."""
    text, count = document.text.replace("\r\n", "\n"), 0
    for rule in _RULES:
        text, times = rule.subn(lambda match: match["before"] + MASK, text)
        count += times
    for value in _secret_values(document):
        count += text.count(value)
        text = text.replace(value, MASK)
    return text, count


def _secret_values(document: Document) -> set[str]:
    """The values under a secret's name in parsed data, however they are written there."""
    try:
        waiting = [document.data]
    except FileRefused:
        return set()
    found: set[str] = set()
    seen: set[int] = set()
    while waiting:
        each: Any = waiting.pop()
        # YAML can contain the same part many times, even within itself.
        if id(each) in seen:
            continue
        if isinstance(each, dict):
            seen.add(id(each))
            for key, value in each.items():
                if isinstance(value, str) and isinstance(key, str) and _IS_SECRET_KEY.search(key):
                    found.update(line.strip() for line in value.splitlines())
                waiting.append(value)
        elif isinstance(each, list):
            seen.add(id(each))
            waiting.extend(each)
    return {value for value in found if len(value) >= _LEAST and not is_missing(value)}
