"""The result of a query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from datasync_flask.practice_org.catalog import SObject


@dataclass(frozen=True)
class Column:
    """One selected item: its place in a record, its type, how to read it from a row."""

    path: tuple[str, ...]
    kind: str
    read: Callable[[Any], Any]
    # The objects along the path, from the first to the last.
    parents: tuple[tuple[str, Callable[[Any], Any]], ...] = ()
    function: str = ""

    @property
    def label(self) -> str:
        """The column's heading in a CSV."""
        return ".".join(self.path)


@dataclass
class Answer:
    """The result of a query; `columns` is empty for COUNT()."""

    object: SObject
    columns: list[Column]
    rows: list[Any]
    is_aggregate: bool = False
