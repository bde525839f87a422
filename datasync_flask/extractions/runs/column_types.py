"""Salesforce's fields as columns: names in snake case, and types. Values are parsed in values.py.

Source: Object Reference "Field Types".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from datasync_flask.destinations.base import (
    DELETED_COLUMN,
    KEY,
    ORG_ID_COLUMN,
    ORG_NAME_COLUMN,
    VALID_FROM,
    VALID_TO,
    VERSION_COLUMN,
    Column,
    ColumnType,
    shorten,
)
from datasync_flask.extractions.names import new_name, snake_case
from datasync_flask.extractions.runs.notes import NoteKind, note
from datasync_flask.salesforce.descriptions import Field

_TYPES = {
    "boolean": ColumnType.BOOL,
    "int": ColumnType.BIGINT,
    "long": ColumnType.BIGINT,
    "double": ColumnType.DOUBLE,
    "currency": ColumnType.DECIMAL,
    "percent": ColumnType.DECIMAL,
    "date": ColumnType.DATE,
    "datetime": ColumnType.TIMESTAMP,
    "time": ColumnType.TIME,
}
# By API name: the field's columns with their types, the oldest first.
GivenNames = dict[str, dict[str, str]]
_NONE: Mapping[str, str] = MappingProxyType({})
# Columns that each table of PostgreSQL has already ("System Columns" in its documentation).
_OF_POSTGRESQL = ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")
# Columns with a meaning for destinations, and the one field that may use each ('' for none).
_RESERVED = {
    KEY: "Id",
    DELETED_COLUMN: "IsDeleted",
    **dict.fromkeys(
        (VALID_FROM, VALID_TO, VERSION_COLUMN, ORG_ID_COLUMN, ORG_NAME_COLUMN, "_dlt_id", "_dlt_load_id"), ""
    ),
    **dict.fromkeys(_OF_POSTGRESQL, ""),
}


def is_shortened(name: str, column: str) -> bool:
    """True when an API name was too long for the destination: then the column ends with a hash of the whole name."""
    spelled = snake_case(name)
    return len(column) < len(spelled) and column == shorten(spelled, len(column))


def shortened_notes(columns: dict[str, Column], table: str, table_name: str) -> list[str]:
    """A note of a run for each name that was too long for the destination."""
    names = {field: column.name for field, column in columns.items()} | {table: table_name}
    return [note(NoteKind.SHORTENED, name, short) for name, short in names.items() if is_shortened(name, short)]


def type_of(found: Field) -> ColumnType:
    """The type of a field's column."""
    return _TYPES.get(found.type, ColumnType.TEXT)


def respelled(given: GivenNames, fields: Iterable[Field]) -> GivenNames:
    """A copy of the columns of fields, under the names that these have now: capitals can be changed in Salesforce."""
    now = {each.name.lower(): each.name for each in fields if each.name not in given}
    return {now.get(name.lower(), name): dict(columns) for name, columns in given.items()}


def columns_for(
    fields: Iterable[Field],
    given: GivenNames,
    known: Mapping[str, str] = _NONE,
    limit: int | None = None,
    hashed: Collection[str] = (),
    elsewhere: GivenNames | None = None,
) -> tuple[dict[str, Column], list[str]]:
    """The column of each field, and the names of fields whose type has changed since their first column.

    `given` has the names of existing columns. A field keeps its columns there, in whatever order fields come, go and
    come back; new names are added to it. A field whose type changed gets another column beside the first, such as
    score_c_v_text. `known` are the table's columns with their types, for columns without a known field. New names
    longer than `limit` are shortened. Columns of `hashed` fields are texts. `elsewhere` has the names of other orgs'
    fields in the same table: a field with the same name and type shares its column, one with another type gets
    another column.
    """
    found, retyped, elsewhere = {}, [], {name.lower(): names for name, names in (elsewhere or {}).items()}
    theirs = {name for names in elsewhere.values() for name in names.values()}
    taken = {name for names in given.values() for name in names.values()}

    for each in fields:
        kind = ColumnType.TEXT if each.name in hashed else type_of(each)
        names = given.setdefault(each.name, {})
        if kind.value not in names:
            owned = {name for name, owner in _RESERVED.items() if owner.lower() != each.name.lower()}
            other = {name for name, known_kind in known.items() if known_kind != kind.value}
            shared = elsewhere.get(each.name.lower(), {})
            first = next(iter((names or shared).values()), "")
            wanted = shared.get(kind.value) or (f"{first}_v_{kind.value}" if first else snake_case(each.name))
            names[kind.value] = new_name(wanted, taken | owned | other | (theirs - set(shared.values())), limit)
            taken.add(names[kind.value])
        if next(iter(names)) != kind.value and each.name not in hashed:
            retyped.append(each.name)
        found[each.name] = Column(names[kind.value], kind)
    return found, retyped
