"""Salesforce's fields as columns: names in snake case, types of Arrow. Values are parsed in values.py.

Source: Object Reference "Field Types".
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import pyarrow as pa

from datasync_flask.destinations.base import DECIMAL_PRECISION, DECIMAL_SCALE, KEY, Column, ColumnType
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


def arrow_schema(columns: Iterable[Column]) -> pa.Schema:
    """Return the Arrow schema of columns. Where dlt finds another one than the table's, it writes each file anew."""
    return pa.schema([pa.field(each.name, ARROW_TYPES[each.type], nullable=each.name != KEY) for each in columns])


@lru_cache(maxsize=10_000)
def snake_case(name: str) -> str:
    """Return an API name as dlt's naming convention spells it: SystemModstamp, system_modstamp."""
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    return NamingConvention().normalize_identifier(name)


def type_of(found: Field) -> ColumnType:
    """Return the type of a field's column."""
    return _TYPES.get(found.type, ColumnType.TEXT)


def columns_for(fields: Iterable[Field], known: dict[str, str]) -> tuple[dict[str, Column], list[str]]:
    """Return the column of each field, and the names of fields whose type changed since the table was made.

    A field of another type than its column gets a column of its own beside it: score_c_v_text.
    """
    found, retyped = {}, []
    taken: set[str] = set()
    for each in fields:
        kind, name = type_of(each), snake_case(each.name)
        if name in known and known[name] != kind.value:
            name = f"{name}_v_{kind.value}"
            retyped.append(each.name)
        while name in taken:
            # Two API names may be one in snake case.
            name += "_x"
        taken.add(name)
        found[each.name] = Column(name, kind)
    return found, retyped
