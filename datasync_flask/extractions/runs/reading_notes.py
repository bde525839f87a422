"""Notes about reading an object: refusals that were worked around, and values that couldn't be stored exactly."""

from __future__ import annotations

from typing import Any

from datasync_flask.extractions.runs.notes import NoteKind, note, odd_values_note
from datasync_flask.extractions.runs.page_files import add_odd
from datasync_flask.extractions.runs.progress import Progress


def notes_of(progress: Progress) -> list[str]:
    """The notes on an object and its slices; those on values are sorted by field and reason."""
    parts, odd = [progress, *progress.slices], dict[str, list[Any]]()
    for part in parts:
        for key, (count, examples) in part.odd.items():
            add_odd(odd, key, count, examples)
    smaller = min((part.page_rows for part in parts if part.page_rows), default=0)
    return [
        *dict.fromkeys(note for part in parts for note in part.notes),
        *([note(NoteKind.SMALLER_PAGES, smaller)] if smaller else []),
        *(odd_values_note(key, *found) for key, found in sorted(odd.items())),
    ]
