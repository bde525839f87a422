"""Personal data: which fields are loaded, left out or hashed, as a form shows it, checked, and as a summary."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from flask_babel import gettext, ngettext
from werkzeug.datastructures import MultiDict

from datasync_flask.extractions.models import ExtractionObject
from datasync_flask.extractions.runs.plan import LoadedAs, is_needed, unknown
from datasync_flask.extractions.service import ObjectChoice
from datasync_flask.salesforce.descriptions import Field, is_api_name

# The date that detects changes by default; few objects don't have it.
USUAL_CURSOR = "SystemModstamp"
NO_COLUMNS: Mapping[str, Mapping[str, str]] = {}


class Treatment(enum.StrEnum):
    """What happens to the values of a field."""

    LOAD = "load"
    LEAVE_OUT = "leave_out"
    HASH = "hash"


class TreatmentRefused(ValueError):
    """A field can't be treated like this; the text says why."""


@dataclass(frozen=True)
class FieldLine:
    """A field with its choice, or the reason why it is always loaded."""

    field: Field
    treatment: Treatment
    reason: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Treated:
    """The choices for the fields of an object; `fields` is None if new fields are loaded too."""

    fields: list[str] | None
    hashed: list[str]
    left_out: list[str]


def treatment_of(choice: ObjectChoice, name: str) -> Treatment:
    """The treatment of a field."""
    if _has(choice.left_out, name) or (choice.fields is not None and not _has(choice.fields, name)):
        return Treatment.LEAVE_OUT
    return Treatment.HASH if _has(choice.hashed, name) else Treatment.LOAD


def _has(names: Iterable[str], name: str) -> bool:
    """True when a name of a field is among these, in whatever capitals: Salesforce doesn't tell them apart by those."""
    return name.lower() in {each.lower() for each in names}


def lines(
    choice: ObjectChoice,
    sent: MultiDict[str, str],
    fields: Iterable[Field],
    cursor: str,
    columns: Mapping[str, Mapping[str, str]] = NO_COLUMNS,
) -> list[FieldLine]:
    """The fields of an object as sent, or else as stored, with their columns."""
    own = {name.lower(): tuple(given.values()) for name, given in columns.items()}
    return [
        FieldLine(each, _sent(choice, sent, each.name), _reason(each.name, cursor), own.get(each.name.lower(), ()))
        for each in fields
    ]


def loads_new(choice: ObjectChoice, sent: MultiDict[str, str]) -> bool:
    """True when fields added in Salesforce are loaded too."""
    return sent.get("which", "all" if choice.fields is None else "some") == "all"


def _reason(name: str, cursor: str) -> str:
    if name == "Id":
        return gettext("Always loaded: identifies the row")
    if name == "IsDeleted":
        return gettext("Always loaded: tells which rows were deleted")
    return gettext("Always loaded: tells which rows changed") if is_needed(name, cursor) else ""


def parse(
    before: ObjectChoice,
    sent: MultiDict[str, str],
    fields: Iterable[Field],
    cursor: str,
    columns: Collection[str] = (),
) -> Treated:
    """The choices in a form; `columns` are the fields that already have columns. Raises TreatmentRefused."""
    names = [field.name for field in fields]
    chosen = {name: _sent(before, sent, name) for name in names}
    for name, treatment in chosen.items():
        if is_needed(name, cursor) and treatment is Treatment.HASH:
            raise TreatmentRefused(_refused(name))
    loaded = [
        name
        for name, treatment in chosen.items()
        if treatment is not Treatment.LEAVE_OUT and not is_needed(name, cursor)
    ]
    if not loaded:
        raise TreatmentRefused(gettext("Choose at least one field, or all of them."))
    absent = [name for name, treatment in chosen.items() if name not in loaded and not is_needed(name, cursor)]
    if not loads_new(before, sent):
        # A field without a column needs no emptying, and a field that wasn't chosen before keeps its values.
        was_loaded = {name for name in columns if treatment_of(before, name) is not Treatment.LEAVE_OUT}
        absent = [name for name in absent if _has(before.left_out, name) or _has(was_loaded, name)]
    # A field that the user can't see at the moment keeps its treatment for when it comes back.
    return Treated(
        None if loads_new(before, sent) else loaded + unknown(before.fields or [], names),
        [name for name in loaded if chosen[name] is Treatment.HASH] + unknown(before.hashed, names),
        absent + unknown(before.left_out, names),
    )


def _sent(before: ObjectChoice, sent: MultiDict[str, str], name: str) -> Treatment:
    value = sent.get(f"treatment-{name}", "")
    return Treatment(value) if value in set(Treatment) else treatment_of(before, name)


def check(choice: ObjectChoice) -> None:
    """Check the treatments that a program sent. Raises TreatmentRefused."""
    cursor = choice.cursor_field or USUAL_CURSOR
    for name in (*choice.hashed, *choice.left_out):
        if not is_api_name(name):
            raise TreatmentRefused(gettext("%(name)s can’t be the API name of a field.", name=name[:80]))
        if is_needed(name, cursor):
            raise TreatmentRefused(_refused(name))
        is_hashed, is_left_out = _has(choice.hashed, name), _has(choice.left_out, name)
        if is_hashed and is_left_out:
            raise TreatmentRefused(gettext("%(name)s is hashed and left out. Choose one of the two.", name=name))
        if choice.fields is not None and _has(choice.fields, name) is is_left_out:
            raise TreatmentRefused(
                gettext("%(name)s is hashed but not among the fields. Add it to them.", name=name)
                if is_hashed
                else gettext("%(name)s is left out and among the fields. Remove it from one of the two.", name=name)
            )


def _refused(name: str) -> str:
    return gettext("%(name)s is needed as it is: without it DataSync can’t keep the rows up to date.", name=name)


def pending_columns(chosen: ExtractionObject) -> set[str]:
    """The columns that the next run empties or hashes: no page shows them until then."""
    names = (chosen.loaded_as or LoadedAs()).newly_treated(chosen.hashed, chosen.left_out)
    columns = [columns for name, columns in chosen.field_columns.items() if _has(names, name)]
    return {column.lower() for each in columns for column in each.values()}


def summary(choice: ObjectChoice | ExtractionObject) -> str:
    """How many fields are hashed and left out; '' when all are loaded unchanged."""
    hashed, left_out = len(choice.hashed), len(choice.left_out)
    parts = [ngettext("%(num)s field hashed", "%(num)s fields hashed", hashed)] if hashed else []
    if left_out:
        parts.append(
            ngettext("%(num)s left out", "%(num)s left out", left_out)
            if hashed
            else ngettext("%(num)s field left out", "%(num)s fields left out", left_out)
        )
    return ", ".join(parts)
