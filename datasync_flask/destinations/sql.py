"""Common code of destinations that use SQL through a Python driver (DB-API, PEP 249)."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from datasync_flask.destinations.base import (
    DELETED_COLUMN,
    KEY,
    ORG_ID_COLUMN,
    ORG_NAME_COLUMN,
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
from datasync_flask.destinations.dlt_loading import schema_name
from datasync_flask.destinations.file_lock import ASK_AGAIN_SECONDS

if TYPE_CHECKING:
    import pyarrow as pa

KEYS_AT_ONCE = 50_000
DELETES_AT_ONCE = 500


def _staging(dataset: str) -> str:
    # As dlt names it.
    return f"{dataset}_staging"


class SqlDestination(Destination):
    """A database; its driver's errors become DestinationErrors."""

    # The driver's mark for a parameter, and the database's quote for names.
    marker = "?"
    quote_sign = '"'

    @abstractmethod
    def connect(self) -> Any:
        """A new connection of the driver, not in autocommit mode."""

    @abstractmethod
    def explain(self, error: Exception) -> DestinationError:
        """The meaning of an error of the driver."""

    @abstractmethod
    def columns_of(self, table: Table) -> list[tuple[str, str]]:
        """Names and types of a table's columns in their order; [] when there is no such table."""

    def _names_and_types(self, statement: str, *parameters: str) -> list[tuple[str, str]]:
        with self.transaction() as cursor:
            cursor.execute(statement, parameters)
            return [(str(name), str(kind)) for name, kind in cursor.fetchall()]

    def quoted(self, name: str) -> str:
        """A name quoted."""
        sign = self.quote_sign
        return sign + name.replace(sign, sign * 2) + sign

    def path(self, table: Table) -> str:
        """The table's name for a statement, with the schema if the database has schemas."""
        return f"{self.quoted(table.dataset)}.{self.quoted(table.name)}"

    def alone(self) -> AbstractContextManager[None]:
        """A lock against other writers, if the database needs one."""
        return nullcontext()

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Yield a cursor; commit at the end, roll back on an error. Raises DestinationError."""
        with self.alone(), self._transaction() as cursor:
            yield cursor

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        connection = self._connect_patiently()
        try:
            cursor = connection.cursor()
            yield cursor
            connection.commit()
        except DestinationError:
            connection.rollback()
            raise
        except Exception as error:
            self._roll_back(connection)
            raise self.explain(error) from error
        finally:
            connection.close()

    def _connect_patiently(self) -> Any:
        """Connect, waiting for a program that has the file open as long as the patience allows."""
        began, is_told = time.monotonic(), False
        while True:
            try:
                connection = self.connect()
            except Exception as error:
                fault = self.explain(error)
                if fault.fault is not Fault.LOCKED or time.monotonic() - began > self.patience.for_programs:
                    raise fault from error
                if not is_told:
                    self.patience.tell(Fault.LOCKED, fault.detail)
                    is_told = True
                self.patience.pause(ASK_AGAIN_SECONDS)
            else:
                if is_told:
                    self.patience.tell("", "")
                return connection

    def _roll_back(self, connection: Any) -> None:
        try:
            connection.rollback()
        except Exception:
            # The connection itself broke; the error about that is already being raised.
            return

    def streaming(self, cursor: Any) -> AbstractContextManager[Any]:
        """A cursor of the same transaction that doesn't load all rows into memory."""
        return nullcontext(cursor)

    def has_table(self, table: Table) -> bool:
        """True when the table exists."""
        return bool(self.columns_of(table))

    def org_condition(self, table: Table) -> str:
        """The condition for the rows of the table's org in a table of several orgs; always true in others."""
        # Table ensures that the id has only letters and digits.
        return f"{self.quoted(ORG_ID_COLUMN)} = '{table.org_id}'" if table.org_id else "TRUE"

    def _current_only(self, table: Table, *, without_deleted: bool) -> str:
        names = self.column_names(table)
        conditions = [self.org_condition(table)]
        if VALID_TO in names:
            conditions.append(f"{self.quoted(VALID_TO)} IS NULL")
        if without_deleted and DELETED_COLUMN in names:
            column = self.quoted(DELETED_COLUMN)
            conditions.append(f"({column} IS NULL OR NOT {column})")
        return f" WHERE {' AND '.join(conditions)}"

    def count(self, table: Table, *, without_deleted: bool) -> int:
        """The number of rows; of a table with history, the number of current versions."""
        condition = self._current_only(table, without_deleted=without_deleted)
        with self.transaction() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {self.path(table)}{condition}")
            return int(cursor.fetchone()[0])

    def keys(self, table: Table, *, without_deleted: bool) -> Iterator[pa.Array]:
        """Yield the ids of all rows (current versions only) in pieces."""
        import pyarrow as pa

        condition = self._current_only(table, without_deleted=without_deleted)
        with self.transaction() as cursor:
            cursor.execute(f"SELECT {self.quoted(KEY)} FROM {self.path(table)}{condition}")
            while rows := cursor.fetchmany(KEYS_AT_ONCE):
                yield pa.array([row[0] for row in rows], pa.string())

    def count_of(self, table: Table, keys: list[str]) -> int:
        """How many of these rows exist and aren't marked as deleted."""
        path, found = f"{self.path(table)}{self._current_only(table, without_deleted=True)}", 0
        with self.transaction() as cursor:
            for which, chunk in self._chunks(keys):
                cursor.execute(f"SELECT COUNT(*) FROM {path} AND {which}", chunk)
                found += int(cursor.fetchone()[0])
        return found

    def _chunks(self, keys: list[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the condition for some keys at a time, and these as its parameters."""
        for start in range(0, len(keys), DELETES_AT_ONCE):
            chunk = tuple(keys[start : start + DELETES_AT_ONCE])
            yield f"{self.quoted(KEY)} IN ({', '.join([self.marker] * len(chunk))})", chunk

    def column_names(self, table: Table) -> set[str]:
        """The names of a table's columns; none when there is no such table."""
        return {name.lower() for name, _ in self.columns_of(table)}

    def values(
        self, table: Table, names: tuple[str, ...], keys: list[str] | None
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Yield ids with the values of columns, current versions only."""
        wanted = ", ".join(self.quoted(name) for name in (KEY, *names))
        statement = f"SELECT {wanted} FROM {self.path(table)}"
        holds = self._current_only(table, without_deleted=False)
        with self.transaction() as cursor:
            if keys is None:
                with self.streaming(cursor) as stream:
                    stream.execute(f"{statement}{holds}")
                    while rows := stream.fetchmany(KEYS_AT_ONCE):
                        yield rows
                return
            for which, chunk in self._chunks(keys):
                cursor.execute(f"{statement}{holds} AND {which}", chunk)
                yield cursor.fetchall()

    def delete(self, table: Table, keys: list[str], *, marks: bool) -> int:
        """Delete rows by their ids, or with `marks` set is_deleted; return how many. In one transaction."""
        names, path, gone = self.column_names(table), self.path(table), 0
        action = f"DELETE FROM {path}"
        if marks and DELETED_COLUMN in names:
            action = f"UPDATE {path} SET {self.quoted(DELETED_COLUMN)} = TRUE"
        elif VALID_TO in names:
            # With history, a delete closes the current version.
            action = f"UPDATE {path} SET {self.quoted(VALID_TO)} = CURRENT_TIMESTAMP"
        holds = f" AND {self.org_condition(table)}"
        holds += f" AND {self.quoted(VALID_TO)} IS NULL" if VALID_TO in names else ""
        with self.transaction() as cursor:
            for which, chunk in self._chunks(keys):
                cursor.execute(f"{action} WHERE {which}{holds}", chunk)
                gone += self.changed(cursor, len(chunk))
        return gone

    def empty(self, table: Table, names: tuple[str, ...]) -> None:
        """Empty columns in all rows."""
        changes = [f"{self.quoted(name)} = NULL" for name in names]
        changes += [f"{self.quoted(VERSION_COLUMN)} = ''"] if VERSION_COLUMN in self.column_names(table) else []
        with self.transaction() as cursor:
            cursor.execute(f"UPDATE {self.path(table)} SET {', '.join(changes)} WHERE {self.org_condition(table)}")

    def remove_org(self, table: Table) -> int:
        """Delete all rows of the table's org, all versions; return how many were current."""
        held = self.count(table, without_deleted=False)
        with self.transaction() as cursor:
            cursor.execute(f"DELETE FROM {self.path(table)} WHERE {self.org_condition(table)}")
        return held

    def rename_org(self, table: Table, name: str) -> None:
        """Write the org's name into all of its rows, all versions."""
        change = f"{self.quoted(ORG_NAME_COLUMN)} = {self.marker}"
        with self.transaction() as cursor:
            cursor.execute(f"UPDATE {self.path(table)} SET {change} WHERE {self.org_condition(table)}", (name,))

    def begin_history(self, load: Load) -> bool:
        """Prepare a table without history for versions: its rows become versions that equal nothing, so this load
        closes them. True when the table has versions, or once had them.
        """
        before = self.column_names(load.table)
        if not (load.keeps_history and load.replaces and before):
            return VERSION_COLUMN in before
        path, version, end = self.path(load.table), self.quoted(VERSION_COLUMN), self.quoted(VALID_TO)
        with self.transaction() as cursor:
            for name, kind in ((VERSION_COLUMN, "VARCHAR"), (VALID_FROM, "TIMESTAMPTZ"), (VALID_TO, "TIMESTAMPTZ")):
                if name not in before:
                    cursor.execute(f"ALTER TABLE {path} ADD COLUMN {self.quoted(name)} {kind}")
            cursor.execute(f"UPDATE {path} SET {version} = '' WHERE {version} IS NULL AND {end} IS NULL")
        # Rows there would have no version either.
        self.clear_staging(load.table)
        return True

    def forget_dlt_schema(self, load: Load) -> None:
        """Have dlt create what a load needs and the database lacks: it trusts its own record of what it created, even
        if somebody has dropped it since.
        """
        for dataset in (load.table.dataset, _staging(load.table.dataset)):
            record = Table(dataset, "_dlt_version")
            if self.has_table(record):
                condition = f"{self.quoted('schema_name')} = {self.marker}"
                with self.transaction() as cursor:
                    cursor.execute(f"DELETE FROM {self.path(record)} WHERE {condition}", (schema_name(load),))

    def clear_staging(self, table: Table) -> None:
        """Delete the last load's rows, which dlt leaves in its staging table."""
        staging = Table(_staging(table.dataset), table.name)
        if self.has_table(staging):
            with self.transaction() as cursor:
                cursor.execute(f"DELETE FROM {self.path(staging)}")

    def changed(self, cursor: Any, expected: int) -> int:
        """How many rows the last statement changed."""
        return int(cursor.rowcount) if cursor.rowcount is not None and cursor.rowcount >= 0 else expected

    def preview(self, table: Table, rows: int) -> Preview:
        """Columns with their types, and the first rows."""
        columns = self.columns_of(table)
        if not columns:
            raise DestinationError(Fault.UNEXPECTED, f"there is no table {table.name}")
        with self.transaction() as cursor:
            where = self.org_condition(table)
            cursor.execute(f"SELECT * FROM {self.path(table)} WHERE {where} LIMIT {int(rows)}")
            found: Sequence[Any] = cursor.fetchall()
        return Preview(tuple(columns), tuple(tuple(row) for row in found))

    def _try_out(self, table: Table) -> None:
        """Create, fill and drop a table, as a run will."""
        path = self.path(table)
        with self.transaction() as cursor:
            # MySQL keeps it if the check breaks off, for instance because the user may create but not insert.
            cursor.execute(f"DROP TABLE IF EXISTS {path}")
            cursor.execute(f"CREATE TABLE {path} ({self.quoted(KEY)} VARCHAR(18))")
            cursor.execute(f"INSERT INTO {path} VALUES ({self.marker})", ("x",))
            cursor.execute(f"DROP TABLE {path}")
