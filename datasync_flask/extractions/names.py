"""Names of tables and columns. A name is chosen once, stored, and never used for anything else."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from itertools import count

from datasync_flask.destinations.base import shorten

_WORD_BEGINS = re.compile(r"([^_])([A-Z][a-z]+)")
_CAPITALS_BEGIN = re.compile(r"([a-z0-9])([A-Z])")


def snake_case(name: str) -> str:
    """An API name as dlt's naming convention "snake_case" spells it: SystemModstamp, system_modstamp.

    Reimplemented, because loading dlt takes half a second, too long for pages; a test compares the two.
    """
    spaced = _CAPITALS_BEGIN.sub(r"\1_\2", _WORD_BEGINS.sub(r"\1_\2", name)).lower()
    bare = spaced.rstrip("_")
    return re.sub("_{2,}", "_", bare + "x" * (len(spaced) - len(bare)))


def new_name(wanted: str, taken: Container[str], limit: int | None = None) -> str:
    """The name to store for a table or a column: `wanted`, or a similar one that isn't taken, of at most
    `limit` characters.

    Every stored name is first made here.
    """
    name = shorten(wanted, limit)
    while name in taken:
        wanted += "_x"
        name = shorten(wanted, limit)
    return name


def numbered(name: str, between: str = "_") -> Iterator[str]:
    """A name, then the same with _2, _3 and so on at its end."""
    yield name
    yield from (f"{name}{between}{number}" for number in count(2))
