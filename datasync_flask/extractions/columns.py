"""Salesforce's fields as columns: names in snake case, types of Arrow, values parsed without loss.

Sources: Object Reference "Field Types"; Bulk API 2.0 Developer Guide "Format of CSV responses".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from datasync_flask.destinations.base import (
    DECIMAL_PRECISION,
    DECIMAL_SCALE,
    DELETED_COLUMN,
    KEY,
    VALID_FROM,
    VALID_TO,
    VERSION_COLUMN,
    Column,
    ColumnType,
    shorten,
)
from datasync_flask.extractions.names import new_name, snake_case
from datasync_flask.salesforce.data import Field

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
ARROW_TYPES = {
    ColumnType.TEXT: pa.string(),
    ColumnType.BIGINT: pa.int64(),
    ColumnType.DOUBLE: pa.float64(),
    ColumnType.DECIMAL: pa.decimal128(DECIMAL_PRECISION, DECIMAL_SCALE),
    ColumnType.BOOL: pa.bool_(),
    ColumnType.DATE: pa.date32(),
    ColumnType.TIMESTAMP: pa.timestamp("us", "UTC"),
    ColumnType.TIME: pa.time64("us"),
}

# By API name: the field's columns by their types, the first one first.
GivenNames = dict[str, dict[str, str]]
_NONE: Mapping[str, str] = MappingProxyType({})
# Columns that mean something to the destinations, and the one field that may have each ('' for none).
_RESERVED = {
    KEY: "Id",
    DELETED_COLUMN: "IsDeleted",
    **dict.fromkeys((VALID_FROM, VALID_TO, VERSION_COLUMN, "_dlt_id", "_dlt_load_id"), ""),
}

# What a float is written with: up to 17 digits, some of them behind zeros.
_LONGER = pa.decimal128(38, 19)
_WIDE = pa.decimal256(76, 38)
SAMPLE = 100
_STEP = Decimal(1).scaleb(-DECIMAL_SCALE)
_EXACT = Context(prec=DECIMAL_PRECISION)


def arrow_schema(columns: Iterable[Column]) -> pa.Schema:
    """Return the Arrow schema of columns. Where dlt finds another one than the table's, it writes each file anew."""
    return pa.schema([pa.field(each.name, ARROW_TYPES[each.type], nullable=each.name != KEY) for each in columns])


def is_shortened(name: str, column: str) -> bool:
    """True when an API name was too long for the destination: its name there ends with a mark made of all of it."""
    spelled = snake_case(name)
    return len(column) < len(spelled) and column == shorten(spelled, len(column))


def shortened_notes(columns: dict[str, Column], table: str, table_name: str) -> list[str]:
    """Return a note of a run for each name that was too long for the destination."""
    names = {field: column.name for field, column in columns.items()} | {table: table_name}
    return [f"shortened:{name}:{short}" for name, short in names.items() if is_shortened(name, short)]


def type_of(found: Field) -> ColumnType:
    """Return the type of a field's column."""
    return _TYPES.get(found.type, ColumnType.TEXT)


def columns_for(
    fields: Iterable[Field], given: GivenNames, known: Mapping[str, str] = _NONE, limit: int | None = None
) -> tuple[dict[str, Column], list[str]]:
    """Return the column of each field, and the names of fields whose type changed since their first column was made.

    `given` are the names that columns have: what a field has in it stays, in whatever order fields come, go and come
    back; what is named now is added to it. A field of another type gets a column of its own beside the first:
    score_c_v_text. `known` are the table's columns with their types, in case nobody remembers whose they are. New
    names that are longer than `limit` are shortened.
    """
    found, retyped = {}, []
    taken = {name for names in given.values() for name in names.values()}

    for each in fields:
        kind, names = type_of(each), given.setdefault(each.name, {})
        if kind.value not in names:
            owned = {name for name, owner in _RESERVED.items() if owner != each.name}
            other = {name for name, known_kind in known.items() if known_kind != kind.value}
            first = next(iter(names.values()), "")
            wanted = f"{first}_v_{kind.value}" if first else snake_case(each.name)
            names[kind.value] = new_name(wanted, taken | owned | other, limit)
            taken.add(names[kind.value])
        if next(iter(names)) != kind.value:
            retyped.append(each.name)
        found[each.name] = Column(names[kind.value], kind)
    return found, retyped


def parsed(texts: pa.Array, kind: ColumnType) -> pa.Array:
    """Return a column of texts, as Bulk's CSV has them, in the column's type; what is empty is null.

    Raises pyarrow.ArrowInvalid for what isn't of that type.
    """
    if kind is ColumnType.TEXT:
        return texts
    if kind is ColumnType.BOOL:
        return pc.equal(pc.utf8_lower(texts), "true")
    if kind is ColumnType.DATE:
        return pc.cast(pc.utf8_slice_codeunits(texts, 0, 10), pa.date32())
    if kind is ColumnType.TIMESTAMP:
        return _timestamps(texts)
    if kind is ColumnType.TIME:
        moments = pc.binary_join_element_wise("1970-01-01T", pc.replace_substring_regex(texts, r"Z$", ""), "")
        return pc.cast(pc.cast(moments, pa.timestamp("us")), pa.time64("us"))
    if kind is ColumnType.DOUBLE:
        return pc.cast(texts, pa.float64())
    if kind is ColumnType.BIGINT:
        try:
            return pc.cast(texts, pa.int64())
        except pa.ArrowInvalid:
            # An int comes as 5.0 sometimes.
            return pc.cast(pc.cast(texts, pa.float64()), pa.int64(), safe=False)
    return _decimals(texts)


def _timestamps(texts: pa.Array) -> pa.Array:
    # Z in CSV, +0000 in JSON; both mean UTC.
    try:
        return pc.cast(texts, ARROW_TYPES[ColumnType.TIMESTAMP])
    except pa.ArrowInvalid:
        # Without a zone, UTC is meant as well.
        plain = pc.replace_substring_regex(texts, r"(Z|[+-]00:?00)$", "")
        return pc.assume_timezone(pc.cast(plain, pa.timestamp("us")), "UTC")


def _decimals(texts: pa.Array) -> pa.Array:
    target = ARROW_TYPES[ColumnType.DECIMAL]
    # The target doesn't take more digits behind the point than it keeps; the widest type is the slowest.
    for kind in (target, _LONGER, _WIDE):
        try:
            # A column's numbers are alike: its first ones tell at once what all of them would tell slowly.
            pc.cast(texts.slice(0, SAMPLE), kind)
            exact = pc.cast(texts, kind)
            return exact if kind == target else pc.cast(pc.round(exact, DECIMAL_SCALE, "half_to_even"), target)
        except pa.ArrowInvalid:
            continue
    return pa.array([None if text is None else _decimal(text) for text in texts.to_pylist()], target)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text).quantize(_STEP, context=_EXACT)
    except InvalidOperation:
        raise pa.ArrowInvalid(f"not a number of at most {DECIMAL_PRECISION} digits: {text[:50]!r}") from None


def from_json(values: list[Any], kind: ColumnType) -> pa.Array:
    """Return a column of values, as REST's JSON has them, in the column's type."""
    if kind is ColumnType.BOOL:
        return pa.array([value if isinstance(value, bool) else None for value in values], pa.bool_())
    texts = [None if value is None or value == "" else _text(value) for value in values]
    return parsed(pa.array(texts, pa.string()), kind)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value.replace("\x00", "")
    return repr(value) if isinstance(value, float) else str(value)
