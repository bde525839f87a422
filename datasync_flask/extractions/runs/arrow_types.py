"""The types of columns in Arrow, apart from what pages need to know of columns: they don't load Arrow."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from datasync_flask.destinations.base import DECIMAL_PRECISION, DECIMAL_SCALE, KEY, Column, ColumnType

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
    """The Arrow schema of columns. If it differs from the table's, dlt rewrites each file."""
    return pa.schema([pa.field(each.name, ARROW_TYPES[each.type], nullable=each.name != KEY) for each in columns])
