"""A row of the tables of refusals: oauth_refusals.py has the OAuth endpoints', data_refusals.py the data API's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from datasync_flask.salesforce.errors import Problem


@dataclass(frozen=True)
class Refusal:
    """What has to be in an answer (0 and '' stand for anything), and which problem it is then."""

    problem: Problem
    # With … at its end, what the code begins with.
    code: str = ""
    # In lower case, a part of the message.
    words: str = ""
    status: int = 0
    source: str = ""

    def fits(self, code: str, words: str, status: int) -> bool:
        """True when an answer is this refusal; codes are told apart without regard to case."""
        own, told = self.code.upper(), code.upper()
        has_code = told.startswith(own[:-1]) if own.endswith("…") else own in {"", told}
        return has_code and self.status in {0, status} and self.words in words


def meaning_of(table: Iterable[Refusal], code: str, words: str, status: int = 0) -> Problem | None:
    """The problem of the first row that fits an answer; None when it is none that is known."""
    return next((row.problem for row in table if row.fits(code, words, status)), None)


def phrases_for(table: Iterable[Refusal], problem: Problem) -> list[str]:
    """The codes, or where a row has none the words, by which a table's answers tell `problem`."""
    found = [row.code or row.words for row in table if row.problem is problem and (row.code or row.words)]
    return list(dict.fromkeys(found))
