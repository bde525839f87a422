"""An SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

from datasync_flask.destinations.base import (
    DECIMAL_PRECISION,
    KEY,
    Column,
    ColumnType,
    DestinationError,
    Fault,
    Load,
    Preview,
    Table,
)
from datasync_flask.destinations.data_folder import inside
from datasync_flask.destinations.destination_kind import FILE_FIELDS, DestinationKind, Settings
from datasync_flask.destinations.file_lock import FileLock
from datasync_flask.destinations.staged import StagedDestination

# SQLite has few types; dates and times are ISO 8601 texts, which its functions and most programs understand.
_TYPES = {
    ColumnType.TEXT: "TEXT",
    ColumnType.BIGINT: "INTEGER",
    ColumnType.DOUBLE: "REAL",
    ColumnType.DECIMAL: "NUMERIC",
    ColumnType.BOOL: "BOOLEAN",
    ColumnType.DATE: "DATE",
    ColumnType.TIMESTAMP: "TIMESTAMP",
    ColumnType.TIME: "TIME",
}
# How long SQLite itself waits for a lock: to begin, and to commit.
ASK_SECONDS, WAIT_SECONDS = 0.2, 15
_ALL_DIGITS = Context(prec=DECIMAL_PRECISION)


class Sqlite(StagedDestination):
    """The tables are in the file itself, with the dataset before their names."""

    # SQLITE_MAX_COLUMN of Python's SQLite, minus the columns of history.
    max_columns = 1_997
    keeps_decimals = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock, self._reads = FileLock(path), False

    def alone(self) -> AbstractContextManager[None]:
        """A lock, because a run may write for longer than SQLite waits."""
        return self._lock.held(self.patience, to_read=self._reads)

    def load(self, load: Load) -> None:
        """Write to a new table, then swap or merge it, with no other run in between."""
        with self.alone():
            super().load(load)

    def empty(self, table: Table, names: tuple[str, ...]) -> None:
        """Empty columns in all rows, and rewrite the file, because SQLite leaves deleted values in its free pages."""
        with self.alone():
            super().empty(table, names)
            try:
                with closing(sqlite3.connect(self._path, timeout=WAIT_SECONDS, isolation_level=None)) as connection:
                    connection.execute("VACUUM")
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                raise self.explain(error) from error

    def connect(self) -> Any:
        """A connection; statements that write or create tables begin a transaction."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=ASK_SECONDS, isolation_level=None)
        try:
            # Readers don't block others; a writer has the file from here on.
            connection.execute("BEGIN" if self._reads else "BEGIN IMMEDIATE")
            connection.execute(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}")
        except BaseException:
            connection.close()
            raise
        return connection

    def preview(self, table: Table, rows: int) -> Preview:
        """Columns with their types, and the first rows; others may read at the same time."""
        with self._reading():
            return super().preview(table, rows)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        before, self._reads = self._reads, True
        try:
            yield
        finally:
            self._reads = before

    def explain(self, error: Exception) -> DestinationError:
        """The meaning of an error of SQLite."""
        text = str(error)
        low = text.lower()
        if "locked" in low or "busy" in low:
            return DestinationError(Fault.LOCKED, text, "path")
        if "disk is full" in low or "no space left" in low:
            return DestinationError(Fault.DISK_FULL, text, "path")
        if "not a database" in low:
            return DestinationError(Fault.NOT_OURS, text, "path")
        if isinstance(error, PermissionError) or "unable to open" in low or "readonly" in low:
            return DestinationError(Fault.NO_RIGHT, text, "path")
        return DestinationError(Fault.UNEXPECTED, text, "path")

    def columns_of(self, table: Table) -> list[tuple[str, str]]:
        """Names and types of a table's columns; also used while this process writes."""
        with self._reading():
            return self._names_and_types("SELECT name, type FROM pragma_table_info(?)", self.full_name(table))

    def check(self) -> None:
        """Check whether tables can be created, written and dropped."""
        self._try_out(Table("", "_datasync_check"))

    def column_type(self, column: Column) -> str:
        """SQLite's name for a column's type."""
        return _TYPES[column.type]

    def swap(self, cursor: Any, table: Table, incoming: Table) -> None:
        """Both steps are in one transaction: readers see the old table until it is committed."""
        cursor.execute(f"DROP TABLE IF EXISTS {self.path(table)}")
        cursor.execute(f"ALTER TABLE {self.path(incoming)} RENAME TO {self.path(table)}")

    def index_ids(self, cursor: Any, table: Table) -> None:
        """An index belongs to its table, but its name is one of the file's."""
        name = self.quoted(f"{self.full_name(table)}__ids")
        cursor.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {self.path(table)} ({self.quoted(KEY)})")

    def value(self, value: Any) -> Any:
        """A Python value for the driver."""
        if isinstance(value, datetime):
            # Its date functions take four digits of a year and any number of a second's.
            digits = "microseconds" if value.microsecond % 1000 else "milliseconds"
            return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec=digits)
        if isinstance(value, date | time):
            return value.isoformat()
        if isinstance(value, Decimal):
            # A text that looks like a number: SQLite stores it exactly if it can.
            return format(value.normalize(_ALL_DIGITS), "f")
        return value

    def snippets(self, table: Table) -> dict[str, str]:
        """How to read the table from other programs."""
        name = self.full_name(table)
        return {
            "SQL": f"SELECT * FROM {name} LIMIT 100;",
            "pandas": "import sqlite3, pandas\n\n"
            f'table = pandas.read_sql("SELECT * FROM {name}", sqlite3.connect("{self._path}"))',
            "DuckDB": f"INSTALL sqlite; ATTACH '{self._path}' AS file (TYPE sqlite);\n"
            f"SELECT * FROM file.{name} LIMIT 100;",
        }


def _open(settings: Settings, data_dir: Path) -> Sqlite:
    return Sqlite(inside(data_dir, settings["path"]))


KIND = DestinationKind(
    key="sqlite",
    title="SQLite",
    hint="A file that nearly every program reads, in the data folder",
    fields=FILE_FIELDS,
    make=_open,
    dataset_is="prefix",
    example="warehouse.sqlite",
    combines_orgs=True,
)
