"""Parquet files: one per table, replaced in one atomic step.

dlt's filesystem destination can't merge into plain Parquet, so DuckDB does. It streams the old file and the new rows
into the new file.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasync_flask.destinations import parquet_queries as queries
from datasync_flask.destinations.base import (
    DELETED_COLUMN,
    KEY,
    VALID_TO,
    Destination,
    DestinationError,
    Fault,
    Load,
    Preview,
    Table,
)
from datasync_flask.destinations.data_folder import inside
from datasync_flask.destinations.destination_kind import FILE_FIELDS, DestinationKind, Settings
from datasync_flask.destinations.file_lock import FileLock
from datasync_flask.destinations.parquet_queries import quoted, text

if TYPE_CHECKING:
    import pyarrow as pa

KEYS_AT_ONCE = 50_000


class Parquet(Destination):
    """FOLDER/dataset/table.parquet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def file(self, table: Table) -> Path:
        """The table's file. Raises DestinationError if a link leads out of the folder."""
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
        """Check whether files can be written and removed."""
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
        """Write a new file from the old one and the new rows, and replace the old one with it."""
        self._rewrite(load.table, partial(queries.loaded, load))

    def _alone(self, table: Table) -> AbstractContextManager[None]:
        # Readers use the old file until the new one replaces it; only writers have to wait.
        return FileLock(self.file(table)).held(self.patience)

    def _rewrite(self, table: Table, rewritten: Callable[[str, list[str]], str]) -> None:
        """Write the file again: `rewritten` turns a query for the old rows, and their columns, into one for the new."""
        with self._alone(table), self._faults():
            self._write(table, rewritten(queries.rows_of([self.file(table)]), self._columns(table)))

    def _write(self, table: Table, query: str) -> None:
        target = self.file(table)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft, spill = target.with_suffix(".parquet.new"), target.with_name(f".{table.name}.spill")
        draft.unlink(missing_ok=True)
        queries.write(query, draft, spill)
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(target)
        # A separate folder, so that two tables written at once don't share working files.
        if spill.is_dir() and not spill.is_symlink():
            shutil.rmtree(spill, ignore_errors=True)

    def _query(self, sql: str) -> list[tuple[Any, ...]]:
        import duckdb

        with self._faults(), duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return list(connection.execute(sql).fetchall())

    def _source(self, table: Table, *, without_deleted: bool) -> str:
        names = self._columns(table)
        conditions = [queries.org_condition(table)]
        if VALID_TO in names:
            conditions.append(f"{quoted(VALID_TO)} IS NULL")
        if without_deleted and DELETED_COLUMN in names:
            conditions.append(f"NOT coalesce({quoted(DELETED_COLUMN)}, false)")
        return f"read_parquet({text(self.file(table))}) WHERE {' AND '.join(conditions)}"

    def count(self, table: Table, *, without_deleted: bool) -> int:
        """The number of rows; of a table with history, the number of current versions."""
        with self._faults():
            source = self._source(table, without_deleted=without_deleted)
        return int(self._query(f"SELECT COUNT(*) FROM {source}")[0][0])

    def keys(self, table: Table, *, without_deleted: bool) -> Iterator[pa.Array]:
        """Yield the ids of all rows (current versions only) in pieces."""
        import duckdb

        with self._faults(), duckdb.connect() as connection:
            source = self._source(table, without_deleted=without_deleted)
            reader = connection.sql(f"SELECT {quoted(KEY)} FROM {source}").to_arrow_reader(KEYS_AT_ONCE)
            for batch in reader:
                yield batch.column(0)

    def column_names(self, table: Table) -> set[str]:
        """The names of a table's columns; none when there is no such table."""
        with self._faults():
            return set(self._columns(table))

    def values(
        self, table: Table, names: tuple[str, ...], keys: list[str] | None
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Yield ids with the values of columns, current versions only; a file is read whole either way."""
        import pyarrow.parquet as pq

        with self._faults():
            yield from queries.values_in(pq.ParquetFile(self.file(table)), names, table)

    def delete(self, table: Table, keys: list[str], *, marks: bool) -> int:
        """Rewrite the file without the rows, or with is_deleted set."""
        self._rewrite(table, partial(queries.without, table, keys, marks=marks))
        return len(keys)

    def empty(self, table: Table, names: tuple[str, ...]) -> None:
        """Rewrite the file with the columns empty."""
        self._rewrite(table, partial(queries.emptied, table, names))

    def remove_org(self, table: Table) -> int:
        """Rewrite the file without the rows of the table's org; return how many were current."""
        with self._alone(table), self._faults():
            held = self.count(table, without_deleted=False)
            self._write(table, queries.without_org(table, queries.rows_of([self.file(table)])))
        return held

    def rename_org(self, table: Table, name: str) -> None:
        """Rewrite the file with the name in the rows of the table's org."""
        self._rewrite(table, lambda old, _names: queries.with_org_name(table, name, old))

    def preview(self, table: Table, rows: int) -> Preview:
        """Columns with their types, and the first rows."""
        if not self.has_table(table):
            raise DestinationError(Fault.UNEXPECTED, f"there is no table {table.name}")
        source = f"read_parquet({text(self.file(table))}) WHERE {queries.org_condition(table)}"
        columns = tuple((str(row[0]), str(row[1])) for row in self._query(f"DESCRIBE SELECT * FROM {source}"))
        return Preview(columns, tuple(self._query(f"SELECT * FROM {source} LIMIT {int(rows)}")))

    def snippets(self, table: Table) -> dict[str, str]:
        """How to read the table from other programs."""
        file = self.file(table)
        return {
            "DuckDB": f"SELECT * FROM '{file}' LIMIT 100;",
            "pandas": f'import pandas\n\ntable = pandas.read_parquet("{file}")',
        }


def _open(settings: Settings, data_dir: Path) -> Parquet:
    return Parquet(inside(data_dir, settings["path"]))


KIND = DestinationKind(
    key="parquet",
    title="Parquet",
    hint="A folder of Parquet files, one per table, in the data folder",
    fields=FILE_FIELDS,
    make=_open,
    dataset_is="folder",
    example="lake",
    combines_orgs=True,
)
