"""A DuckDB file."""

from __future__ import annotations

import logging
import re
import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from datasync_flask.destinations import dlt_loading
from datasync_flask.destinations import parquet_queries as queries
from datasync_flask.destinations.base import DestinationError, Fault, Load, Preview, Table
from datasync_flask.destinations.data_folder import inside
from datasync_flask.destinations.destination_kind import FILE_FIELDS, DestinationKind, Settings
from datasync_flask.destinations.file_lock import FileLock
from datasync_flask.destinations.sql import SqlDestination

log = logging.getLogger(__name__)

# Beyond this DuckDB writes to disk; its default is most of the machine's memory. The order of rows doesn't matter.
MEMORY: dict[str, Any] = {"memory_limit": "256MB", "preserve_insertion_order": False}


TRIES = 3
# "Conflicting lock is held in /usr/bin/duckdb (PID 4711) by user ada." (DuckDB's local_file_system.cpp)
_LOCK_OWNER = re.compile(r"lock is held in (?P<program>[^()\n]{1,300}) \(PID (?P<number>\d{1,10})\)")


def _lock_owner(text: str) -> str:
    found = _LOCK_OWNER.search(text)
    if found is None:
        return text
    return f"{found['program'].strip().rpartition('/')[2]}, process {found['number']}"


class DuckDb(SqlDestination):
    """Writes through dlt; each dataset is a schema of the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock, self._reads = FileLock(path), False

    def alone(self) -> AbstractContextManager[None]:
        """DuckDB accepts one writing process, and refuses every other one immediately."""
        return self._lock.held(self.patience, to_read=self._reads)

    def connect(self) -> Any:
        """A connection in a transaction."""
        import duckdb

        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(str(self._path), read_only=self._reads)
        connection.execute("SET TimeZone = 'UTC'")
        connection.begin()
        return connection

    def explain(self, error: Exception) -> DestinationError:
        """The meaning of an error of DuckDB."""
        text = str(error)
        low = text.lower()
        if "could not set lock" in low or "conflicting lock" in low or "being used by another process" in low:
            return DestinationError(Fault.LOCKED, _lock_owner(text), "path")
        if "no space left" in low or "disk is full" in low or "out of space" in low:
            return DestinationError(Fault.DISK_FULL, text, "path")
        if "not a valid duckdb database" in low or "could not read" in low:
            return DestinationError(Fault.NOT_OURS, text, "path")
        if isinstance(error, PermissionError) or "permission denied" in low or "read-only" in low:
            return DestinationError(Fault.NO_RIGHT, text, "path")
        return DestinationError(Fault.UNEXPECTED, text, "path")

    def columns_of(self, table: Table) -> list[tuple[str, str]]:
        """Names and types of a table's columns."""
        return self._names_and_types(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_database() "
            "AND schema_name = ? AND table_name = ? ORDER BY column_index",
            table.dataset,
            table.name,
        )

    def check(self) -> None:
        """See whether tables can be made, written and dropped."""
        self._try_out(Table("main", "_datasync_check"))

    def load(self, load: Load) -> None:
        """Write through dlt."""
        import duckdb

        with self.alone():
            for tries_left in reversed(range(TRIES)):
                try:
                    self._load(load)
                    return
                except DestinationError as error:
                    is_dropped = isinstance(error.__cause__, duckdb.CatalogException | duckdb.BinderException)
                    # A program opened the file between two of dlt's connections; the next try waits for it.
                    if not tries_left or not (is_dropped or error.fault is Fault.LOCKED):
                        raise
                    if is_dropped:
                        self.forget_dlt_schema(load)

    def _load(self, load: Load) -> None:
        import dlt
        from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

        # Wait here for whoever has the file open: dlt wouldn't.
        has_versions = self.begin_history(load)
        try:
            credentials = DuckDbCredentials(str(self._path))
            credentials.global_config = MEMORY
            destination = dlt.destinations.duckdb(credentials, replace_strategy="insert-from-staging")
            dlt_loading.run(load, destination, has_versions=has_versions)
        except Exception as error:
            raise self.explain(error) from error

    def empty(self, table: Table, names: tuple[str, ...]) -> None:
        """Empty columns in all rows, and rewrite the file, because DuckDB leaves deleted values in its free blocks."""
        with self.alone():
            super().empty(table, names)
            self.clear_staging(table)
            self._write_again()

    def _write_again(self) -> None:
        import duckdb

        draft = self._path.with_name(f".{self._path.name}.new")
        draft.unlink(missing_ok=True)
        try:
            with duckdb.connect(config=MEMORY) as connection:
                for name, file in (("datasync_old", self._path), ("datasync_new", draft)):
                    connection.execute(f"ATTACH {queries.text(file)} AS {name}")
                connection.execute("CHECKPOINT datasync_old")
                connection.execute("COPY FROM DATABASE datasync_old TO datasync_new")
            shutil.copymode(self._path, draft)
            draft.replace(self._path)
        except (duckdb.Error, OSError) as error:
            # The columns are empty either way; DuckDB can't copy everything that others may have created in the file.
            log.warning("%s can't be written again, so its free blocks keep what was in them: %s", self._path, error)
        finally:
            draft.unlink(missing_ok=True)

    def preview(self, table: Table, rows: int) -> Preview:
        """Columns with their types, and the first rows; opens the file only for reading, as others may."""
        if not self._path.exists():
            raise DestinationError(Fault.UNEXPECTED, f"there is no table {table.name}")
        self._reads = True
        try:
            return super().preview(table, rows)
        finally:
            self._reads = False

    def changed(self, cursor: Any, expected: int) -> int:
        """The count of changed rows, which DuckDB returns as a row."""
        row = cursor.fetchone()
        return int(row[0]) if row else expected

    def snippets(self, table: Table) -> dict[str, str]:
        """How to read the table from other programs."""
        name = self.path(table)
        return {
            "SQL": f"SELECT * FROM {name} LIMIT 100;",
            "DuckDB": f"duckdb {self._path} -c 'SELECT * FROM {name} LIMIT 100'",
            "pandas": "import duckdb\n\n"
            f"table = duckdb.connect(\"{self._path}\", read_only=True).sql('FROM {name}').df()",
        }


def _open(settings: Settings, data_dir: Path) -> DuckDb:
    return DuckDb(inside(data_dir, settings["path"]))


KIND = DestinationKind(
    key="duckdb",
    title="DuckDB",
    hint="A file for analysis, in the data folder; needs no server",
    fields=FILE_FIELDS,
    make=_open,
    dataset_is="schema",
    example="warehouse.duckdb",
    combines_orgs=True,
)
