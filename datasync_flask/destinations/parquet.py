"""Parquet files: one per table, replaced in one atomic step.

dlt's filesystem destination can't merge into plain Parquet, so DuckDB does: it reads the old file and the new rows and
writes the new file, streaming.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasync_flask.destinations.base import (
    DELETED_COLUMN,
    KEY,
    VALID_FROM,
    VALID_TO,
    VERSION_COLUMN,
    Destination,
    DestinationError,
    Fault,
    Load,
    Preview,
    Table,
)
from datasync_flask.destinations.file_lock import FileLock

if TYPE_CHECKING:
    import pyarrow as pa

KEYS_AT_ONCE = 50_000


def _text(value: Any) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class Parquet(Destination):
    """FOLDER/dataset/table.parquet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def file(self, table: Table) -> Path:
        """Return the table's file. Raises DestinationError where a link leads out of the folder."""
        found = self._folder / table.dataset / f"{table.name}.parquet"
        if not found.resolve().is_relative_to(self._folder.resolve()):
            raise DestinationError(Fault.NAME_REFUSED, f"{table.dataset}/{table.name} leads out of its folder", "path")
        return found

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except DestinationError:
            raise
        except Exception as error:
            low = str(error).lower()
            if "no space left" in low or "disk" in low:
                raise DestinationError(Fault.DISK_FULL, str(error), "path") from error
            if isinstance(error, PermissionError | NotADirectoryError | FileExistsError) or "permission" in low:
                raise DestinationError(Fault.NO_RIGHT, str(error), "path") from error
            raise DestinationError(Fault.UNEXPECTED, str(error), "path") from error

    def check(self) -> None:
        """See whether files can be written and removed."""
        with self._faults():
            self._folder.mkdir(parents=True, exist_ok=True)
            probe = self._folder / "_datasync_check"
            probe.write_bytes(b"x")
            probe.unlink()

    def has_table(self, table: Table) -> bool:
        """True when the table's file exists."""
        return self.file(table).exists()

    def _columns(self, table: Table) -> list[str]:
        import pyarrow.parquet as pq

        return list(pq.read_schema(self.file(table)).names) if self.has_table(table) else []

    def load(self, load: Load) -> None:
        """Write a new file from the old one and the new rows, and put it in the old one's place."""
        with self._alone(load.table), self._faults():
            before = self._columns(load.table)
            files = ", ".join(_text(file) for file in load.files)
            names = [column.name for column in load.columns]
            key = _quoted(KEY)
            fresh = (
                f"SELECT * FROM read_parquet([{files}], union_by_name => true) "
                f"QUALIFY row_number() OVER (PARTITION BY {key}) = 1"
            )
            old = f"SELECT * FROM read_parquet({_text(self.file(load.table))})"
            if load.keeps_history:
                query = self._versions(load, fresh, old if before else "", before)
            elif load.replaces:
                kept = [column for column in load.known_columns if column.name not in names]
                extra = "".join(
                    f", CAST(NULL AS {_sql_type(column.type)}) AS {_quoted(column.name)}" for column in kept
                )
                query = f"SELECT *{extra} FROM ({fresh})"
            else:
                remaining = ""
                if load.removes_deleted and DELETED_COLUMN in names:
                    remaining = f" WHERE NOT coalesce({_quoted(DELETED_COLUMN)}, false)"
                query = f"SELECT * FROM ({fresh}){remaining}"
                if before:
                    query = (
                        f"{query} UNION ALL BY NAME SELECT * FROM ({old}) o "
                        f"WHERE NOT EXISTS (SELECT 1 FROM read_parquet([{files}]) n WHERE n.{key} = o.{key})"
                    )
            self._write(load.table, query)

    def _versions(self, load: Load, fresh: str, old: str, before: list[str]) -> str:
        key, version = _quoted(KEY), _quoted(VERSION_COLUMN)
        begin, end = _quoted(VALID_FROM), _quoted(VALID_TO)
        now = "now()::TIMESTAMPTZ"
        never = "CAST(NULL AS TIMESTAMPTZ)"
        if not old:
            return f"SELECT *, {now} AS {begin}, {never} AS {end} FROM ({fresh})"
        if VALID_TO not in before:
            old = f"SELECT *, {never} AS {begin}, {never} AS {end} FROM ({old})"
        if VERSION_COLUMN not in before:
            old = f"SELECT *, '' AS {version} FROM ({old})"
        affected = "true" if load.replaces else f"EXISTS (SELECT 1 FROM fresh f WHERE f.{key} = o.{key})"
        holds = f"o.{end} IS NULL"
        same = f"EXISTS (SELECT 1 FROM fresh f WHERE f.{key} = o.{key} AND f.{version} = o.{version})"
        known = f"EXISTS (SELECT 1 FROM old o WHERE o.{key} = f.{key} AND o.{version} = f.{version} AND {holds})"
        return (
            f"WITH fresh AS ({fresh}), old AS ({old}) "
            f"SELECT o.* REPLACE (CASE WHEN {holds} AND {affected} AND NOT {same} "
            f"THEN {now} ELSE o.{end} END AS {end}) "
            f"FROM old o UNION ALL BY NAME "
            f"SELECT f.*, {now} AS {begin}, {never} AS {end} FROM fresh f WHERE NOT {known}"
        )

    def _alone(self, table: Table) -> AbstractContextManager[None]:
        # Others read the old file until the new one is in its place; only who writes has to wait.
        return FileLock(self.file(table)).held(self.patience)

    def _write(self, table: Table, query: str) -> None:
        import duckdb

        target = self.file(table)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft, spill = target.with_suffix(".parquet.new"), target.with_name(f".{table.name}.spill")
        draft.unlink(missing_ok=True)
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET memory_limit = '256MB'")
            connection.execute(f"SET temp_directory = {_text(spill)}")
            connection.execute(f"COPY ({query}) TO {_text(draft)} (FORMAT parquet, COMPRESSION zstd)")
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(target)
        # Of its own, so that two tables written at once don't take each other's working files.
        if spill.is_dir() and not spill.is_symlink():
            shutil.rmtree(spill, ignore_errors=True)

    def _query(self, sql: str) -> list[tuple[Any, ...]]:
        import duckdb

        with self._faults(), duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return list(connection.execute(sql).fetchall())

    def _source(self, table: Table, *, without_deleted: bool) -> str:
        names = self._columns(table)
        conditions = [f"{_quoted(VALID_TO)} IS NULL"] if VALID_TO in names else []
        if without_deleted and DELETED_COLUMN in names:
            conditions.append(f"NOT coalesce({_quoted(DELETED_COLUMN)}, false)")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"read_parquet({_text(self.file(table))}){where}"

    def count(self, table: Table, *, without_deleted: bool) -> int:
        """Return the number of rows; of a table with history, of the versions that hold now."""
        with self._faults():
            source = self._source(table, without_deleted=without_deleted)
        return int(self._query(f"SELECT COUNT(*) FROM {source}")[0][0])

    def keys(self, table: Table, *, without_deleted: bool) -> Iterator[pa.Array]:
        """Yield the ids of all rows (that hold now) in pieces."""
        import duckdb

        with self._faults(), duckdb.connect() as connection:
            source = self._source(table, without_deleted=without_deleted)
            reader = connection.sql(f"SELECT {_quoted(KEY)} FROM {source}").to_arrow_reader(KEYS_AT_ONCE)
            for batch in reader:
                yield batch.column(0)

    def delete(self, table: Table, keys: list[str], *, marks: bool) -> int:
        """Write the file again, without the rows, or with is_deleted set."""
        with self._alone(table), self._faults():
            names = self._columns(table)
            gone = f"{_quoted(KEY)} IN ({', '.join(_text(key) for key in keys)})"
            source = f"read_parquet({_text(self.file(table))})"
            if marks and DELETED_COLUMN in names:
                query = (
                    f"SELECT * REPLACE ({_quoted(DELETED_COLUMN)} OR {gone} AS {_quoted(DELETED_COLUMN)}) FROM {source}"
                )
            elif VALID_TO in names:
                end = _quoted(VALID_TO)
                ended = f"CASE WHEN {gone} AND {end} IS NULL THEN now() ELSE {end} END"
                query = f"SELECT * REPLACE ({ended} AS {end}) FROM {source}"
            else:
                query = f"SELECT * FROM {source} WHERE NOT ({gone})"
            self._write(table, query)
        return len(keys)

    def preview(self, table: Table, rows: int) -> Preview:
        """Return columns with their types, and the first rows."""
        if not self.has_table(table):
            raise DestinationError(Fault.UNEXPECTED, f"there is no table {table.name}")
        source = f"read_parquet({_text(self.file(table))})"
        columns = tuple((str(row[0]), str(row[1])) for row in self._query(f"DESCRIBE SELECT * FROM {source}"))
        return Preview(columns, tuple(self._query(f"SELECT * FROM {source} LIMIT {int(rows)}")))

    def snippets(self, table: Table) -> dict[str, str]:
        """Return how to read the table from other programs."""
        file = self.file(table)
        return {
            "DuckDB": f"SELECT * FROM '{file}' LIMIT 100;",
            "pandas": f'import pandas\n\ntable = pandas.read_parquet("{file}")',
        }


def _sql_type(column_type: str) -> str:
    return {
        "text": "VARCHAR",
        "bigint": "BIGINT",
        "double": "DOUBLE",
        "decimal": "DECIMAL(38, 9)",
        "bool": "BOOLEAN",
        "date": "DATE",
        "timestamp": "TIMESTAMPTZ",
        "time": "TIME",
    }[str(column_type)]
