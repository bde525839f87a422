"""Conditions of a query as tests of rows, with Salesforce's refusals of literals that don't fit a field.

Source: SOQL and SOSL Reference, "Comparison Operators", "Logical Operators", "Date Formats and Date Literals".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NoReturn

from datasync_flask.practice_org.catalog import COMPOUND, IDS, NUMBERS
from datasync_flask.practice_org.date_literals import Span, span_of
from datasync_flask.practice_org.soql_parser import Condition, Item, Logic, Query
from datasync_flask.practice_org.soql_tokens import SoqlError, Token, pointed

Test = Callable[[Any], bool]
Read = Callable[[Any], Any]

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", re.A)
_ESCAPED = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.S)
_LIKE_PARTS = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)|.", re.S)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


@dataclass(frozen=True)
class Operand:
    """The target of a path in a query: its name, its type, and how to read it from a row."""

    name: str
    kind: str
    read: Read
    is_filterable: bool = True
    # The object whose ids it contains; '' if it isn't an id.
    leads_to: str = ""


@dataclass(frozen=True)
class Filter:
    """Turns conditions into tests; `operand_of` resolves paths, `ids_of` answers a query inside IN."""

    text: str
    operand_of: Callable[[Item], Operand]
    ids_of: Callable[[Query, Operand], set[Any]]

    def test(self, node: Condition | Logic) -> Test:
        """The test for conditions. Raises SoqlError."""
        if isinstance(node, Condition):
            return self._condition(node)
        if node.word == "OR" and any(isinstance(part, Condition) and part.subquery for part in node.parts):
            at = next(part.item.at for part in node.parts if isinstance(part, Condition) and part.subquery)
            words = "Semi join sub-selects are not allowed with the 'OR' operator"
            self._refuse(at, "MALFORMED_QUERY", words)
        parts = [self.test(part) for part in node.parts]
        if node.word == "NOT":
            return lambda row: not parts[0](row)
        if node.word == "AND":
            return lambda row: all(part(row) for part in parts)
        return lambda row: any(part(row) for part in parts)

    def _condition(self, node: Condition) -> Test:
        operand = self.operand_of(node.item)
        if not operand.is_filterable:
            self._refuse(node.item.at, "INVALID_FIELD", f"field '{operand.name}' can not be filtered in a query call")
        read = normal(operand)
        if node.subquery is not None:
            ids = self.ids_of(node.subquery, operand)
            return lambda row: (read(row) in ids) == (node.sign == "IN")
        if node.sign in {"INCLUDES", "EXCLUDES"}:
            return self._includes(node, operand)
        if node.sign == "LIKE":
            return self._like(node, operand, read)
        values = [self._literal(operand, token, node.item.at) for token in node.values]
        spans = [value for value in values if isinstance(value, tuple)]
        if spans and node.sign not in {"IN", "NOT IN"}:
            return _against_span(read, node.sign, spans[0])
        if node.sign in {"IN", "NOT IN"}:
            held, wanted = set(values) - set(spans), node.sign == "IN"
            within = [_against_span(read, "=", span) for span in spans]
            return lambda row: (read(row) in held or any(test(row) for test in within)) == wanted
        return _against(read, node.sign, values[0], operand, self, node.item.at)

    def _refuse(self, at: int, code: str, words: str) -> NoReturn:
        raise SoqlError(code, pointed(self.text, at, words))

    def _literal(self, operand: Operand, token: Token, at: int) -> Any:
        """The literal to compare a field with, in the form that `normal` gives rows' values."""
        kind, is_text = operand.kind, token.kind == "string"
        if token.upper == "NULL":
            return None
        if kind in IDS:
            if not is_text or (len(token.text) > 2 and not _ID.fullmatch(token.text[1:-1])):
                self._refuse(at, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {token.text.strip(chr(39))}")
            return token.text[1:16].rstrip("'") or None
        if kind == "boolean":
            if token.upper not in {"TRUE", "FALSE"}:
                self._mistyped(operand, at, "boolean", quoted=False)
            return token.upper == "TRUE"
        if kind in NUMBERS:
            if kind == "currency" and token.kind == "currency":
                return float(token.text[3:])
            if token.kind != "number":
                self._mistyped(operand, at, "int" if kind == "int" else "double", quoted=False)
            return float(token.text)
        if kind in {"date", "datetime", "time"}:
            return self._moment(operand, token, at)
        if not is_text:
            self._mistyped(operand, at, "string", quoted=True)
        return _unquoted(token.text).casefold() or None

    def _moment(self, operand: Operand, token: Token, at: int) -> Any:
        span = span_of(token.text) if token.kind == "name" and operand.kind != "time" else None
        if span is not None:
            return tuple(part.date().isoformat() for part in span) if operand.kind == "date" else span
        if token.kind != operand.kind:
            self._mistyped(operand, at, {"datetime": "dateTime"}.get(operand.kind, operand.kind), quoted=False)
        try:
            if token.kind == "datetime":
                return datetime.fromisoformat(token.text.replace(" ", "+"))
            return token.text if token.kind == "time" else date.fromisoformat(token.text).isoformat()
        except ValueError:
            self._refuse(at, "MALFORMED_QUERY", f"Invalid {operand.kind}: {token.text}")

    def _mistyped(self, operand: Operand, at: int, kind: str, *, quoted: bool) -> NoReturn:
        tail = "should be enclosed in quotes" if quoted else "should not be enclosed in quotes"
        words = f"value of filter criterion for field '{operand.name}' must be of type {kind} and {tail}"
        self._refuse(at, "INVALID_FIELD", words)

    def _like(self, node: Condition, operand: Operand, read: Read) -> Test:
        if operand.kind in IDS:
            self._refuse(node.item.at, "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on id field")
        if operand.kind in NUMBERS | {"boolean", "date", "datetime", "time", "multipicklist"}:
            self._refuse(node.item.at, "INVALID_QUERY_FILTER_OPERATOR", "invalid operator")
        token = node.values[0]
        if token.kind != "string":
            self._mistyped(operand, node.item.at, "string", quoted=True)
        pattern = re.compile(_like_pattern(token.text[1:-1]), re.S)
        return lambda row: pattern.fullmatch(read(row) or "") is not None

    def _includes(self, node: Condition, operand: Operand) -> Test:
        if operand.kind != "multipicklist":
            words = f"{node.sign.lower()} operator is not valid on field '{operand.name}'"
            self._refuse(node.item.at, "INVALID_QUERY_FILTER_OPERATOR", words)
        wanted = [set(_unquoted(token.text).casefold().split(";")) for token in node.values]

        def included(row: Any) -> bool:
            held = set(str(operand.read(row) or "").casefold().split(";"))
            return any(group <= held for group in wanted)

        return included if node.sign == "INCLUDES" else lambda row: not included(row)


def normal(operand: Operand) -> Read:
    """How to read a field for comparing and sorting: texts without case, ids by their first 15 characters."""
    read, kind = operand.read, operand.kind
    if kind in IDS:
        return lambda row: (read(row) or "")[:15] or None
    if kind in NUMBERS | {"boolean", "date", "datetime", "time"} | COMPOUND:
        return read

    def text(row: Any) -> str | None:
        value = read(row)
        return None if value is None else str(value).casefold() or None

    return text


def _against(read: Read, sign: str, value: Any, operand: Operand, found: Filter, at: int) -> Test:
    if sign == "=":
        return lambda row: bool(read(row) == value)
    if sign == "!=":
        return lambda row: bool(read(row) != value)
    if operand.kind == "boolean":
        found._refuse(at, "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on boolean field")
    compare: dict[str, Callable[[Any, Any], bool]] = {
        "<": lambda held, other: held < other,
        ">": lambda held, other: held > other,
        "<=": lambda held, other: held <= other,
        ">=": lambda held, other: held >= other,
    }
    holds = compare[sign]

    def test(row: Any) -> bool:
        held = read(row)
        try:
            return held is not None and value is not None and holds(held, value)
        except TypeError:
            # A script put something into the row that isn't of the field's type.
            return False

    return test


def _against_span(read: Read, sign: str, span: Span | tuple[str, ...]) -> Test:
    first, after = span[0], span[1]
    tests: dict[str, Callable[[Any], bool]] = {
        "=": lambda held: held is not None and first <= held < after,
        "!=": lambda held: held is None or not first <= held < after,
        "<": lambda held: held is not None and held < first,
        "<=": lambda held: held is not None and held < after,
        ">": lambda held: held is not None and held >= after,
        ">=": lambda held: held is not None and held >= first,
    }
    holds = tests[sign]

    def test(row: Any) -> bool:
        try:
            return holds(read(row))
        except TypeError:
            # A script put something into the row that isn't of the field's type.
            return False

    return test


def _unquoted(text: str) -> str:
    return _ESCAPED.sub(_escaped, text[1:-1])


def _escaped(found: re.Match[str]) -> str:
    word = found[1]
    return chr(int(word[1:], 16)) if len(word) > 1 else _ESCAPES.get(word.lower(), word)


def _like_pattern(text: str) -> str:
    """LIKE's pattern as a regular expression: % is any text, _ any character, a backslash escapes them."""
    return "".join(
        re.escape(_ESCAPED.sub(_escaped, part).casefold()) if part.startswith("\\") and len(part) > 1
        else ".*" if part == "%" else "." if part == "_" else re.escape(part.casefold())
        for part in _LIKE_PARTS.findall(text)
    )  # fmt: skip
