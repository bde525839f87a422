"""Splits a query into tokens, and points at a wrong one as Salesforce does."""

from __future__ import annotations

import re
from dataclasses import dataclass

# A backslash before a character that it can't escape.
_BAD_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\(?![nrtbf\"'\\_%]|u[0-9a-f]{4})", re.A | re.I)
_TOKENS = re.compile(
    r"""(?P<space>\s+)
    |(?P<string>'(?:[^'\\]|\\.)*')
    |(?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+\- ]\d\d:?\d\d))
    |(?P<date>\d{4}-\d\d-\d\d)
    |(?P<time>\d\d:\d\d:\d\d(?:\.\d+)?Z)
    |(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?::[A-Za-z]+:\d+|:\d+)?)
    |(?P<sign><>|!=|<=|>=|=|<|>|\(|\)|,)""",
    re.X | re.A | re.S,
)


class SoqlError(Exception):
    """A query that can't be answered, with Salesforce's code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Token:
    """One token of a query, and its position."""

    kind: str
    text: str
    at: int

    @property
    def upper(self) -> str:
        """The token in capitals; empty for a quoted text."""
        return "" if self.kind == "string" else self.text.upper()


def pointed(text: str, at: int, words: str) -> str:
    """Salesforce's message for a place in a query: the text around it, a caret, row and column, the error."""
    if not text:
        return words
    start = max(text.rfind(" ", 0, max(at - 30, 0)) + 1, 0)
    end = text.find(" ", at + 12)
    part = text[start : len(text) if end < 0 else end]
    part = re.sub(r"\s", " ", part)
    row, column = text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1
    return f"\n{part}\n{' ' * (at - start)}^\nERROR at Row:{row}:Column:{column}\n{words}"


def tokens_of(text: str) -> list[Token]:
    """The tokens of a query. Raises SoqlError."""
    found, at = [], 0
    while at < len(text):
        match = _TOKENS.match(text, at)
        if match is None:
            words = f"line 1:{at} no viable alternative at character '{text[at]}'"
            raise SoqlError("MALFORMED_QUERY", pointed(text, at, words))
        if match.lastgroup == "string" and (bad := _BAD_ESCAPE.search(match.group())) is not None:
            words = f"Invalid string literal {match.group()}. Illegal character sequence in string literal."
            raise SoqlError("MALFORMED_QUERY", pointed(text, at + bad.end() - 1, words))
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    return found
