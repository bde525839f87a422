"""Parses SOQL into a tree, or refuses it with Salesforce's words.

Source: SOQL and SOSL Reference, "SOQL SELECT Syntax", "Condition Expression Syntax", "Date Formats and Date Literals".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

from datasync_flask.practice_org.soql_tokens import SoqlError, Token, pointed, tokens_of

AGGREGATES = frozenset({"COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"})
CONVERSIONS = frozenset({"TOLABEL", "FORMAT", "CONVERTCURRENCY"})
DATE_FUNCTIONS = frozenset(
    {"CALENDAR_YEAR", "CALENDAR_QUARTER", "CALENDAR_MONTH", "DAY_IN_MONTH", "DAY_IN_WEEK", "DAY_IN_YEAR", "DAY_ONLY",
     "FISCAL_YEAR", "FISCAL_QUARTER", "FISCAL_MONTH", "HOUR_IN_DAY", "WEEK_IN_MONTH", "WEEK_IN_YEAR"}
)  # fmt: skip
TOTALS = ("ROLLUP", "CUBE")
SCOPES = frozenset(
    {"DELEGATED", "EVERYTHING", "MINE", "MINE_AND_MY_GROUPS", "MY_TERRITORY", "MY_TEAM_TERRITORY", "SCOPINGRULE",
     "TEAM"}
)  # fmt: skip
MAX_DEPTH = 40
_CURRENCY = re.compile(r"[A-Z]{3}\d+", re.A)


@dataclass(frozen=True)
class Item:
    """Something to select, compare or order by: a path of names, perhaps inside a function."""

    path: tuple[str, ...]
    at: int
    function: str = ""
    alias: str = ""
    children: Query | None = None
    # For TYPEOF: the name of an object, empty for ELSE, and the paths to read from such a record.
    branches: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = ()


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
    # What aliases at the beginning of a path stand for.
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    where: Condition | Logic | None = None
    group_by: list[Item] = field(default_factory=list)
    # ROLLUP or CUBE if groups have totals.
    totals: str = ""
    having: Condition | Logic | None = None
    order_by: list[Order] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0

    def part_of(self, rows: list[Any]) -> list[Any]:
        """The rows left by OFFSET and LIMIT."""
        return rows[self.offset : None if self.limit is None else self.offset + self.limit]


_CLAUSES = frozenset(
    {"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "WITH", "USING", "ALL", "UPDATE", "AND",
     "OR", "ASC", "DESC", "NULLS", "WHEN", "THEN", "ELSE", "END"}
)  # fmt: skip


class Parser:
    """Parses one query from its tokens."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.at, self.depth = text, tokens_of(text), 0, 0

    @property
    def now(self) -> Token:
        """The next token."""
        return self.tokens[self.at] if self.at < len(self.tokens) else Token("end", "<EOF>", len(self.text))

    def refuse(self, token: Token | None = None) -> NoReturn:
        """Refuse an unexpected token."""
        token = token or self.now
        words = f"unexpected token: '{token.text}'"
        raise SoqlError("MALFORMED_QUERY", pointed(self.text, token.at, words))

    def take(self, *words: str) -> bool:
        """Skip these words if they come next."""
        ahead = [token.upper for token in self.tokens[self.at : self.at + len(words)]]
        if ahead != list(words):
            return False
        self.at += len(words)
        return True

    def need(self, word: str) -> None:
        """Skip a word that has to come next."""
        if not self.take(word):
            self.refuse()

    def name(self, *, of_object: bool = False) -> Token:
        """A name that has to come next; objects are also called Order and Group."""
        token = self.now
        if token.kind != "name" or (token.upper in _CLAUSES and not of_object) or ":" in token.text:
            self.refuse()
        self.at += 1
        return token

    def number(self) -> int:
        """A whole number that has to come next."""
        token = self.now
        if token.kind != "number" or not token.text.isdigit():
            self.refuse()
        self.at += 1
        return int(token.text[:12])

    def whole(self) -> Query:
        """The query, which has to be the whole text."""
        if not self.tokens:
            raise SoqlError("MALFORMED_QUERY", "A query string has to be specified")
        query = self.query()
        if self.now.kind != "end":
            self.refuse()
        return query

    def query(self) -> Query:
        """A SELECT."""
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
        self.sources(query)
        if self.take("USING", "SCOPE") and self.name().upper not in SCOPES:
            self.refuse(self.tokens[self.at - 1])
        if self.take("WHERE"):
            query.where = self.logic()
        if self.take("WITH") and not (
            self.take("SECURITY_ENFORCED") or self.take("USER_MODE") or self.take("SYSTEM_MODE")
        ):
            self.refuse()
        if self.take("GROUP", "BY"):
            self.groups(query)
        if query.group_by and self.take("HAVING"):
            query.having = self.logic()
        if self.take("ORDER", "BY"):
            query.order_by = [self.order()]
            while self.take(","):
                query.order_by.append(self.order())
        if self.take("LIMIT"):
            query.limit = self.number()
        if self.take("OFFSET"):
            query.offset = self.number()
        if self.take("FOR"):
            self.one_of("VIEW", "REFERENCE", "UPDATE")
        if self.take("UPDATE"):
            self.one_of("TRACKING", "VIEWSTAT")
        self.depth -= 1
        return query

    def one_of(self, *words: str) -> None:
        """Skip one or more of these words, separated by commas."""
        if not any(self.take(word) for word in words):
            self.refuse()
        if self.take(","):
            self.one_of(*words)

    def sources(self, query: Query) -> None:
        """Read the aliases of the object and of relationships: Contact c, c.Account a."""
        query.aliases = {query.object.lower(): ()}
        if self.now.kind == "name" and self.now.upper not in _CLAUSES:
            query.aliases[self.name().text.lower()] = ()
        while self.take(","):
            token = self.name()
            first, *names = token.text.split(".")
            if first.lower() not in query.aliases or not names:
                self.refuse(token)
            query.aliases[self.name().text.lower()] = (*query.aliases[first.lower()], *names)

    def groups(self, query: Query) -> None:
        """Read the GROUP BY of a query."""
        query.totals = next((word for word in TOTALS if self.take(word, "(")), "")
        query.group_by = [self.operand()]
        while self.take(","):
            query.group_by.append(self.operand())
        if query.totals:
            self.need(")")

    def item(self) -> Item:
        """A selected item."""
        start = self.now
        if self.take("("):
            children = self.query()
            self.need(")")
            return Item((), start.at, children=children)
        if start.upper == "TYPEOF":
            return self.branching()
        found = self.operand()
        following = self.tokens[self.at + 1].upper if self.at + 1 < len(self.tokens) else ""
        # After an alias comes the next item; anything else is a misspelled word.
        if self.now.kind == "name" and self.now.upper not in _CLAUSES and following in {",", "FROM"}:
            return Item(found.path, found.at, found.function, self.name().text)
        return found

    def branching(self) -> Item:
        """A TYPEOF: what to read from a record that may be of several objects."""
        self.need("TYPEOF")
        token, branches = self.name(), []
        while self.take("WHEN"):
            name = self.name(of_object=True).text
            self.need("THEN")
            branches.append((name, self.paths()))
        if not branches:
            self.refuse()
        if self.take("ELSE"):
            branches.append(("", self.paths()))
        self.need("END")
        return Item(tuple(token.text.split(".")), token.at, "TYPEOF", branches=tuple(branches))

    def paths(self) -> tuple[tuple[str, ...], ...]:
        """Paths that have to come next."""
        found = [tuple(self.name().text.split("."))]
        while self.take(","):
            found.append(tuple(self.name().text.split(".")))
        return tuple(found)

    def operand(self) -> Item:
        """A path, or a function of one."""
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
        if function not in AGGREGATES | CONVERSIONS | DATE_FUNCTIONS | {"GROUPING"}:
            self.refuse(token)
        start, has_zone = self.now, function in DATE_FUNCTIONS and self.take("CONVERTTIMEZONE", "(")
        inner = self.operand()
        if inner.function and not (function in CONVERSIONS and inner.function in CONVERSIONS):
            self.refuse(start)
        if has_zone:
            self.need(")")
        self.need(")")
        return Item(inner.path, inner.at, function)

    def order(self) -> Order:
        """One thing to order by."""
        item = self.operand()
        descending = self.take("DESC")
        if not descending:
            self.take("ASC")
        nulls = "FIRST" if self.take("NULLS", "FIRST") else "LAST" if self.take("NULLS", "LAST") else ""
        return Order(item, descending, nulls)

    def logic(self) -> Condition | Logic:
        """Conditions joined by AND or OR; mixing both needs brackets, as in Salesforce."""
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
        """A condition, a negated one, or several in brackets."""
        if self.take("NOT"):
            return Logic("NOT", (self.part(),))
        if self.take("("):
            inner = self.logic()
            self.need(")")
            return inner
        item = self.operand()
        return self.comparison(item)

    def comparison(self, item: Item) -> Condition:
        """A comparison with an operand."""
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
        """A literal that has to come next."""
        token = self.now
        if token.kind in {"sign", "end"} or token.upper in _CLAUSES or "." in token.text * (token.kind == "name"):
            self.refuse()
        self.at += 1
        if token.kind == "name" and _CURRENCY.fullmatch(token.text):
            cents = self.now if self.now.at == token.at + len(token.text) and self.now.kind == "number" else None
            self.at += cents is not None
            return Token("currency", token.text + (cents.text if cents else ""), token.at)
        return token


def parse(text: str) -> Query:
    """A query as a tree. Raises SoqlError with Salesforce's words."""
    return Parser(text).whole()
