"""Filters that people write for an object: a SOQL condition, which can't leave the brackets around it.

Source: SOQL and SOSL Reference, "WHERE" and "Quoted String Escape Sequences".
"""

from __future__ import annotations

import re

from flask_babel import gettext

MAX_LENGTH = 2_000
# Strings, brackets, and anything that would end the condition and begin another part of the query.
_PARTS = re.compile(
    r"'(?:[^'\\]|\\.)*'|'|[()]|\b(?:ORDER\s+BY|GROUP\s+BY|LIMIT\s+\d|OFFSET\s+\d|HAVING\s+\w+\("
    r"|FOR\s+(?:VIEW|REFERENCE|UPDATE)|ALL\s+ROWS|USING\s+SCOPE|WITH\s+(?:SECURITY_ENFORCED|USER_MODE|SYSTEM_MODE))\b",
    re.I | re.S,
)


class FilterRefused(ValueError):
    """A condition can't be put into a query; the text says why."""


def check(condition: str) -> None:
    """Check a condition as far as possible without asking Salesforce. Raises FilterRefused."""
    if len(condition) > MAX_LENGTH:
        raise FilterRefused(gettext("A filter has at most 2,000 characters."))
    depth = 0
    for part in _PARTS.findall(condition):
        if part == "'":
            raise FilterRefused(gettext("A text isn’t closed: put ' at both of its ends, and \\' for one inside it."))
        if part in "()":
            depth += 1 if part == "(" else -1
            if depth < 0:
                raise FilterRefused(gettext("A bracket is closed that was never opened."))
        elif not part.startswith("'"):
            raise FilterRefused(
                gettext("A filter is one condition, as after WHERE. Remove what follows the condition.")
            )
    if depth:
        raise FilterRefused(gettext("A bracket isn’t closed."))
