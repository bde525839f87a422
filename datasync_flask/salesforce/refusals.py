"""A row in a table of refusals: oauth_refusals.py has those of the OAuth endpoints, data_refusals.py the data API's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from datasync_flask.salesforce.errors import Problem


@dataclass(frozen=True)
class Refusal:
    """The features of an answer (0 and '' match anything), and the problem that they mean."""

    problem: Problem
    # With … at its end, the beginning of the code.
    code: str = ""
    # A part of the message, in lower case.
    words: str = ""
    status: int = 0
    source: str = ""

    def fits(self, code: str, words: str, status: int) -> bool:
        """True when an answer matches; codes are compared without case."""
        own, told = self.code.upper(), code.upper()
        has_code = told.startswith(own[:-1]) if own.endswith("…") else own in {"", told}
        return has_code and self.status in {0, status} and self.words in words


def meaning_of(table: Iterable[Refusal], code: str, words: str, status: int = 0) -> Problem | None:
    """The problem of the first matching row; None for an unknown answer."""
    return next((row.problem for row in table if row.fits(code, words, status)), None)


def phrases_for(table: Iterable[Refusal], problem: Problem) -> list[str]:
    """The codes and words by which a table's answers tell `problem`."""
    own = [(row.code, row.words) for row in table if row.problem is problem]
    found = [": ".join(part for part in both if part) for both in own if any(both)]
    return list(dict.fromkeys(found))
