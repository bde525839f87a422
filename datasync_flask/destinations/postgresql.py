"""A PostgreSQL database."""

from __future__ import annotations

import os
import tempfile
import weakref
from contextlib import AbstractContextManager, closing
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from datasync_flask.destinations import dlt_loading
from datasync_flask.destinations.base import DestinationError, Fault, Load, Table
from datasync_flask.destinations.destination_kind import SERVER_FIELDS, DestinationKind, Settings
from datasync_flask.destinations.server import CONNECT_SECONDS, Address, address_of
from datasync_flask.destinations.sql import SqlDestination
from datasync_flask.destinations.tls import Tls, is_this_machine, trusted_file

# An impossible file: without one, libpq would use files in the user's home folder.
_NO_FILE = "/dev/null/none"
# Before there is a session, libpq gives only words and no SQLSTATE. The first matching part counts.
_LIBPQ = (
    ("could not translate host name", Fault.HOST_NOT_FOUND, "host"),
    ("failed to resolve host", Fault.HOST_NOT_FOUND, "host"),
    ("name or service", Fault.HOST_NOT_FOUND, "host"),
    ("does not support ssl", Fault.NO_TLS, "tls"),
    ("certificate verify failed", Fault.TLS_NOT_VERIFIED, "tls_ca"),
    ("does not match host name", Fault.TLS_NOT_VERIFIED, "tls_ca"),
    ("authentication method requirement", Fault.PASSWORD_IN_CLEAR, "host"),
    ("password authentication failed", Fault.PASSWORD_REFUSED, "password"),
    ("no password supplied", Fault.PASSWORD_REFUSED, "password"),
    ('role "', Fault.PASSWORD_REFUSED, "username"),
    ('database "', Fault.NO_DATABASE, "database"),
    ("permission denied", Fault.NO_RIGHT, "username"),
    ("no space left", Fault.DISK_FULL, "host"),
    ("refused", Fault.NOT_REACHABLE, "host"),
    ("time", Fault.NOT_REACHABLE, "host"),
    ("connection", Fault.NOT_REACHABLE, "host"),
    ("unreachable", Fault.NOT_REACHABLE, "host"),
)


# First loads into a schema may create the same at once: the schema, its staging schema, and dlt's tables in both.
# Each refusal means that another load has created one of these four.
TRIES = 5


def _state_of(error: Exception) -> str:
    """The SQLSTATE of an error of psycopg, psycopg2 (dlt) or ADBC; '' if it has none."""
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")


def _is_created_meanwhile(error: Exception) -> bool:
    """True if another load created a schema or table at the same moment, or they waited for each other's."""
    from psycopg import errors

    kinds = (errors.DuplicateSchema, errors.DuplicateTable, errors.DuplicateObject, errors.DeadlockDetected)
    if _state_of(error) == errors.UniqueViolation.sqlstate:
        # PostgreSQL's own tables: two created the same name.
        return '"pg_' in str(error)
    return _state_of(error) in {kind.sqlstate for kind in kinds}


def _is_dropped(error: Exception) -> bool:
    """True if a table or column doesn't exist that dlt has created once."""
    from psycopg import errors

    return _state_of(error) in {errors.UndefinedTable.sqlstate, errors.UndefinedColumn.sqlstate}


# dlt's query for history ("NOT IN") takes quadratic time if its result doesn't fit into memory. So do nested loops,
# which PostgreSQL chooses for a new table: as long as it has no statistics, it expects few rows.
_SESSION = "-cwork_mem=256MB -cenable_nestloop=off"


class PostgreSql(SqlDestination):
    """Writes through dlt; each dataset is a schema of the database."""

    marker = "%s"
    max_name_length = 63
    # 1,600, minus the columns that dlt adds.
    max_columns = 1_590

    def __init__(self, address: Address) -> None:
        self._address = address

    @cached_property
    def _ca_file(self) -> str:
        if not self._address.tls_ca:
            return trusted_file()
        handle, path = tempfile.mkstemp(prefix="datasync-ca-", suffix=".pem")
        with os.fdopen(handle, "w") as file:
            file.write(self._address.tls_ca)
        weakref.finalize(self, os.unlink, path)
        return path

    def conninfo(self, **more: str) -> str:
        """The connection string for libpq (PostgreSQL manual, 34.1.2). It sets everything that could send the password
        elsewhere or in clear, so that neither the environment nor files in the user's home folder decide it.
        """
        from psycopg.conninfo import make_conninfo

        place, is_verified = self._address, self._address.tls is Tls.VERIFIED
        # A server that trusts everybody gets no password; another machine that asks for none isn't the expected one.
        methods = "scram-sha-256,md5,none" if is_this_machine(place.host) else "scram-sha-256,md5"
        return make_conninfo(
            host=place.host,
            hostaddr="",
            port=place.port,
            dbname=place.database,
            user=place.username,
            password=place.password,
            passfile=_NO_FILE,
            require_auth=methods if place.password else "none",
            channel_binding="prefer",
            gssencmode="disable",
            sslmode={Tls.OFF: "disable", Tls.REQUIRED: "require", Tls.VERIFIED: "verify-full"}[place.tls],
            sslrootcert=self._ca_file if is_verified else _NO_FILE,
            sslcertmode="disable",
            sslcrl="",
            sslcrldir="",
            connect_timeout=CONNECT_SECONDS,
            application_name="datasync",
            **more,
        )

    def connect(self) -> Any:
        """A connection; statements begin a transaction."""
        import psycopg

        return psycopg.connect(self.conninfo(options="-c TimeZone=UTC"))

    def streaming(self, cursor: Any) -> AbstractContextManager[Any]:
        """A cursor whose rows stay on the server until they are fetched."""
        return cast("AbstractContextManager[Any]", cursor.connection.cursor(name="rows"))

    def explain(self, error: Exception) -> DestinationError:
        """The meaning of an error of PostgreSQL: by its class (SQLSTATE), or else by libpq's words."""
        from psycopg import errors

        state = _state_of(error)
        kinds = {
            errors.ProgramLimitExceeded: (Fault.ROW_TOO_WIDE, "host"),
            errors.TooManyColumns: (Fault.ROW_TOO_WIDE, "host"),
            errors.InvalidPassword: (Fault.PASSWORD_REFUSED, "password"),
            errors.InvalidAuthorizationSpecification: (Fault.PASSWORD_REFUSED, "password"),
            errors.InvalidCatalogName: (Fault.NO_DATABASE, "database"),
            errors.InsufficientPrivilege: (Fault.NO_RIGHT, "username"),
            errors.DiskFull: (Fault.DISK_FULL, "host"),
        }
        text = " ".join(str(error).split())
        by_state = next((told for kind, told in kinds.items() if kind.sqlstate == state), None)
        if by_state is not None:
            return DestinationError(by_state[0], text, by_state[1])
        low = text.lower()
        if "authentication method requirement" in low and not self._address.password:
            return DestinationError(Fault.PASSWORD_REFUSED, "the server asks for a password", "password")
        for part, fault, field in _LIBPQ:
            if part in low:
                return DestinationError(fault, text, field)
        return DestinationError(Fault.UNEXPECTED, text, "host")

    def columns_of(self, table: Table) -> list[tuple[str, str]]:
        """Names and types of a table's columns."""
        return self._names_and_types(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
            table.dataset,
            table.name,
        )

    def check(self) -> None:
        """Check whether a schema can be created, and tables in it written and dropped."""
        with self.transaction() as cursor:
            cursor.execute("CREATE SCHEMA _datasync_check")
            cursor.execute('CREATE TABLE _datasync_check."try" (id varchar(18))')
            cursor.execute("INSERT INTO _datasync_check.\"try\" VALUES ('x')")
            cursor.execute("DROP SCHEMA _datasync_check CASCADE")

    def load(self, load: Load) -> None:
        """Write through dlt, which passes Parquet to PostgreSQL's binary copy (ADBC)."""
        # Imported here because it loads dlt, which the worker and the pages don't need.
        from datasync_flask.destinations.dlt_postgres import Credentials, Postgres

        has_versions = self.begin_history(load)
        credentials = Credentials.of(self.conninfo(), options=_SESSION)
        for tries_left in reversed(range(TRIES)):
            try:
                # The binary copy fails on a file without rows.
                with closing(Postgres(credentials, replace_strategy="staging-optimized")) as destination:
                    dlt_loading.run(load, destination, empty_format="csv", has_versions=has_versions)
            except Exception as error:
                is_dropped = _is_dropped(error)
                if not tries_left or not (is_dropped or _is_created_meanwhile(error)):
                    raise self.explain(error) from error
                if is_dropped:
                    self.forget_dlt_schema(load)
            else:
                return

    def empty(self, table: Table, names: tuple[str, ...]) -> None:
        """Empty columns in all rows, and in dlt's staging table of the last load."""
        super().empty(table, names)
        self.clear_staging(table)

    def snippets(self, table: Table) -> dict[str, str]:
        """How to read the table from other programs."""
        place = self._address
        name = self.path(table)
        url = f"postgresql://{place.username}@{place.host}:{place.port}/{place.database}"
        return {
            "SQL": f"SELECT * FROM {name} LIMIT 100;",
            "pandas": "import pandas, sqlalchemy\n\n"
            f"engine = sqlalchemy.create_engine(\"{url}\")\ntable = pandas.read_sql('SELECT * FROM {name}', engine)",
            "DuckDB": f"INSTALL postgres; ATTACH '{url}' AS pg (TYPE postgres, READ_ONLY);\n"
            f"SELECT * FROM pg.{name} LIMIT 100;",
        }


def _open(settings: Settings, _data_dir: Path) -> PostgreSql:
    return PostgreSql(address_of(settings))


KIND = DestinationKind(
    key="postgresql",
    title="PostgreSQL",
    hint="A schema of a PostgreSQL database",
    fields=(*SERVER_FIELDS, "schema"),
    make=_open,
    dataset_is="schema",
    default_port=5432,
    longest_table=63,
    combines_orgs=True,
)
