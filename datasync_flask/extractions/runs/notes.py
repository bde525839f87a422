"""Notes about an object in a run, which add to its numbers. note_texts.py has their texts.

A note is stored as one text: its kind, a colon, and what it is about. A sentence without a kind is shown as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum


class NoteKind(StrEnum):
    """The kind of a note, with which its stored text begins."""

    RETYPED = "retyped"
    DIFFERING = "differing"
    UNSEEN = "unseen"
    BESIDE_BULK = "beside_bulk"
    SMALLER_PAGES = "smaller_pages"
    EMPTIED = "emptied"
    FORMULA = "formula"
    FORMULAS = "formulas"
    SHORTENED = "shortened"
    ODD_VALUES = "value"


def note(kind: NoteKind, *about: object) -> str:
    """The stored text of a note."""
    return ":".join([kind, *map(str, about)])


def names_note(kind: NoteKind, names: Iterable[str]) -> str:
    """A note about several names, none of which has a comma in it."""
    return note(kind, ",".join(names))


def odd_values_note(field_and_reason: str, count: int, examples: list[list[str]]) -> str:
    """A note about values of a field that couldn't be stored exactly; examples are Ids with their values."""
    return note(NoteKind.ODD_VALUES, json.dumps([*field_and_reason.split("|"), count, examples]))


def without_repeated(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """Both notes, those of `after` last; of two about the same values of a field only the later one, which counted more
    rows.
    """
    after = list(after)
    repeated = set(map(_subject, after))
    return [*(each for each in before if _subject(each) not in repeated), *after]


def _subject(stored: str) -> tuple[str, ...]:
    kind, _, about = stored.partition(":")
    return (kind, *json.loads(about)[:2]) if kind == NoteKind.ODD_VALUES else (stored,)
