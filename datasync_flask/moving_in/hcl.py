"""Parses the part of Terraform's language that resources use: blocks, attributes, lists, objects, texts. It computes
nothing.

Written from HashiCorp's "HCL Native Syntax Specification".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from flask_babel import gettext

from datasync_flask.moving_in.reading import FileRefused

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\#[^\n]*|//[^\n]*|/\*.*?\*/)
      | (?P<line>\n)
      | (?P<heredoc><<-?(?P<end>\w+)[ \t]*\r?\n.*?\n[ \t]*(?P=end)(?=\s|$))
      | (?P<text>"(?:[^"\\\n]|\\.)*")
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<name>[A-Za-z_][\w-]*(?:\.[A-Za-z_*\d][\w-]*|\[[^\]\n]{0,80}\])*)
      | (?P<sign>[{}\[\](),=:]|[^\s\w])""",
    re.VERBOSE | re.DOTALL,
)
_DEEPEST = 50


class Token(NamedTuple):
    """A piece of the text."""

    kind: str
    text: str
    line: int


class Block(NamedTuple):
    """A block with its labels: `resource "airbyte_connection" "sales" {…}`."""

    kind: str
    labels: tuple[str, ...]
    values: dict[str, Any]


def blocks(text: str) -> list[Block]:
    """The outermost blocks of a file. Raises FileRefused."""
    reader = _Reader(list(_tokens(text)))
    found = []
    while (token := reader.skip_lines()) is not None:
        if token.kind != "name":
            raise reader.refusal()
        found.append(reader.block())
    return found


def _tokens(text: str) -> Iterator[Token]:
    position, line = 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise FileRefused(gettext("This isn’t Terraform: line %(line)s.", line=line))
        if match.lastgroup != "space":
            kind = next(
                name for name in ("line", "heredoc", "text", "number", "name", "sign") if match[name] is not None
            )
            yield Token(kind, match[0], line)
        line += match[0].count("\n")
        position = match.end()


class _Reader:
    """Reads tokens one after the other."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0

    def refusal(self) -> FileRefused:
        at = self.tokens[min(self.position, len(self.tokens) - 1)] if self.tokens else None
        return FileRefused(gettext("This isn’t Terraform: line %(line)s.", line=at.line if at else 1))

    def peek(self) -> Token | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def next(self) -> Token:
        token = self.peek()
        if token is None:
            raise self.refusal()
        self.position += 1
        return token

    def skip_lines(self, *also: str) -> Token | None:
        while (token := self.peek()) is not None and (token.kind == "line" or token.text in also):
            self.position += 1
        return token

    def block(self) -> Block:
        kind, labels = self.next().text, []
        while (token := self.next()).kind in {"text", "name"}:
            labels.append(token.text.strip('"'))
        if token.text != "{":
            raise self.refusal()
        return Block(kind, tuple(labels), self.body())

    def body(self) -> dict[str, Any]:
        """Read attributes, entries of an object and inner blocks up to the closing bracket."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise FileRefused(gettext("This file is nested too deeply."))
        found: dict[str, Any] = {}
        while True:
            token = self.skip_lines(",")
            if token is None:
                raise self.refusal()
            if token.text == "}":
                self.position += 1
                self.depth -= 1
                return found
            if token.kind not in {"name", "text"}:
                raise self.refusal()
            start = self.position
            self.position += 1
            after = self.peek()
            if after is not None and after.text in {"=", ":"}:
                self.position += 1
                found[token.text.strip('"')] = self.value()
            else:
                self.position = start
                inner = self.block()
                found.setdefault(inner.kind, inner.values)

    def value(self) -> Any:
        """Read a value; an expression that needs computing becomes a text like `${var.start_date}`."""
        self.skip_lines()
        token = self.next()
        found: Any
        if token.text == "{":
            found = self.body()
        elif token.text == "[":
            found = self.entries("]")
        elif token.kind == "text":
            found = _unquoted(token.text)
        elif token.kind == "heredoc":
            found = "\n".join(token.text.split("\n")[1:-1])
        elif token.kind == "number":
            found = token.text
        elif token.kind == "name":
            found = (
                token.text
                if token.text in {"true", "false"}
                else None
                if token.text == "null"
                else f"${{{token.text}}}"
            )
            after = self.peek()
            if after is not None and after.text == "(":
                self.position += 1
                arguments = self.entries(")")
                found = arguments[0] if token.text == "jsonencode" and arguments else f"${{{token.text}()}}"
        else:
            raise self.refusal()
        return found if not self.skip_operators() else "${…}"

    def entries(self, end: str) -> list[Any]:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise FileRefused(gettext("This file is nested too deeply."))
        found: list[Any] = []
        while True:
            token = self.skip_lines(",")
            if token is None:
                raise self.refusal()
            if token.text == end and token.kind == "sign":
                self.position += 1
                self.depth -= 1
                return found
            found.append(self.value())

    def skip_operators(self) -> bool:
        """Skip the rest of an expression that isn't a plain value; True when there was one."""
        token = self.peek()
        if token is None or token.kind == "line" or token.text in {",", "}", "]", ")"}:
            return False
        open_brackets = 0
        while (token := self.peek()) is not None:
            if open_brackets == 0 and (token.kind == "line" or token.text in {",", "}", "]", ")"}):
                break
            if token.kind == "sign":
                open_brackets += (token.text in "{[(") - (token.text in "}])")
            self.position += 1
        return True


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        return text[1:-1]
