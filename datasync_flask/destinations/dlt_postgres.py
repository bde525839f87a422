"""dlt's PostgreSQL destination, which connects as it is told: with a finished connection string of libpq.

dlt's own credentials know no host that is a socket, take spaces off passwords, and leave the rest to the environment.
"""

from __future__ import annotations

from typing import Any

from dlt.common.configuration import configspec
from dlt.destinations import postgres
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.destinations.impl.postgres.postgres import PostgresParquetCopyJob
from psycopg.conninfo import conninfo_to_dict

# Else a whole file is in memory at once.
PostgresParquetCopyJob._ingest_per_rowgroup = True


@configspec(init=False)
class Credentials(PostgresCredentials):
    """Credentials that hand a connection string to dlt's drivers, psycopg2 and ADBC."""

    conninfo: str = ""

    @classmethod
    def of(cls, conninfo: str, *, options: str) -> Credentials:
        """Return credentials for a connection string; `options` are the server's, for the session."""
        parts = conninfo_to_dict(conninfo)
        found = cls()
        found.conninfo = conninfo
        found.host, found.port, found.database = str(parts["host"]), int(str(parts["port"])), str(parts["dbname"])
        # dlt insists on a password; it is only ever sent as the connection string says.
        found.username, found.password = str(parts["user"]), "unused"
        found.query = {"options": options}
        return found

    def to_native_representation(self) -> str:
        """What the drivers connect with."""
        return self.conninfo


class Postgres(postgres):
    """dlt's destination with exactly these credentials."""

    def __init__(self, credentials: Credentials, **options: Any) -> None:
        super().__init__(credentials, destination_name="postgres", **options)
        self._given = credentials

    def client(self, schema: Any, initial_config: Any = None) -> Any:
        """Return dlt's client, which has made credentials of its own class again by now."""
        client: Any = super().client(schema, initial_config)
        client.config.credentials = client.sql_client.credentials = self._given
        return client
