"""dlt's PostgreSQL destination, which connects with a complete connection string of libpq.

dlt's own credentials can't use a socket, strip spaces from passwords, and leave the rest to the environment.
"""

from __future__ import annotations

import threading
from typing import Any

from adbc_driver_postgresql import dbapi
from dlt.common.configuration import configspec
from dlt.common.destination.client import LoadJob
from dlt.destinations import postgres
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.destinations.impl.postgres.postgres import PostgresClient, PostgresParquetCopyJob
from psycopg.conninfo import conninfo_to_dict


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


class CopyConnections:
    """Connections of ADBC. The first one asks for all types that the server knows, which takes as long as copying ten
    thousand rows; the others share what it was told.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._first: dbapi.Connection | None = None
        self._lock = threading.Lock()

    def open(self) -> dbapi.Connection:
        """A new connection. Raises the driver's error."""
        with self._lock:
            self._first = self._first or dbapi.connect(self._conninfo)
            return self._first.adbc_clone()

    def close(self) -> None:
        """Close the first connection, when all others are closed."""
        if self._first is not None:
            self._first.close()


class CopyJob(PostgresParquetCopyJob):
    """dlt's copy of one Parquet file, over one of these connections."""

    # Otherwise the whole file would be in memory at once.
    _ingest_per_rowgroup = True

    def __init__(self, file_path: str, connections: CopyConnections) -> None:
        super().__init__(file_path)
        self._connections = connections

    def _connect(self) -> dbapi.Connection:
        return self._connections.open()


class Client(PostgresClient):
    """dlt's client, whose copies share their connections."""

    connections: CopyConnections

    def create_load_job(self, table: Any, file_path: str, load_id: str, restore: bool = False) -> LoadJob:
        """The job that loads a file."""
        job = super().create_load_job(table, file_path, load_id, restore)
        return CopyJob(file_path, self.connections) if isinstance(job, PostgresParquetCopyJob) else job


class Postgres(postgres):
    """dlt's destination with exactly these credentials; close it after the load."""

    def __init__(self, credentials: Credentials, **options: Any) -> None:
        super().__init__(credentials, destination_name="postgres", **options)
        self._given = credentials
        self._connections = CopyConnections(credentials.conninfo)

    @property
    def client_class(self) -> type[PostgresClient]:
        """The class of its clients."""
        return Client

    def client(self, schema: Any, initial_config: Any = None) -> Any:
        """The client of dlt, with these credentials instead of those that dlt has created."""
        client: Any = super().client(schema, initial_config)
        client.config.credentials = client.sql_client.credentials = self._given
        client.connections = self._connections
        return client

    def close(self) -> None:
        """Close what is left of its connections."""
        self._connections.close()
