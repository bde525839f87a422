"""A bucket of an object store that speaks S3's protocol, with tables of plain Parquet files or Delta tables.

dlt's filesystem destination deletes a table's files before it writes the new ones, and keeps no history. So DuckDB
writes files as in the data folder, and they are uploaded. Reading, memory and writing are bounded: a merge touches only
small files and those with one of its ids.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasync_flask.destinations import parquet_queries as queries
from datasync_flask.destinations.base import (
    DELETED_COLUMN,
    KEY,
    ORG_ID_COLUMN,
    VALID_TO,
    ColumnType,
    Destination,
    DestinationError,
    Fault,
    Load,
    Preview,
    Table,
)
from datasync_flask.destinations.destination_kind import DestinationKind, Settings
from datasync_flask.destinations.object_faults import faults
from datasync_flask.destinations.object_tables import DeltaLog, Log, ManifestLog, NewFile, Place, Snapshot
from datasync_flask.destinations.parquet_queries import quoted, text

if TYPE_CHECKING:
    import pyarrow as pa

KEYS_AT_ONCE = 50_000
FILE_SIZE, SMALL_BYTES = "64MB", 32_000_000
PART_BYTES = 8_000_000
# The variables of the machine's own role; all other variables of this kind are ignored.
_ROLE_VARIABLES = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_EC2_METADATA_DISABLED",
)  # fmt: skip


@dataclass(frozen=True)
class _Ids:
    """The ids of a load or a deletion, in DuckDB, which puts them on disk if there are many."""

    connection: Any
    first: str
    last: str

    def are_in(self, piece: pa.Table) -> bool:
        self.connection.register("piece", piece)
        found = self.connection.execute(f"SELECT EXISTS (SELECT 1 FROM piece SEMI JOIN ids USING ({KEY}))").fetchall()
        return bool(found[0][0])


class ObjectStorage(Destination):
    """PREFIX/dataset/table/ in a bucket."""

    def __init__(self, place: Place, *, is_delta: bool) -> None:
        self._place, self._is_delta = place, is_delta
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            if place.access_key or name not in _ROLE_VARIABLES:
                del os.environ[name]

    def _settings(self, *, is_patient: bool) -> dict[str, Any]:
        tries, seconds = (8, 180) if is_patient else (1, 8)
        return {
            "config": self._place.config() | {"disable_bulk_delete": "true"},
            "client_options": {
                "allow_http": self._place.is_in_clear,
                "connect_timeout": "4s",
                "timeout": "300s" if is_patient else "8s",
            },
            "retry_config": {"max_retries": tries, "retry_timeout": timedelta(seconds=seconds)},
        }

    def _store(self, *, is_patient: bool = True) -> Any:
        from obstore.store import S3Store

        return S3Store(self._place.bucket, **self._settings(is_patient=is_patient))

    def _folder(self, table: Table) -> str:
        return "/".join(part for part in (self._place.prefix, table.dataset, table.name) if part)

    def _log(self, table: Table) -> Log:
        kind = DeltaLog if self._is_delta else ManifestLog
        return kind(self._store(), self._place, self._folder(table))

    def check(self) -> None:
        """Check whether files can be written, listed, read and deleted, and whether the store respects conditions."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with faults():
            store = self._store(is_patient=False)
        folder = f"{self._place.prefix}/" if self._place.prefix else ""
        probe = f"{folder}_datasync_check_{uuid.uuid4().hex}"
        with faults("writing"):
            obstore.put(store, probe, b"x", mode="create")
        try:
            with faults("writing"), suppress(AlreadyExistsError, PreconditionError):
                obstore.put(store, probe, b"y", mode="create")
                raise DestinationError(Fault.NO_CONDITIONS, "If-None-Match: *", "endpoint")
            with faults("writing"), suppress(AlreadyExistsError, PreconditionError):
                obstore.put(store, probe, b"y", mode={"e_tag": '"another"'})
                raise DestinationError(Fault.NO_CONDITIONS, "If-Match", "endpoint")
            with faults("listing"):
                next(iter(obstore.list(store, prefix=f"{folder}_datasync", chunk_size=1)), None)
            with faults("reading"):
                bytes(obstore.get(store, probe).bytes())
        finally:
            with faults("deleting"):
                obstore.delete(store, probe)

    def has_table(self, table: Table) -> bool:
        """True when the table exists, in whichever format."""
        try:
            with faults():
                return self._log(table).current() is not None
        except DestinationError as error:
            if error.fault is not Fault.TABLE_IN_THE_WAY:
                raise
            return True

    def load(self, load: Load) -> None:
        """Write new files; the table then consists of them and of the old files without any of the rows."""
        with faults(), tempfile.TemporaryDirectory(dir=load.work_dir) as name:
            work, log = Path(name), self._log(load.table)
            before = log.current()
            if before is None:
                touched = []
            elif load.replaces:
                touched = self._files_of_org(before, load.table)
            else:
                touched = self._touched(before, load.table, queries.rows_of(load.files), work, with_small=True)
            is_read = load.keeps_history or not load.replaces or bool(load.table.org_id)
            old = self._fetched(before, load.table, touched if is_read else [], work)
            columns = self._schema(before, load.table).names if before is not None else []
            query = queries.loaded(load, queries.rows_of(old), list(columns))
            times = {column.name for column in (*load.columns, *load.known_columns) if column.type is ColumnType.TIME}
            if self._is_delta and times:
                # Delta has no type for a time of day.
                texts = ", ".join(f"CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}" for name in sorted(times))
                query = f"SELECT * REPLACE ({texts}) FROM ({query})"
            self._publish(log, before, touched, query, work)

    def delete(self, table: Table, keys: list[str], *, marks: bool) -> int:
        """Rewrite the files that contain the rows, without them or with is_deleted set."""
        with faults(), self._work_folder() as work:
            log = self._log(table)
            before = self._existing(log, table)
            ids = f"SELECT unnest([{', '.join(map(text, keys))}]) AS {KEY}"
            touched = self._touched(before, table, ids, work, with_small=False)
            if touched:
                old = queries.rows_of(self._fetched(before, table, touched, work))
                names = list(self._schema(before, table).names)
                self._publish(log, before, touched, queries.without(table, keys, old, names, marks=marks), work)
        return len(keys)

    def empty(self, table: Table, names: tuple[str, ...]) -> None:
        """Rewrite all files with the columns empty, and delete the old ones at once."""
        with faults(), self._work_folder() as work:
            log = self._log(table)
            before = self._existing(log, table)
            old = queries.rows_of(self._fetched(before, table, list(before.files), work))
            columns = list(self._schema(before, table).names)
            self._publish(log, before, list(before.files), queries.emptied(table, names, old, columns), work)
            log.retire([], log.current(), retention_seconds=0)

    def remove_org(self, table: Table) -> int:
        """Rewrite the files that contain rows of the table's org, without these; return how many were current."""
        held = self.count(table, without_deleted=False)
        self._rewrite_org(table, partial(queries.without_org, table))
        return held

    def rename_org(self, table: Table, name: str) -> None:
        """Rewrite the files that contain rows of the table's org, with the name in these."""
        self._rewrite_org(table, partial(queries.with_org_name, table, name))

    def _rewrite_org(self, table: Table, rewritten: Callable[[str], str]) -> None:
        with faults(), self._work_folder() as work:
            log = self._log(table)
            before = self._existing(log, table)
            if touched := self._files_of_org(before, table):
                old = queries.rows_of(self._fetched(before, table, touched, work))
                self._publish(log, before, touched, rewritten(old), work)

    @contextmanager
    def _work_folder(self) -> Iterator[Path]:
        """A folder for a table's files. If this process is killed, they go with the run's other working files."""
        if self.work_dir is not None:
            self.work_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.work_dir) as name:
            yield Path(name)

    def _files_of_org(self, snapshot: Snapshot, table: Table) -> list[str]:
        """The files that may contain rows of the table's org."""
        if not table.org_id:
            return list(snapshot.files)
        return [name for name in snapshot.files if queries.may_hold_org(self._file(table, name), table.org_id)]

    def _existing(self, log: Log, table: Table) -> Snapshot:
        found = log.current()
        if found is None:
            raise DestinationError(Fault.UNEXPECTED, f"there is no table {table.name}")
        return found

    def _publish(self, log: Log, before: Snapshot | None, gone: list[str], query: str, work: Path) -> None:
        import obstore
        import pyarrow as pa
        import pyarrow.parquet as pq

        out, store = work / "out", self._store()
        out.mkdir()
        queries.write(query, out, work / "spill", file_size=FILE_SIZE)
        written = {file: pq.read_metadata(file) for file in sorted(out.glob("*.parquet"))}
        # A file without rows exists only for its columns: one is enough, and none if other files have them.
        empty = [file for file, about in written.items() if not about.num_rows]
        schema = pa.schema(
            [field.with_nullable(True) for field in next(iter(written.values())).schema.to_arrow_schema()]
        )
        for file in empty[0 if len(empty) < len(written) else 1 :]:
            del written[file]
        new = [
            NewFile(f"{uuid.uuid4().hex}.parquet", file.stat().st_size, about.num_rows)
            for file, about in written.items()
        ]
        log.retire([*gone, *(file.name for file in new)], before)
        for file, each in zip(written, new, strict=True):
            obstore.put(store, f"{log.folder}/{each.name}", file, chunk_size=PART_BYTES, max_concurrency=4)
        log.commit(before, gone, new, schema)

    def _fetched(self, snapshot: Snapshot | None, table: Table, names: list[str], work: Path) -> list[Path]:
        """Download files, preceded by an empty one with all columns of the table."""
        import obstore
        import pyarrow.parquet as pq

        if snapshot is None:
            return []
        store, files = self._store(), [work / "columns.parquet"]
        pq.write_table(self._schema(snapshot, table).empty_table(), files[0])
        for name in names:
            files.append(work / f"old-{len(files)}.parquet")
            with files[-1].open("wb") as file:
                for part in obstore.get(store, f"{self._folder(table)}/{name}").stream(PART_BYTES):
                    file.write(part)
        return files

    def _schema(self, snapshot: Snapshot, table: Table) -> pa.Schema:
        # The newest file has every column of the table.
        return snapshot.schema or self._file(table, list(snapshot.files)[-1]).schema_arrow

    def _file(self, table: Table, name: str) -> Any:
        import pyarrow.parquet as pq
        from obstore.fsspec import FsspecStore

        store = FsspecStore("s3", **self._settings(is_patient=True))
        return pq.ParquetFile(f"{self._place.bucket}/{self._folder(table)}/{name}", filesystem=store, pre_buffer=False)

    def _touched(self, snapshot: Snapshot, table: Table, ids: str, work: Path, *, with_small: bool) -> list[str]:
        """The files that contain one of these ids."""
        small = {name for name, size in snapshot.files.items() if with_small and size < SMALL_BYTES}
        with queries.bounded(work / "spill") as connection:
            connection.execute(f"CREATE TABLE ids AS SELECT {KEY} FROM ({ids})")
            ((first, last),) = connection.execute(f"SELECT min({KEY}), max({KEY}) FROM ids").fetchall()
            if first is None:
                return sorted(small)
            wanted = _Ids(connection, first, last)
            return [
                name for name in snapshot.files if name in small or self._contains_any(self._file(table, name), wanted)
            ]

    def _contains_any(self, file: Any, wanted: _Ids) -> bool:
        import pyarrow as pa

        position = file.schema_arrow.names.index(KEY)
        for number in range(file.num_row_groups):
            about = file.metadata.row_group(number).column(position).statistics
            if about is not None and about.has_min_max and (about.max < wanted.first or about.min > wanted.last):
                continue
            for batch in file.iter_batches(KEYS_AT_ONCE, row_groups=[number], columns=[KEY], use_threads=False):
                if wanted.are_in(pa.Table.from_batches([batch])):
                    return True
        return False

    def count(self, table: Table, *, without_deleted: bool) -> int:
        """The number of rows; of a table with history, the number of current versions."""
        return sum(len(piece) for piece in self.keys(table, without_deleted=without_deleted))

    def keys(self, table: Table, *, without_deleted: bool) -> Iterator[pa.Array]:
        """Yield the ids of all rows (current versions only) in pieces."""
        import pyarrow.compute as pc

        with faults():
            for name in self._existing(self._log(table), table).files:
                file = self._file(table, name)
                wanted = [KEY, VALID_TO, *([DELETED_COLUMN] if without_deleted else [])]
                wanted += [ORG_ID_COLUMN] if table.org_id else []
                there = [column for column in wanted if column in file.schema_arrow.names]
                for batch in file.iter_batches(KEYS_AT_ONCE, columns=there, use_threads=False):
                    found = batch
                    if table.org_id:
                        found = found.filter(pc.equal(found.column(ORG_ID_COLUMN), table.org_id))
                    if VALID_TO in there:
                        found = found.filter(pc.is_null(found.column(VALID_TO)))
                    if DELETED_COLUMN in there:
                        found = found.filter(pc.invert(pc.fill_null(found.column(DELETED_COLUMN), False)))
                    yield found.column(KEY)

    def column_names(self, table: Table) -> set[str]:
        """The names of a table's columns; none when there is no such table."""
        with faults():
            snapshot = self._log(table).current()
            return set(self._schema(snapshot, table).names) if snapshot is not None else set()

    def values(
        self, table: Table, names: tuple[str, ...], keys: list[str] | None
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Yield ids with the values of columns, current versions only; files are read whole either way."""
        with faults():
            for name in self._existing(self._log(table), table).files:
                yield from queries.values_in(self._file(table, name), names, table)

    def preview(self, table: Table, rows: int) -> Preview:
        """Columns with their types, and the first rows."""
        import pyarrow as pa
        import pyarrow.compute as pc

        with faults():
            snapshot = self._existing(self._log(table), table)
            schema = self._schema(snapshot, table)
            columns = tuple((field.name, str(field.type)) for field in schema)
            found: list[tuple[Any, ...]] = []
            for batch in self._batches(table, snapshot.files, rows):
                whole = pa.concat_tables(
                    [schema.empty_table(), pa.Table.from_batches([batch])], promote_options="permissive"
                )
                if table.org_id:
                    whole = whole.filter(pc.equal(whole.column(ORG_ID_COLUMN), table.org_id))
                found += [tuple(row[name] for name, _ in columns) for row in whole.to_pylist()]
                if len(found) >= rows:
                    break
            return Preview(columns, tuple(found[:rows]))

    def _batches(self, table: Table, names: Iterable[str], rows: int) -> Iterator[pa.RecordBatch]:
        for name in names:
            yield from self._file(table, name).iter_batches(min(rows, KEYS_AT_ONCE), use_threads=False)

    def snippets(self, table: Table) -> dict[str, str]:
        """How to read the table from other programs, without keys."""
        url = f"s3://{self._place.bucket}/{self._folder(table)}"
        if self._is_delta:
            return {
                "DuckDB": f"SELECT * FROM delta_scan('{url}') LIMIT 100;",
                "pandas": f'from deltalake import DeltaTable\n\ntable = DeltaTable("{url}").to_pandas()',
                "Spark": f'spark.read.format("delta").load("{url}")',
            }
        manifest = f"{url}/_symlink_format_manifest/manifest"
        return {
            "DuckDB": f"SET VARIABLE files = (SELECT list(url) FROM read_csv('{manifest}', header = false, "
            f"names = ['url']));\nSELECT * FROM read_parquet(getvariable('files'), union_by_name = true) LIMIT 100;",
            "pandas": "import fsspec, pandas\n\n"
            f'files = fsspec.open("{manifest}", "rt").open().read().split()\n'
            "table = pandas.concat(map(pandas.read_parquet, files))",
        }


def _open(settings: Settings, _data_dir: Path) -> ObjectStorage:
    named = {name: str(settings.get(name) or "") for name in ("bucket", "prefix", "endpoint", "region", "access_key")}
    place = Place(**named, secret=str(settings.get("password") or ""))
    return ObjectStorage(place, is_delta=settings.get("table_format") == "delta")


KIND = DestinationKind(
    key="object_storage",
    title="Object storage (S3)",
    hint="A bucket at Amazon S3 or at a store that speaks its protocol: Parquet or Delta",
    fields=("bucket", "prefix", "endpoint", "region", "access_key", "password", "table_format"),
    make=_open,
    dataset_is="folder",
    combines_orgs=True,
)
