"""SOQL as a tree: what a query asks for, or Salesforce's words for what is wrong with it.

Source: SOQL and SOSL Reference, "SOQL SELECT Syntax", "Condition Expression Syntax", "Date Formats and Date Literals".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NoReturn

AGGREGATES = frozenset({"COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"})
CONVERSIONS = frozenset({"TOLABEL", "FORMAT", "CONVERTCURRENCY"})
DATE_FUNCTIONS = frozenset(
    {"CALENDAR_YEAR", "CALENDAR_QUARTER", "CALENDAR_MONTH", "DAY_IN_MONTH", "DAY_IN_WEEK", "DAY_ONLY", "HOUR_IN_DAY"}
)
MAX_DEPTH = 40


class SoqlError(Exception):
    """A query that can't be answered: the code and message that Salesforce has for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Token:
    """One word of a query, and where it begins."""

    kind: str
    text: str
    at: int

    @property
    def upper(self) -> str:
        """The word in capitals; the empty text for what stands in quotes."""
        return "" if self.kind == "string" else self.text.upper()


@dataclass(frozen=True)
class Item:
    """Something that is selected, compared or ordered by: a path of names, perhaps inside a function."""

    path: tuple[str, ...]
    at: int
    function: str = ""
    alias: str = ""
    children: Query | None = None


@dataclass(frozen=True)
class Condition:
    """A comparison."""

    item: Item
    sign: str
    values: tuple[Token, ...] = ()
    subquery: Query | None = None


@dataclass(frozen=True)
class Logic:
    """AND, OR or NOT over conditions."""

    word: str
    parts: tuple[Condition | Logic, ...]


@dataclass(frozen=True)
class Order:
    """One thing to order by."""

    item: Item
    is_descending: bool
    nulls: str = ""


@dataclass
class Query:
    """A whole SELECT."""

    text: str
    items: list[Item]
    object: str
    object_at: int
    alias: str = ""
    where: Condition | Logic | None = None
    group_by: list[Item] = field(default_factory=list)
    having: Condition | Logic | None = None
    order_by: list[Order] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0


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
_CLAUSES = frozenset(
    {"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "WITH", "USING", "ALL", "UPDATE", "AND",
     "OR", "ASC", "DESC", "NULLS"}
)  # fmt: skip


def pointed(text: str, at: int, words: str) -> str:
    """Return Salesforce's way to point at a place in a query: the part of it, a caret, row and column, the words."""
    start = max(text.rfind(" ", 0, max(at - 30, 0)) + 1, 0)
    end = text.find(" ", at + 12)
    part = text[start : len(text) if end < 0 else end].replace("\n", " ")
    row, column = text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1
    return f"\n{part}\n{' ' * (at - start)}^\nERROR at Row:{row}:Column:{column}\n{words}"


def tokens_of(text: str) -> list[Token]:
    """Return the words of a query. Raises SoqlError."""
    found, at = [], 0
    while at < len(text):
        match = _TOKENS.match(text, at)
        if match is None:
            words = f"line 1:{at} no viable alternative at character '{text[at]}'"
            raise SoqlError("MALFORMED_QUERY", pointed(text, at, words))
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    return found


class Parser:
    """Reads one query from its words."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.at, self.depth = text, tokens_of(text), 0, 0

    @property
    def now(self) -> Token:
        """The word that comes next."""
        return self.tokens[self.at] if self.at < len(self.tokens) else Token("end", "<EOF>", len(self.text))

    def refuse(self, token: Token | None = None) -> NoReturn:
        """Say which word isn't expected."""
        token = token or self.now
        words = f"unexpected token: '{token.text}'"
        raise SoqlError("MALFORMED_QUERY", pointed(self.text, token.at, words))

    def take(self, *words: str) -> bool:
        """Step over these words if they come next."""
        ahead = [token.upper for token in self.tokens[self.at : self.at + len(words)]]
        if ahead != list(words):
            return False
        self.at += len(words)
        return True

    def need(self, word: str) -> None:
        """Step over a word that has to come next."""
        if not self.take(word):
            self.refuse()

    def name(self, *, of_object: bool = False) -> Token:
        """Return a name that has to come next; objects are also called Order and Group."""
        token = self.now
        if token.kind != "name" or (token.upper in _CLAUSES and not of_object) or ":" in token.text:
            self.refuse()
        self.at += 1
        return token

    def number(self) -> int:
        """Return a whole number that has to come next."""
        token = self.now
        if token.kind != "number" or not token.text.isdigit():
            self.refuse()
        self.at += 1
        return int(token.text[:12])

    def whole(self) -> Query:
        """Return the query, after which nothing may come."""
        if not self.tokens:
            raise SoqlError("MALFORMED_QUERY", "A query string has to be specified")
        query = self.query()
        if self.now.kind != "end":
            self.refuse()
        return query

    def query(self) -> Query:
        """Return a SELECT."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.refuse()
        self.need("SELECT")
        items = [self.item()]
        while self.take(","):
            items.append(self.item())
        self.need("FROM")
        token = self.name(of_object=True)
        query = Query(self.text, items, token.text, token.at)
        if self.now.kind == "name" and self.now.upper not in _CLAUSES:
            query.alias = self.name().text
        if self.take("USING", "SCOPE"):
            self.name()
        if self.take("WHERE"):
            query.where = self.logic()
        if self.take("WITH", "SECURITY_ENFORCED") or self.take("WITH"):
            self.take("USER_MODE")
        if self.take("GROUP", "BY"):
            query.group_by = [self.item()]
            while self.take(","):
                query.group_by.append(self.item())
        if self.take("HAVING"):
            query.having = self.logic()
        if self.take("ORDER", "BY"):
            query.order_by = [self.order()]
            while self.take(","):
                query.order_by.append(self.order())
        if self.take("LIMIT"):
            query.limit = self.number()
        if self.take("OFFSET"):
            query.offset = self.number()
        if self.take("FOR") and not (self.take("VIEW") or self.take("REFERENCE") or self.take("UPDATE")):
            self.refuse()
        self.depth -= 1
        return query

    def item(self) -> Item:
        """Return something selected."""
        start = self.now
        if self.take("("):
            children = self.query()
            self.need(")")
            return Item((), start.at, children=children)
        found = self.operand()
        following = self.tokens[self.at + 1].upper if self.at + 1 < len(self.tokens) else ""
        # An alias is followed by the next item; anything else is a word misspelled.
        if self.now.kind == "name" and self.now.upper not in _CLAUSES and following in {",", "FROM"}:
            return Item(found.path, found.at, found.function, self.name().text)
        return found

    def operand(self) -> Item:
        """Return a path, or a function of one."""
        token = self.name()
        if not self.take("("):
            return Item(tuple(token.text.split(".")), token.at)
        function = token.upper
        if function == "COUNT" and self.take(")"):
            return Item((), token.at, "COUNT")
        if function == "FIELDS":
            which = self.now
            if which.upper not in {"ALL", "STANDARD", "CUSTOM"}:
                self.refuse()
            self.at += 1
            self.need(")")
            return Item((which.upper,), token.at, "FIELDS")
        if function not in AGGREGATES | CONVERSIONS | DATE_FUNCTIONS:
            self.refuse(token)
        inner = self.operand()
        self.need(")")
        return Item(inner.path, inner.at, function)

    def order(self) -> Order:
        """Return one thing to order by."""
        item = self.operand()
        descending = self.take("DESC")
        if not descending:
            self.take("ASC")
        nulls = "FIRST" if self.take("NULLS", "FIRST") else "LAST" if self.take("NULLS", "LAST") else ""
        return Order(item, descending, nulls)

    def logic(self) -> Condition | Logic:
        """Return conditions that AND or OR binds; both side by side need brackets, as at Salesforce."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.refuse()
        parts, word = [self.part()], ""
        while self.now.upper in {"AND", "OR"}:
            if word and self.now.upper != word:
                self.refuse()
            word = self.now.upper
            self.at += 1
            parts.append(self.part())
        self.depth -= 1
        return Logic(word, tuple(parts)) if word else parts[0]

    def part(self) -> Condition | Logic:
        """Return a condition, one that is denied, or several in brackets."""
        if self.take("NOT"):
            return Logic("NOT", (self.part(),))
        if self.take("("):
            inner = self.logic()
            self.need(")")
            return inner
        item = self.operand()
        return self.comparison(item)

    def comparison(self, item: Item) -> Condition:
        """Return what an operand is compared with."""
        sign = "NOT IN" if self.take("NOT", "IN") else self.now.upper
        if sign == "NOT IN" or self.take("IN") or self.take("INCLUDES") or self.take("EXCLUDES"):
            self.need("(")
            if self.now.upper == "SELECT" and "IN" in sign.split():
                subquery = self.query()
                self.need(")")
                return Condition(item, sign, subquery=subquery)
            values = [self.value()]
            while self.take(","):
                values.append(self.value())
            self.need(")")
            return Condition(item, sign, tuple(values))
        if sign not in {"=", "!=", "<>", "<", ">", "<=", ">=", "LIKE"}:
            self.refuse()
        self.at += 1
        return Condition(item, "!=" if sign == "<>" else sign, (self.value(),))

    def value(self) -> Token:
        """Return a literal that has to come next."""
        token = self.now
        if token.kind in {"sign", "end"} or token.upper in _CLAUSES or "." in token.text * (token.kind == "name"):
            self.refuse()
        self.at += 1
        return token


def parse(text: str) -> Query:
    """Return a query as a tree. Raises SoqlError with Salesforce's words."""
    return Parser(text).whole()
