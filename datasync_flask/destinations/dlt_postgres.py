"""dlt's PostgreSQL destination, which connects with a complete connection string of libpq.

dlt's own credentials can't use a socket, strip spaces from passwords, and leave the rest to the environment.
"""

from __future__ import annotations

from typing import Any

from dlt.common.configuration import configspec
from dlt.destinations import postgres
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.destinations.impl.postgres.postgres import PostgresParquetCopyJob
from psycopg.conninfo import conninfo_to_dict

# Otherwise a whole file would be in memory at once.
PostgresParquetCopyJob._ingest_per_rowgroup = True


@configspec(init=False)
class Credentials(PostgresCredentials):
    """Credentials that pass a connection string to dlt's drivers, psycopg2 and ADBC."""

    conninfo: str = ""

    @classmethod
    def of(cls, conninfo: str, *, options: str) -> Credentials:
        """Credentials for a connection string; `options` are the server's settings for the session."""
        parts = conninfo_to_dict(conninfo)
        found = cls()
        found.conninfo = conninfo
        found.host, found.port, found.database = str(parts["host"]), int(str(parts["port"])), str(parts["dbname"])
        # dlt requires a password; only the one in the connection string is ever sent.
        found.username, found.password = str(parts["user"]), "unused"
        found.query = {"options": options}
        return found

    def to_native_representation(self) -> str:
        """The connection string for the drivers."""
        return self.conninfo


class Postgres(postgres):
    """dlt's destination with exactly these credentials."""

    def __init__(self, credentials: Credentials, **options: Any) -> None:
        super().__init__(credentials, destination_name="postgres", **options)
        self._given = credentials

    def client(self, schema: Any, initial_config: Any = None) -> Any:
        """The client of dlt, with these credentials instead of those that dlt has created."""
        client: Any = super().client(schema, initial_config)
        client.config.credentials = client.sql_client.credentials = self._given
        return client
