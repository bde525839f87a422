"""Loading for databases where dlt is less than half as fast (SQLite), or needs a second database (MySQL).

Rows go into a new table first; then one transaction, or one atomic rename, puts them in place. `benchmarks/` compares
this with dlt: with primary keys dlt merged 44,000 rows/s into 20,000 rows of SQLite and 88,000 into 100,000. This
module merges 156,000 and 169,000.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from datasync_flask.destinations.base import (
    DELETED_COLUMN,
    KEY,
    ORG_ID_COLUMN,
    VALID_FROM,
    VALID_TO,
    VERSION_COLUMN,
    Column,
    ColumnType,
    Load,
    Table,
)
from datasync_flask.destinations.sql import SqlDestination

ROWS_AT_ONCE = 2_000
_HISTORY = [Column(VALID_FROM, ColumnType.TIMESTAMP), Column(VALID_TO, ColumnType.TIMESTAMP)]


class StagedDestination(SqlDestination):
    """A database whose datasets are prefixes: crm_account."""

    @abstractmethod
    def column_type(self, column: Column) -> str:
        """The database's name for a column's type."""

    @abstractmethod
    def swap(self, cursor: Any, table: Table, incoming: Table) -> None:
        """Replace `table`, which may not exist, with `incoming`; no reader finds a missing or empty table."""

    @abstractmethod
    def index_ids(self, cursor: Any, table: Table) -> None:
        """Create an index on the ids of a table with history, if it has none.

        There an id has several rows, so it is no primary key; without an index each new row would be compared with all.
        """

    @abstractmethod
    def value(self, value: Any) -> Any:
        """A Python value for the driver."""

    def path(self, table: Table) -> str:
        """The table's name, with the dataset before it."""
        return self.quoted(self.full_name(table))

    def full_name(self, table: Table) -> str:
        """The name in the database."""
        return f"{table.dataset}_{table.name}" if table.dataset else table.name

    def load(self, load: Load) -> None:
        """Write to a new table, then swap or merge it."""
        incoming = Table(load.table.dataset, f"{load.table.name}__incoming")
        before = self.column_names(load.table)
        columns = list(load.columns)
        swaps = load.replaces and not load.keeps_history and not load.table.org_id
        if swaps:
            # A column that is gone in Salesforce stays, but is empty.
            columns += [column for column in load.known_columns if column not in columns]
        with self.transaction() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {self.path(incoming)}")
            # A load has rows of one org: the id alone tells them apart, and is what they are looked up by.
            self._create(cursor, incoming, columns, key=(KEY,))
        self._fill(load, incoming, columns)
        with self.transaction() as cursor:
            if swaps:
                self.swap(cursor, load.table, incoming)
                return
            wanted = columns + (_HISTORY if load.keeps_history else [])
            if before and load.keeps_history and VALID_TO not in before:
                before = self._restart_history(cursor, load, wanted)
            if not before:
                self._create(cursor, load.table, wanted, key=() if load.keeps_history else load.table.key)
            for column in wanted:
                if before and column.name.lower() not in before:
                    definition = f"{self.quoted(column.name)} {self.column_type(column)}"
                    cursor.execute(f"ALTER TABLE {self.path(load.table)} ADD COLUMN {definition}")
            if load.keeps_history:
                self.index_ids(cursor, load.table)
        with self.transaction() as cursor:
            if load.keeps_history:
                self._add_versions(cursor, load, incoming, columns)
            else:
                self._merge(cursor, load, incoming, columns)
        with self.transaction() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {self.path(incoming)}")

    def empty(self, table: Table, names: tuple[str, ...]) -> None:
        """Empty columns in all rows, and drop tables left behind by a killed load."""
        super().empty(table, names)
        with self.transaction() as cursor:
            for ending in ("incoming", "versioned", "before"):
                cursor.execute(f"DROP TABLE IF EXISTS {self.path(Table(table.dataset, f'{table.name}__{ending}'))}")

    def _restart_history(self, cursor: Any, load: Load, columns: list[Column]) -> set[str]:
        """Replace a table without history by one without a primary key on the id; its rows become versions that equal
        nothing. Return its columns.
        """
        versioned = Table(load.table.dataset, f"{load.table.name}__versioned")
        before = dict(self.columns_of(load.table))
        added = [column for column in columns if column.name not in before]
        cursor.execute(f"DROP TABLE IF EXISTS {self.path(versioned)}")
        known = [column for column in (*columns, *load.known_columns) if column.name in before]
        kept = list({column.name: column for column in known}.values())
        self._create(cursor, versioned, kept + added)
        # Columns that only another org's rows have.
        others = [name for name in before if name not in {column.name for column in kept}] if load.table.org_id else []
        for name in others:
            cursor.execute(f"ALTER TABLE {self.path(versioned)} ADD COLUMN {self.quoted(name)} {before[name]}")
        names = self._list([*(column.name for column in kept), *others])
        version = self.quoted(VERSION_COLUMN)
        cursor.execute(
            f"INSERT INTO {self.path(versioned)} ({names}, {version}) SELECT {names}, '' FROM {self.path(load.table)}"
        )
        self.swap(cursor, load.table, versioned)
        return {*(column.name for column in kept + added), *others}

    def _create(
        self, cursor: Any, table: Table, columns: list[Column], *, key: tuple[str, ...] = (), kind: str = "TABLE"
    ) -> None:
        definitions = [
            f"{self.quoted(column.name)} {self.column_type(column)}"
            + (" NOT NULL" if column.name in {KEY, ORG_ID_COLUMN} else "")
            for column in columns
        ]
        if key:
            definitions.append(f"PRIMARY KEY ({self._list(list(key))})")
        cursor.execute(f"CREATE {kind} {self.path(table)} ({', '.join(definitions)})")

    def _fill(self, load: Load, incoming: Table, columns: list[Column]) -> None:
        names = [column.name for column in load.columns]
        places = ", ".join([self.marker] * len(names))
        statement = f"INSERT INTO {self.path(incoming)} ({self._list(names)}) VALUES ({places})"
        with self.transaction() as cursor:
            for rows in self._rows(load, names):
                cursor.executemany(statement, rows)

    def _rows(self, load: Load, names: list[str]) -> Iterator[list[tuple[Any, ...]]]:
        import pyarrow.parquet as pq

        seen: set[str] = set()
        for file in load.files:
            for batch in pq.ParquetFile(file).iter_batches(ROWS_AT_ONCE, columns=names):
                values = [[self.value(value) for value in batch.column(name).to_pylist()] for name in names]
                rows = list(zip(*values, strict=True))
                keys = values[names.index(KEY)]
                # An id can occur twice, because pages of a restarted result may overlap: keep one row.
                fresh = []
                for key, row in zip(keys, rows, strict=True):
                    if key not in seen:
                        seen.add(key)
                        fresh.append(row)
                if fresh:
                    yield fresh

    def _list(self, names: list[str]) -> str:
        return ", ".join(self.quoted(name) for name in names)

    def _merge(self, cursor: Any, load: Load, incoming: Table, columns: list[Column]) -> None:
        names = self._list([column.name for column in columns])
        key, target, source = self.quoted(KEY), self.path(load.table), self.path(incoming)
        coming = "" if load.replaces else f" AND {key} IN (SELECT {key} FROM {source})"
        cursor.execute(f"DELETE FROM {target} WHERE {self.org_condition(load.table)}{coming}")
        remaining = ""
        if load.removes_deleted and any(column.name == DELETED_COLUMN for column in columns):
            deleted = self.quoted(DELETED_COLUMN)
            remaining = f" WHERE {deleted} IS NULL OR NOT {deleted}"
        cursor.execute(f"INSERT INTO {target} ({names}) SELECT {names} FROM {source}{remaining}")

    def _add_versions(self, cursor: Any, load: Load, incoming: Table, columns: list[Column]) -> None:
        """Close the versions that changed and add the new ones (slowly changing dimension, type 2)."""
        names = self._list([column.name for column in columns])
        key, version = self.quoted(KEY), self.quoted(VERSION_COLUMN)
        target, source = self.path(load.table), self.path(incoming)
        begin, end = self.quoted(VALID_FROM), self.quoted(VALID_TO)
        now = self.value(datetime.now(UTC))
        # In tables of several orgs, a row's version includes its org.
        same = f"SELECT 1 FROM {source} s WHERE s.{key} = {target}.{key} AND s.{version} = {target}.{version}"
        affected = self.org_condition(load.table)
        affected += "" if load.replaces else f" AND {key} IN (SELECT {key} FROM {source})"
        cursor.execute(
            f"UPDATE {target} SET {end} = {self.marker} WHERE {end} IS NULL AND {affected} AND NOT EXISTS ({same})",
            (now,),
        )
        holds = f"SELECT 1 FROM {target} t WHERE t.{key} = s.{key} AND t.{version} = s.{version} AND t.{end} IS NULL"
        cursor.execute(
            f"INSERT INTO {target} ({names}, {begin}, {end}) SELECT {names}, {self.marker}, NULL FROM {source} s "
            f"WHERE NOT EXISTS ({holds})",
            (now,),
        )
