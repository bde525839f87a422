"""A PostgreSQL database."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from datasync_flask.destinations import dlt_loading
from datasync_flask.destinations.base import DestinationError, Fault, Load, Table
from datasync_flask.destinations.sql import SqlDestination

CONNECT_SECONDS = 5


@dataclass(frozen=True)
class Address:
    """Where a database server is and how to get in."""

    host: str
    port: int
    database: str
    username: str
    password: str
    schema: str = ""


class PostgreSql(SqlDestination):
    """Writes through dlt; each dataset is a schema of the database."""

    marker = "%s"

    def __init__(self, address: Address) -> None:
        self._address = address

    def connect(self) -> Any:
        """Return a connection; statements begin a transaction."""
        import psycopg

        return psycopg.connect(
            host=self._address.host,
            port=self._address.port,
            dbname=self._address.database,
            user=self._address.username,
            password=self._address.password or None,
            connect_timeout=CONNECT_SECONDS,
            application_name="datasync",
            options="-c TimeZone=UTC",
        )

    def explain(self, error: Exception) -> DestinationError:
        """Return what an error of PostgreSQL means (its SQLSTATE, or libpq's words where there is none yet)."""
        words = str(error).strip()
        low, state = words.lower(), str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")
        if "could not translate host name" in low or "failed to resolve host" in low or "name or service" in low:
            return DestinationError(Fault.HOST_NOT_FOUND, words, "host")
        if state in {"28P01", "28000"} or "password authentication failed" in low or "no password supplied" in low:
            return DestinationError(Fault.PASSWORD_REFUSED, words, "password")
        if state == "3D000" or ("database" in low and "does not exist" in low):
            return DestinationError(Fault.NO_DATABASE, words, "database")
        if "role" in low and "does not exist" in low:
            return DestinationError(Fault.PASSWORD_REFUSED, words, "username")
        if state == "42501" or "permission denied" in low:
            return DestinationError(Fault.NO_RIGHT, words, "username")
        if state == "53100" or "no space left" in low:
            return DestinationError(Fault.DISK_FULL, words, "host")
        if "refused" in low or "timeout" in low or "timed out" in low or "connection" in low or "unreachable" in low:
            return DestinationError(Fault.NOT_REACHABLE, words, "host")
        return DestinationError(Fault.UNEXPECTED, words, "host")

    def columns_of(self, table: Table) -> list[tuple[str, str]]:
        """Return names and types of a table's columns."""
        with self.transaction() as cursor:
            cursor.execute(
                "SELECT column_name, data_type FROM information_schema.columns "
                "WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
                (table.dataset, table.name),
            )
            return [(str(name), str(kind)) for name, kind in cursor.fetchall()]

    def check(self) -> None:
        """See whether a schema can be made, and tables in it written and dropped."""
        with self.transaction() as cursor:
            cursor.execute("CREATE SCHEMA _datasync_check")
            cursor.execute('CREATE TABLE _datasync_check."try" (id varchar(18))')
            cursor.execute("INSERT INTO _datasync_check.\"try\" VALUES ('x')")
            cursor.execute("DROP SCHEMA _datasync_check CASCADE")

    def load(self, load: Load) -> None:
        """Write through dlt, with Parquet handed to PostgreSQL's binary copy (ADBC)."""
        # Imported here: the worker and the pages look at destinations too, and do without dlt.
        from datasync_flask.destinations.streamed_postgres import StreamedPostgres

        has_versions = self.begin_history(load, moment_type="TIMESTAMPTZ")
        credentials = {
            "drivername": "postgresql",
            "host": self._address.host,
            "port": self._address.port,
            "database": self._address.database,
            "username": self._address.username,
            # dlt insists on a password; a server that trusts doesn't look at it.
            "password": self._address.password or "none",
            "connect_timeout": CONNECT_SECONDS,
            # What dlt's history asks ("NOT IN") takes time squared where the answer doesn't fit.
            "query": {"options": "-cwork_mem=256MB"},
        }
        copies = min(len(load.files), dlt_loading.FILES_AT_ONCE) if load.rows else 0
        try:
            with contextlib.closing(
                StreamedPostgres(
                    credentials, destination_name="postgres", replace_strategy="staging-optimized", connections=copies
                )
            ) as destination:
                # The binary copy stumbles over a file without rows.
                dlt_loading.run(load, destination, empty_format="csv", has_versions=has_versions)
        except Exception as error:
            raise self.explain(error) from error

    def snippets(self, table: Table) -> dict[str, str]:
        """Return how to read the table from other programs."""
        place = self._address
        name = f"{table.dataset}.{table.name}"
        url = f"postgresql://{place.username}@{place.host}:{place.port}/{place.database}"
        return {
            "SQL": f"SELECT * FROM {name} LIMIT 100;",
            "pandas": "import pandas, sqlalchemy\n\n"
            f'engine = sqlalchemy.create_engine("{url}")\ntable = pandas.read_sql("SELECT * FROM {name}", engine)',
            "DuckDB": f"INSTALL postgres; ATTACH '{url}' AS pg (TYPE postgres, READ_ONLY);\n"
            f"SELECT * FROM pg.{name} LIMIT 100;",
        }
