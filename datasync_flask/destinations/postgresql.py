"""A PostgreSQL database."""

from __future__ import annotations

import contextlib
import os
import tempfile
import weakref
from functools import cached_property
from typing import Any

from datasync_flask.destinations import dlt_loading
from datasync_flask.destinations.base import DestinationError, Fault, Load, Table
from datasync_flask.destinations.server import CONNECT_SECONDS, Address
from datasync_flask.destinations.sql import SqlDestination
from datasync_flask.destinations.tls import Tls, is_this_machine, trusted_file

# Names a file that can't be: libpq would take files of the user's home folder instead of none.
_NO_FILE = "/dev/null/none"


class PostgreSql(SqlDestination):
    """Writes through dlt; each dataset is a schema of the database."""

    marker = "%s"
    max_name_length = 63
    # 1,600, less what dlt adds.
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
        """Return what libpq connects with (PostgreSQL manual, 34.1.2). Whatever could send the password elsewhere or
        in clear is said here, so that neither the environment nor files of the user's home folder decide it.
        """
        from psycopg.conninfo import make_conninfo

        place, is_verified = self._address, self._address.tls is Tls.VERIFIED
        # A server that takes everybody gets no password; another machine that asks for none isn't the one known.
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
        """Return a connection; statements begin a transaction."""
        import psycopg

        return psycopg.connect(self.conninfo(options="-c TimeZone=UTC"))

    def explain(self, error: Exception) -> DestinationError:
        """Return what an error of PostgreSQL means (its SQLSTATE, or libpq's words where there is none yet)."""
        words = str(error).strip()
        low, state = words.lower(), str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")
        if "could not translate host name" in low or "failed to resolve host" in low or "name or service" in low:
            return DestinationError(Fault.HOST_NOT_FOUND, words, "host")
        if "does not support ssl" in low:
            return DestinationError(Fault.NO_TLS, words, "tls")
        if "certificate verify failed" in low or ("certificate" in low and "does not match host name" in low):
            return DestinationError(Fault.TLS_NOT_VERIFIED, words, "tls_ca")
        if "authentication method requirement" in low and self._address.password:
            return DestinationError(Fault.PASSWORD_IN_CLEAR, words, "host")
        if state in {"54000", "54011"} or "row is too big" in low or "can have at most" in low:
            return DestinationError(Fault.ROW_TOO_WIDE, words, "host")
        if "authentication method requirement" in low:
            return DestinationError(Fault.PASSWORD_REFUSED, "the server asks for a password", "password")
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
        from datasync_flask.destinations.streamed_postgres import Credentials, StreamedPostgres

        has_versions = self.begin_history(load, moment_type="TIMESTAMPTZ")
        # What dlt's history asks ("NOT IN") takes time squared where the answer doesn't fit.
        credentials = Credentials.of(self.conninfo(), options="-cwork_mem=256MB")
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
