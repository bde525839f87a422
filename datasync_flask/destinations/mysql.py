"""A MySQL or MariaDB database."""

from __future__ import annotations

import socket
import ssl
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymysql.constants import CR, ER
from pymysql.cursors import SSCursor

from datasync_flask.destinations.base import (
    DECIMAL_PRECISION,
    DECIMAL_SCALE,
    KEY,
    ORG_ID_COLUMN,
    VERSION_COLUMN,
    Column,
    ColumnType,
    DestinationError,
    Fault,
    Table,
    shorten,
)
from datasync_flask.destinations.destination_kind import SERVER_FIELDS, DestinationKind, Settings
from datasync_flask.destinations.guarded_mysql import GuardedConnection, WouldReveal
from datasync_flask.destinations.server import CONNECT_SECONDS, Address, address_of
from datasync_flask.destinations.staged import StagedDestination
from datasync_flask.destinations.tls import Tls, ssl_context

_TYPES = {
    ColumnType.TEXT: "LONGTEXT",
    ColumnType.BIGINT: "BIGINT",
    ColumnType.DOUBLE: "DOUBLE",
    ColumnType.DECIMAL: f"DECIMAL({DECIMAL_PRECISION}, {DECIMAL_SCALE})",
    ColumnType.BOOL: "BOOLEAN",
    ColumnType.DATE: "DATE",
    ColumnType.TIMESTAMP: "DATETIME(6)",
    ColumnType.TIME: "TIME(6)",
}
_FAULTS = {
    ER.TOO_MANY_FIELDS: (Fault.ROW_TOO_WIDE, "host"),
    ER.TOO_BIG_ROWSIZE: (Fault.ROW_TOO_WIDE, "host"),
    ER.ACCESS_DENIED_ERROR: (Fault.PASSWORD_REFUSED, "password"),
    # ER_ACCESS_DENIED_NO_PASSWORD_ERROR
    1698: (Fault.PASSWORD_REFUSED, "password"),
    ER.BAD_DB_ERROR: (Fault.NO_DATABASE, "database"),
    ER.DBACCESS_DENIED_ERROR: (Fault.NO_RIGHT, "username"),
    ER.TABLEACCESS_DENIED_ERROR: (Fault.NO_RIGHT, "username"),
    ER.SPECIFIC_ACCESS_DENIED_ERROR: (Fault.NO_RIGHT, "username"),
    ER.PROCACCESS_DENIED_ERROR: (Fault.NO_RIGHT, "username"),
    ER.DISK_FULL: (Fault.DISK_FULL, "host"),
    ER.RECORD_FILE_FULL: (Fault.DISK_FULL, "host"),
    CR.CR_CONNECTION_ERROR: (Fault.NOT_REACHABLE, "host"),
    CR.CR_CONN_HOST_ERROR: (Fault.NOT_REACHABLE, "host"),
    CR.CR_UNKNOWN_HOST: (Fault.NOT_REACHABLE, "host"),
    CR.CR_SERVER_GONE_ERROR: (Fault.NOT_REACHABLE, "host"),
    CR.CR_SERVER_LOST: (Fault.NOT_REACHABLE, "host"),
}
# A few more than the text columns that InnoDB accepts in any table.
SURELY_FIT = 150
# Salesforce's ids are case-sensitive.
_KEY_TYPE = "VARCHAR(18) CHARACTER SET ascii COLLATE ascii_bin"
_VERSION_TYPE = "VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin"


class MySql(StagedDestination):
    """The tables are in the given database, with the dataset before their names."""

    marker = "%s"
    quote_sign = "`"
    max_name_length = 64
    # InnoDB's limit, minus the columns of history.
    max_columns = 1_014

    def __init__(self, address: Address) -> None:
        self._address = address

    def connect(self) -> Any:
        """A connection; statements begin a transaction."""
        return GuardedConnection(
            host=self._address.host,
            port=self._address.port,
            database=self._address.database,
            user=self._address.username,
            password=self._address.password,
            charset="utf8mb4",
            connect_timeout=CONNECT_SECONDS,
            init_command="SET time_zone = '+00:00'",
            autocommit=False,
            local_infile=False,
            ssl=ssl_context(self._address.tls, self._address.tls_ca),
            ssl_disabled=self._address.tls is Tls.OFF,
        )

    def streaming(self, cursor: Any) -> AbstractContextManager[Any]:
        """The server sends the rows as they are fetched."""
        return closing(SSCursor(cursor.connection))

    def explain(self, error: Exception) -> DestinationError:
        """The meaning of an error of MySQL, by its error number."""
        number, *told = error.args or (0,)
        text, cause = str(told[0]) if told else str(error), getattr(error, "original_exception", error)
        if isinstance(error, WouldReveal):
            return DestinationError(Fault.PASSWORD_IN_CLEAR, text, "host")
        if isinstance(error, RuntimeError) and "load_local" in text.lower():
            return DestinationError(Fault.ASKS_FOR_FILES, "LOAD DATA LOCAL", "host")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return DestinationError(Fault.TLS_NOT_VERIFIED, text, "tls_ca")
        if number == CR.CR_SSL_CONNECTION_ERROR or isinstance(cause, ssl.SSLError):
            return DestinationError(Fault.NO_TLS, text, "tls")
        if isinstance(cause, socket.gaierror):
            return DestinationError(Fault.HOST_NOT_FOUND, text, "host")
        fault, field = _FAULTS.get(number, (Fault.UNEXPECTED, "host"))
        return DestinationError(fault, text, field)

    def columns_of(self, table: Table) -> list[tuple[str, str]]:
        """Names and types of a table's columns."""
        return self._names_and_types(
            "SELECT column_name, column_type FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND table_name = %s ORDER BY ordinal_position",
            self.full_name(table),
        )

    def check(self) -> None:
        """Check whether tables can be created, written and dropped."""
        self._try_out(Table("", "_datasync_check"))

    def full_name(self, table: Table) -> str:
        """The name in the database."""
        return shorten(super().full_name(table), self.max_name_length)

    def check_width(self, columns: tuple[Column, ...]) -> None:
        """Check whether a table can have these columns: whether a row fits into a page depends on all of them."""
        super().check_width(columns)
        if len(columns) > SURELY_FIT:
            with self.transaction() as cursor:
                self._create(cursor, Table("", "_datasync_width"), list(columns), key=(KEY,), kind="TEMPORARY TABLE")

    def column_type(self, column: Column) -> str:
        """MySQL's name for a column's type."""
        if column.name in {KEY, ORG_ID_COLUMN}:
            return _KEY_TYPE
        return _VERSION_TYPE if column.name == VERSION_COLUMN else _TYPES[column.type]

    def swap(self, cursor: Any, table: Table, incoming: Table) -> None:
        """Replace the old table with the new one by RENAME TABLE, in one atomic step."""
        before = Table(table.dataset, f"{table.name}__before")
        cursor.execute(f"DROP TABLE IF EXISTS {self.path(before)}")
        cursor.execute("SHOW TABLES LIKE %s", (self.full_name(table).replace("_", r"\_"),))
        if cursor.fetchone():
            cursor.execute(
                f"RENAME TABLE {self.path(table)} TO {self.path(before)}, {self.path(incoming)} TO {self.path(table)}"
            )
            cursor.execute(f"DROP TABLE {self.path(before)}")
        else:
            cursor.execute(f"RENAME TABLE {self.path(incoming)} TO {self.path(table)}")

    def index_ids(self, cursor: Any, table: Table) -> None:
        """By ALTER, because CREATE INDEX needs a right that nothing else here needs."""
        cursor.execute(
            "SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = %s "
            "AND column_name = %s AND seq_in_index = 1 LIMIT 1",
            (self.full_name(table), KEY),
        )
        if not cursor.fetchone():
            cursor.execute(f"ALTER TABLE {self.path(table)} ADD INDEX `ids` ({self.quoted(KEY)})")

    def value(self, value: Any) -> Any:
        """A Python value for the driver: times are UTC, without a zone in the column."""
        return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value

    def snippets(self, table: Table) -> dict[str, str]:
        """How to read the table from other programs."""
        place, name = self._address, self.full_name(table)
        url = f"mysql+pymysql://{place.username}@{place.host}:{place.port}/{place.database}"
        return {
            "SQL": f"SELECT * FROM {name} LIMIT 100;",
            "pandas": "import pandas, sqlalchemy\n\n"
            f'engine = sqlalchemy.create_engine("{url}")\ntable = pandas.read_sql("SELECT * FROM {name}", engine)',
        }


def _open(settings: Settings, _data_dir: Path) -> MySql:
    return MySql(address_of(settings))


KIND = DestinationKind(
    key="mysql",
    title="MySQL",
    hint="A MySQL or MariaDB database",
    fields=SERVER_FIELDS,
    make=_open,
    dataset_is="prefix",
    default_port=3306,
    longest_table=64,
    combines_orgs=True,
)
