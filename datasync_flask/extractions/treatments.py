"""Personal data: which fields are loaded, left out or hashed, as a form shows it, checked, and as a summary."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from flask_babel import gettext, ngettext
from werkzeug.datastructures import MultiDict

from datasync_flask.extractions.models import ExtractionObject
from datasync_flask.extractions.runs.plan import LoadedAs, is_needed
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
    if name in choice.left_out or (choice.fields is not None and name not in choice.fields):
        return Treatment.LEAVE_OUT
    return Treatment.HASH if name in choice.hashed else Treatment.LOAD


def lines(
    choice: ObjectChoice,
    sent: MultiDict[str, str],
    fields: Iterable[Field],
    cursor: str,
    columns: Mapping[str, Mapping[str, str]] = NO_COLUMNS,
) -> list[FieldLine]:
    """The fields of an object as sent, or else as stored, with their columns."""
    return [
        FieldLine(
            each, _sent(choice, sent, each.name), _reason(each.name, cursor), (*columns.get(each.name, {}).values(),)
        )
        for each in fields
    ]


def loads_new(choice: ObjectChoice, sent: MultiDict[str, str]) -> bool:
    """True when fields added in Salesforce are loaded too."""
    return sent.get("which", "all" if choice.fields is None else "some") == "all"


def _reason(name: str, cursor: str) -> str:
    if name == "Id":
        return str(gettext("Always loaded: identifies the row"))
    if name == "IsDeleted":
        return str(gettext("Always loaded: tells which rows were deleted"))
    return str(gettext("Always loaded: tells which rows changed")) if is_needed(name, cursor) else ""


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
        absent = [name for name in absent if name in before.left_out or name in was_loaded]
    # A field that the user can't see at the moment keeps its treatment for when it comes back.
    return Treated(
        None if loads_new(before, sent) else loaded + _unknown(before.fields or [], names),
        [name for name in loaded if chosen[name] is Treatment.HASH] + _unknown(before.hashed, names),
        absent + _unknown(before.left_out, names),
    )


def _sent(before: ObjectChoice, sent: MultiDict[str, str], name: str) -> Treatment:
    value = sent.get(f"treatment-{name}", "")
    return Treatment(value) if value in set(Treatment) else treatment_of(before, name)


def _unknown(names: list[str], known: Collection[str]) -> list[str]:
    return [name for name in names if name not in known]


def check(choice: ObjectChoice) -> None:
    """Check the treatments that a program sent. Raises TreatmentRefused."""
    cursor = choice.cursor_field or USUAL_CURSOR
    for name in (*choice.hashed, *choice.left_out):
        if not is_api_name(name):
            raise TreatmentRefused(gettext("%(name)s can't be the API name of a field.", name=name[:80]))
        if is_needed(name, cursor):
            raise TreatmentRefused(_refused(name))
        if name in choice.hashed and name in choice.left_out:
            raise TreatmentRefused(gettext("%(name)s is hashed and left out. Choose one of the two.", name=name))
        if choice.fields is not None and (name in choice.fields) is (name in choice.left_out):
            raise TreatmentRefused(
                gettext("%(name)s is hashed but not among the fields. Add it to them.", name=name)
                if name in choice.hashed
                else gettext("%(name)s is left out and among the fields. Remove it from one of the two.", name=name)
            )


def _refused(name: str) -> str:
    return str(gettext("%(name)s is needed as it is: without it DataSync can't keep the rows up to date.", name=name))


def pending_columns(chosen: ExtractionObject) -> set[str]:
    """The columns that the next run empties or hashes: no page shows them until then."""
    before = chosen.loaded_as or LoadedAs()
    names = {*chosen.hashed} - {*before.hashed.split(",")} | {*chosen.left_out} - {*before.left_out.split(",")}
    return {column.lower() for name in names for column in chosen.field_columns.get(name, {}).values()}


def summary(choice: ObjectChoice | ExtractionObject) -> str:
    """How many fields are hashed and left out; '' when all are loaded unchanged."""
    hashed, left_out = len(choice.hashed), len(choice.left_out)
    parts = [str(ngettext("%(num)s field hashed", "%(num)s fields hashed", hashed))] if hashed else []
    if left_out:
        parts.append(
            str(ngettext("%(num)s left out", "%(num)s left out", left_out))
            if hashed
            else str(ngettext("%(num)s field left out", "%(num)s fields left out", left_out))
        )
    return ", ".join(parts)
