"""DuckDB's SQL for making a table's new Parquet files from its old ones and the loaded rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datasync_flask.destinations.base import (
    DELETED_COLUMN,
    KEY,
    ORG_ID_COLUMN,
    ORG_NAME_COLUMN,
    VALID_FROM,
    VALID_TO,
    VERSION_COLUMN,
    ColumnType,
    Load,
    Table,
)

VALUES_AT_ONCE = 20_000
SQL_TYPES = {
    ColumnType.TEXT: "VARCHAR",
    ColumnType.BIGINT: "BIGINT",
    ColumnType.DOUBLE: "DOUBLE",
    ColumnType.DECIMAL: "DECIMAL(38, 9)",
    ColumnType.BOOL: "BOOLEAN",
    ColumnType.DATE: "DATE",
    ColumnType.TIMESTAMP: "TIMESTAMPTZ",
    ColumnType.TIME: "TIME",
}


def text(value: Any) -> str:
    """A text as an SQL literal."""
    return "'" + str(value).replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A quoted SQL name."""
    return '"' + name.replace('"', '""') + '"'


def org_condition(table: Table) -> str:
    """The condition for the rows of the table's org in a table of several orgs; always true in others."""
    return f"{quoted(ORG_ID_COLUMN)} = {text(table.org_id)}" if table.org_id else "true"


def rows_of(files: Iterable[Path]) -> str:
    """A query for the rows of files, whose columns may differ."""
    return f"SELECT * FROM read_parquet([{', '.join(map(text, files))}], union_by_name => true)"


def loaded(load: Load, old: str, before: list[str]) -> str:
    """A query for the table after a load; `old` is one for its rows and `before` its columns, if there are any.

    Rows of the table that aren't in `old` aren't in the load either.
    """
    names = [column.name for column in load.columns]
    fresh = _each_once(load)
    if load.keeps_history:
        return _versions(load, fresh, old if before else "", before)
    if load.replaces and load.table.org_id and before:
        return f"SELECT * FROM ({fresh}) UNION ALL BY NAME {without_org(load.table, old)}"
    if load.replaces:
        kept = [column for column in load.known_columns if column.name not in names]
        extra = "".join(f", CAST(NULL AS {SQL_TYPES[column.type]}) AS {quoted(column.name)}" for column in kept)
        return f"SELECT *{extra} FROM ({fresh})"
    remaining = ""
    if load.removes_deleted and DELETED_COLUMN in names:
        remaining = f" WHERE NOT coalesce({quoted(DELETED_COLUMN)}, false)"
    query = f"SELECT * FROM ({fresh}){remaining}"
    if before:
        query = (
            f"{query} UNION ALL BY NAME SELECT * FROM ({old}) o "
            f"WHERE NOT EXISTS (SELECT 1 FROM ({rows_of(load.files)}) n WHERE {_same_row(load, 'n', 'o')})"
        )
    return query


def _same_row(load: Load, one: str, other: str) -> str:
    return " AND ".join(f"{one}.{quoted(name)} = {other}.{quoted(name)}" for name in load.table.key)


def _each_once(load: Load) -> str:
    """A query for the loaded rows, each id once; without duplicates, no sorting is needed."""
    rows, key = rows_of(load.files), quoted(KEY)
    with bounded(load.work_dir / "spill") as connection:
        ((has_doubles,),) = connection.execute(f"SELECT count(*) > count(DISTINCT {key}) FROM ({rows})").fetchall()
    return f"{rows} QUALIFY row_number() OVER (PARTITION BY {key}) = 1" if has_doubles else rows


def _versions(load: Load, fresh: str, old: str, before: list[str]) -> str:
    version = quoted(VERSION_COLUMN)
    begin, end = quoted(VALID_FROM), quoted(VALID_TO)
    now = "now()::TIMESTAMPTZ"
    never = "CAST(NULL AS TIMESTAMPTZ)"
    if not old:
        return f"SELECT *, {now} AS {begin}, {never} AS {end} FROM ({fresh})"
    if VALID_TO not in before:
        old = f"SELECT *, {never} AS {begin}, {never} AS {end} FROM ({old})"
    if VERSION_COLUMN not in before:
        old = f"SELECT *, '' AS {version} FROM ({old})"
    row = _same_row(load, "f", "o")
    affected = org_condition(load.table) if load.replaces else f"EXISTS (SELECT 1 FROM fresh f WHERE {row})"
    holds = f"o.{end} IS NULL"
    same = f"EXISTS (SELECT 1 FROM fresh f WHERE {row} AND f.{version} = o.{version})"
    known = f"EXISTS (SELECT 1 FROM old o WHERE {row} AND o.{version} = f.{version} AND {holds})"
    return (
        f"WITH fresh AS ({fresh}), old AS ({old}) "
        f"SELECT o.* REPLACE (CASE WHEN {holds} AND {affected} AND NOT {same} "
        f"THEN {now} ELSE o.{end} END AS {end}) "
        f"FROM old o UNION ALL BY NAME "
        f"SELECT f.*, {now} AS {begin}, {never} AS {end} FROM fresh f WHERE NOT {known}"
    )


def without(table: Table, keys: list[str], old: str, names: list[str], *, marks: bool) -> str:
    """A query for a table's rows without those with these ids, or with is_deleted set in them."""
    gone = f"({quoted(KEY)} IN ({', '.join(map(text, keys))}) AND {org_condition(table)})"
    if marks and DELETED_COLUMN in names:
        return f"SELECT * REPLACE ({quoted(DELETED_COLUMN)} OR {gone} AS {quoted(DELETED_COLUMN)}) FROM ({old})"
    if VALID_TO in names:
        end = quoted(VALID_TO)
        return f"SELECT * REPLACE (CASE WHEN {gone} AND {end} IS NULL THEN now() ELSE {end} END AS {end}) FROM ({old})"
    return f"SELECT * FROM ({old}) WHERE NOT ({gone})"


def without_org(table: Table, old: str) -> str:
    """A query for a table's rows without those of its org."""
    return f"SELECT * FROM ({old}) WHERE NOT ({org_condition(table)})"


def with_org_name(table: Table, name: str, old: str) -> str:
    """A query for a table's rows with this name in those of its org."""
    column = quoted(ORG_NAME_COLUMN)
    renamed = f"CASE WHEN {org_condition(table)} THEN {text(name)} ELSE {column} END AS {column}"
    return f"SELECT * REPLACE ({renamed}) FROM ({old})"


def emptied(table: Table, names: tuple[str, ...], old: str, before: list[str]) -> str:
    """A query for a table's rows with these columns empty, and without version marks derived from their values."""
    ours = org_condition(table)
    changes = [f"CASE WHEN NOT ({ours}) THEN {quoted(name)} END AS {quoted(name)}" for name in names]
    if VERSION_COLUMN in before:
        version = quoted(VERSION_COLUMN)
        changes.append(f"CASE WHEN {ours} THEN '' ELSE {version} END AS {version}")
    return f"SELECT * REPLACE ({', '.join(changes)}) FROM ({old})"


def may_hold_org(file: Any, org_id: str) -> bool:
    """True unless a Parquet file certainly has no row of an org."""
    position = file.schema_arrow.names.index(ORG_ID_COLUMN)
    for number in range(file.num_row_groups):
        about = file.metadata.row_group(number).column(position).statistics
        if about is None or not about.has_min_max or about.min <= org_id <= about.max:
            return True
    return False


def values_in(file: Any, names: tuple[str, ...], table: Table) -> Iterator[list[tuple[Any, ...]]]:
    """Yield ids with the values of a Parquet file's columns, current versions only; None for missing columns."""
    wanted = (KEY, *names, VALID_TO, *([ORG_ID_COLUMN] if table.org_id else []))
    there = [name for name in wanted if name in file.schema_arrow.names]
    for batch in file.iter_batches(VALUES_AT_ONCE, columns=there, use_threads=False):
        rows = (
            row
            for row in batch.to_pylist()
            if row.get(VALID_TO) is None and table.org_id in {"", row.get(ORG_ID_COLUMN)}
        )
        yield [tuple(row.get(name) for name in (KEY, *names)) for row in rows]


@contextmanager
def bounded(spill: Path) -> Iterator[Any]:
    """Open DuckDB with little memory; the rest goes into the folder `spill`."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET memory_limit = '256MB'")
        connection.execute(f"SET temp_directory = {text(spill)}")
        yield connection


def write(query: str, target: Path, spill: Path, *, file_size: str = "") -> None:
    """Write the rows of a query to one file, or with a `file_size` to several of about that size in a folder."""
    how = "FORMAT parquet, COMPRESSION zstd"
    with bounded(spill) as connection:
        if file_size:
            # By default DuckDB collects 122,880 rows per thread, however wide they are. One thread is as fast here.
            connection.execute("SET preserve_insertion_order = false")
            connection.execute("SET threads = 1")
            how += f", FILE_SIZE_BYTES {text(file_size)}, ROW_GROUP_SIZE_BYTES '8MB'"
        connection.execute(f"COPY ({query}) TO {text(target)} ({how})")
