"""Texts of the notes about an object in a run."""

from __future__ import annotations

import json
from collections.abc import Callable

from flask_babel import format_decimal, gettext, ngettext

from datasync_flask.extractions.runs.notes import NoteKind
from datasync_flask.languages import translated
from datasync_flask.salesforce.errors import tidy
from datasync_flask.salesforce_connections.visibility import some_names


def note_text(stored: str) -> str:
    """The text of a stored note."""
    kind, _, about = stored.partition(":")
    # Runs of earlier versions stored straight apostrophes.
    return _TEXTS[kind](about) if kind in _TEXTS else translated(stored.replace("'", "’"))


def _retyped(name: str) -> str:
    return gettext("%(name)s has a different type than before, so its values now go into a new column.", name=name)


def _differing(about: str) -> str:
    name, _, column = about.partition(":")
    return gettext(
        "%(name)s has a different type in another org that shares this table. This org’s values are in the column "
        "%(column)s.",
        name=name,
        column=column,
    )


def _unseen(about: str) -> str:
    names = about.split(",")
    return ngettext(
        "%(names)s is no longer visible to this Salesforce user, or was deleted. Its column keeps the values.",
        "%(names)s are no longer visible to this Salesforce user, or were deleted. Their columns keep the values.",
        len(names),
        names=some_names(names),
    )


def _beside_bulk(words: str) -> str:
    return gettext(
        "This object was read by REST, which takes more API calls, because Salesforce’s limit for the Bulk API was "
        "reached: %(words)s",
        words=words,
    )


def _smaller_pages(rows: str) -> str:
    return gettext(
        "Salesforce didn’t send large pages in time, so it was asked for %(number)s rows at a time.",
        number=format_decimal(int(rows)),
    )


def _emptied(about: str) -> str:
    names = about.split(",")
    return ngettext(
        "The column “%(names)s” was emptied because its field is now hashed or left out.",
        "The columns %(names)s were emptied because their fields are now hashed or left out.",
        len(names),
        names=some_names(names),
    )


def _formula(name: str) -> str:
    return gettext("%(name)s is a formula field. It’s updated only when something else in the row changes.", name=name)


def _formulas(about: str) -> str:
    rows, _, fields = about.partition(":")
    return ngettext(
        "Formula fields refreshed: %(names)s. %(num)s row had a new value.",
        "Formula fields refreshed: %(names)s. %(num)s rows had a new value.",
        int(rows),
        names=some_names(fields.split(",")),
    )


def _shortened(about: str) -> str:
    name, _, short = about.partition(":")
    return gettext(
        "%(name)s is called %(short)s in the destination, which limits the length of names.",
        name=name,
        short=short,
    )


def _odd_values(about: str) -> str:
    name, why, count, examples = json.loads(about)
    messages = {
        "not_of_type": ngettext(
            "%(name)s: %(num)s value isn’t of the field’s type, so it is empty here.",
            "%(name)s: %(num)s values aren’t of the field’s type, so they are empty here.",
            count, name=name,
        ),
        "out_of_range": ngettext(
            "%(name)s: %(num)s value is larger than a column of this type holds, so it is empty here.",
            "%(name)s: %(num)s values are larger than a column of this type holds, so they are empty here.",
            count, name=name,
        ),
        "rounded": ngettext(
            "%(name)s: %(num)s value has more digits than a column of this type holds. It is rounded here.",
            "%(name)s: %(num)s values have more digits than a column of this type holds. They are rounded here.",
            count, name=name,
        ),
        "characters": ngettext(
            "%(name)s: %(num)s value has characters that no text can hold. They are left out or replaced here.",
            "%(name)s: %(num)s values have characters that no text can hold. They are left out or replaced here.",
            count, name=name,
        ),
    }  # fmt: skip
    shown = "; ".join(f"{key}: {tidy(text)}" for key, text in examples)
    return messages[why] + " " + gettext("For example %(examples)s", examples=shown)


_TEXTS: dict[str, Callable[[str], str]] = {
    NoteKind.RETYPED: _retyped,
    NoteKind.DIFFERING: _differing,
    NoteKind.UNSEEN: _unseen,
    NoteKind.BESIDE_BULK: _beside_bulk,
    NoteKind.SMALLER_PAGES: _smaller_pages,
    NoteKind.EMPTIED: _emptied,
    NoteKind.FORMULA: _formula,
    NoteKind.FORMULAS: _formulas,
    NoteKind.SHORTENED: _shortened,
    NoteKind.ODD_VALUES: _odd_values,
}
