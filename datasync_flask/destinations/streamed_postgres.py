"""dlt's PostgreSQL destination with its files streamed to the server, over as many connections as work at once.

dlt itself reads a whole file into memory, and connects anew for each one.
"""

from __future__ import annotations

from queue import Empty, SimpleQueue
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from dlt.destinations import postgres
from dlt.destinations.impl.postgres.postgres import PostgresClient, PostgresParquetCopyJob

ROWS_AT_ONCE = 10_000


class StreamedCopy(PostgresParquetCopyJob):
    """Hands a Parquet file to ADBC's binary copy, some rows at a time."""

    _job_client: StreamedClient

    def run(self) -> None:
        """Copy the file in one transaction."""
        catalog, schema = self._set_catalog_and_schema()
        idle = self._job_client.idle
        try:
            connection = idle.get_nowait()
        except Empty:
            connection = self._connect()
        try:
            with (
                # Buffered ahead, all that was read of a file would stay in memory until its end.
                pq.ParquetFile(self._file_path, pre_buffer=False) as file,
                connection.cursor() as cursor,
            ):
                # A reader is asked for one batch after the other; of an iterator ADBC makes a table first.
                batches = file.iter_batches(ROWS_AT_ONCE, use_threads=False)
                reader = pa.RecordBatchReader.from_batches(file.schema_arrow, batches)
                cursor.adbc_ingest(
                    self.load_table_name, reader, mode="append", catalog_name=catalog, db_schema_name=schema
                )
            connection.commit()
        except BaseException:
            connection.close()
            raise
        idle.put(connection)


class StreamedClient(PostgresClient):
    """dlt's client with the copy job replaced."""

    idle: SimpleQueue[Any]

    def create_load_job(self, table: Any, file_path: str, load_id: str, restore: bool = False) -> Any:
        """Return the job that loads a file."""
        job = super().create_load_job(table, file_path, load_id, restore)
        return StreamedCopy(file_path) if isinstance(job, PostgresParquetCopyJob) else job


class StreamedPostgres(postgres):
    """dlt's destination with its client replaced; close it when everything is loaded."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._idle: SimpleQueue[Any] = SimpleQueue()

    def client(self, schema: Any, initial_config: Any = None) -> Any:
        """Return a client whose jobs share the connections."""
        client: Any = super().client(schema, initial_config)
        client.idle = self._idle
        return client

    def close(self) -> None:
        """Close all connections."""
        while not self._idle.empty():
            self._idle.get().close()

    @property
    def client_class(self) -> type[PostgresClient]:
        """The class that talks to the server."""
        return StreamedClient
