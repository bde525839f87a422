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
    return str(_TEXTS[kind](about)) if kind in _TEXTS else translated(stored)


def _retyped(name: str) -> object:
    return gettext("%(name)s has another type than before: it stands in a column of its own now.", name=name)


def _differing(about: str) -> object:
    name, _, column = about.partition(":")
    return gettext(
        "%(name)s has another type in another org of this table. This org's values stand in the column %(column)s.",
        name=name,
        column=column,
    )


def _unseen(about: str) -> object:
    names = about.split(",")
    return ngettext(
        "%(names)s isn't visible to this Salesforce user any more, or was deleted. Its column keeps the values.",
        "%(names)s aren't visible to this Salesforce user any more, or were deleted. Their columns keep the values.",
        len(names),
        names=some_names(names),
    )


def _beside_bulk(words: str) -> object:
    return gettext(
        "It was read by REST, which takes more API calls, because Salesforce’s limit for the Bulk API is reached: "
        "%(words)s",
        words=words,
    )


def _smaller_pages(rows: str) -> object:
    return gettext(
        "Salesforce didn’t send large pages in time, so it was asked for %(number)s rows at a time.",
        number=format_decimal(int(rows)),
    )


def _emptied(about: str) -> object:
    names = about.split(",")
    return ngettext(
        "Emptied, because its field is hashed or left out now: the column “%(names)s”.",
        "Emptied, because their fields are hashed or left out now: the columns %(names)s.",
        len(names),
        names=some_names(names),
    )


def _formula(name: str) -> object:
    return gettext("%(name)s is a formula: it is read again only when its row changes otherwise.", name=name)


def _formulas(about: str) -> object:
    rows, _, fields = about.partition(":")
    return ngettext(
        "Formula fields refreshed: %(names)s. %(num)s row had another value.",
        "Formula fields refreshed: %(names)s. %(num)s rows had another value.",
        int(rows),
        names=some_names(fields.split(",")),
    )


def _shortened(about: str) -> object:
    name, _, short = about.partition(":")
    return gettext(
        "%(name)s is called %(short)s there, because the destination limits how long a name can be.",
        name=name,
        short=short,
    )


def _odd_values(about: str) -> object:
    name, why, count, examples = json.loads(about)
    messages = {
        "not_of_type": gettext(
            "%(name)s: %(count)s values aren't of the field's type, so they are empty here.", name=name, count=count
        ),
        "out_of_range": gettext(
            "%(name)s: %(count)s values are larger than a column of this type holds, so they are empty here.",
            name=name,
            count=count,
        ),
        "rounded": gettext(
            "%(name)s: %(count)s values have more digits than a column of this type holds. They are rounded here.",
            name=name,
            count=count,
        ),
        "characters": gettext(
            "%(name)s: %(count)s values have characters that no text can hold. They are left out or replaced here.",
            name=name,
            count=count,
        ),
    }
    shown = "; ".join(f"{key}: {tidy(text)}" for key, text in examples)
    return f"{messages[why]} {gettext('For example %(examples)s', examples=shown)}"


_TEXTS: dict[str, Callable[[str], object]] = {
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
