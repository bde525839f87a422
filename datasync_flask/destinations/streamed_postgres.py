"""dlt's PostgreSQL destination with its files streamed to the server, over as many connections as work at once.

dlt itself reads a whole file into memory, and connects anew for each one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from adbc_driver_postgresql import dbapi
from dlt.common.configuration import configspec
from dlt.destinations import postgres
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.destinations.impl.postgres.postgres import PostgresClient, PostgresParquetCopyJob

ROWS_AT_ONCE = 10_000


@configspec(init=False)
class Credentials(PostgresCredentials):
    """dlt's credentials, which hand a finished connection string of libpq to its drivers; dlt's own knows no host that
    is a socket, and takes spaces off passwords.
    """

    conninfo: str = ""

    @classmethod
    def of(cls, conninfo: str, *, options: str) -> Credentials:
        """Return credentials for a connection string; `options` are the server's, for the session."""
        from psycopg.conninfo import conninfo_to_dict

        parts = conninfo_to_dict(conninfo)
        found = cls()
        found.conninfo = conninfo
        found.host, found.port, found.database = str(parts["host"]), int(str(parts["port"])), str(parts["dbname"])
        # dlt insists on a password; it is only ever sent as the connection string says.
        found.username, found.password = str(parts["user"]), "unused"
        found.query = {"options": options}
        return found

    def to_native_representation(self) -> str:
        """Return what psycopg2 and ADBC connect with."""
        return self.conninfo


class Connections:
    """ADBC's connections. Making one takes as long as copying ten thousand rows: it asks for all types there are."""

    def __init__(self) -> None:
        self._idle: SimpleQueue[Future[Any]] = SimpleQueue()
        self._pool = ThreadPoolExecutor(thread_name_prefix="connect")

    def make_ahead(self, url: str, count: int) -> None:
        """Begin to make `count` connections."""
        for _ in range(count):
            self._idle.put(self._pool.submit(dbapi.connect, url))

    @contextlib.contextmanager
    def borrowed(self, url: str) -> Iterator[Any]:
        """Yield a connection that nobody else has; a fault while it is in use closes it. Raises the driver's error."""
        try:
            found = self._idle.get_nowait()
        except Empty:
            found = self._pool.submit(dbapi.connect, url)
        connection = found.result()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.put(found)

    def close(self) -> None:
        """Close all connections."""
        self._pool.shutdown()
        while not self._idle.empty():
            made = self._idle.get()
            if made.exception() is None:
                made.result().close()


class StreamedCopy(PostgresParquetCopyJob):
    """Hands a Parquet file to ADBC's binary copy, some rows at a time."""

    _job_client: StreamedClient

    def run(self) -> None:
        """Copy the file in one transaction."""
        catalog, schema = self._set_catalog_and_schema()
        with (
            self._job_client.connections.borrowed(self._job_client.url) as connection,
            # Buffered ahead, all that was read of a file would stay in memory until its end.
            pq.ParquetFile(self._file_path, pre_buffer=False) as file,
            connection.cursor() as cursor,
        ):
            # A reader is asked for one batch after the other; of an iterator ADBC makes a table first.
            batches = file.iter_batches(ROWS_AT_ONCE, use_threads=False)
            reader = pa.RecordBatchReader.from_batches(file.schema_arrow, batches)
            cursor.adbc_ingest(self.load_table_name, reader, mode="append", catalog_name=catalog, db_schema_name=schema)
            connection.commit()


class StreamedClient(PostgresClient):
    """dlt's client with the copy job replaced."""

    connections: Connections

    @property
    def url(self) -> str:
        """What ADBC connects with."""
        return str(self.config.credentials.to_native_representation())

    def create_load_job(self, table: Any, file_path: str, load_id: str, restore: bool = False) -> Any:
        """Return the job that loads a file."""
        job = super().create_load_job(table, file_path, load_id, restore)
        return StreamedCopy(file_path) if isinstance(job, PostgresParquetCopyJob) else job


class StreamedPostgres(postgres):
    """dlt's destination with its client replaced; close it when everything is loaded.

    The first `connections` are made while dlt still looks at what it has to load.
    """

    def __init__(self, credentials: Credentials, *, connections: int, **options: Any) -> None:
        super().__init__(credentials, **options)
        self._given = credentials
        self._connections, self._ahead = Connections(), connections

    def client(self, schema: Any, initial_config: Any = None) -> Any:
        """Return a client whose jobs share the connections."""
        client: Any = super().client(schema, initial_config)
        # dlt makes credentials of its own class again; what connects has to be told exactly how.
        client.config.credentials = client.sql_client.credentials = self._given
        client.connections = self._connections
        self._connections.make_ahead(client.url, self._ahead)
        self._ahead = 0
        return client

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()

    @property
    def client_class(self) -> type[PostgresClient]:
        """The class that talks to the server."""
        return StreamedClient
