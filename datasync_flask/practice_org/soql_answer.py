"""What a query found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from datasync_flask.practice_org.catalog import SObject


@dataclass(frozen=True)
class Column:
    """One selected thing: where it stands in a record, its type, how it is read from a row."""

    path: tuple[str, ...]
    kind: str
    read: Callable[[Any], Any]
    # The objects of the records that the path leads through, from the first to the last.
    parents: tuple[tuple[str, Callable[[Any], Any]], ...] = ()
    function: str = ""

    @property
    def label(self) -> str:
        """The column's heading in a CSV."""
        return ".".join(self.path)


@dataclass
class Answer:
    """What a query found; `columns` is empty for COUNT()."""

    object: SObject
    columns: list[Column]
    rows: list[Any]
    is_aggregate: bool = False
