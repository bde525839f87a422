"""From Salesforce to Parquet files: bulk results page by page, streamed; REST where bulk can't, or is dearer."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from datasync_flask.destinations.base import VERSION_COLUMN, Column
from datasync_flask.extractions.columns import arrow_schema, from_json, parsed
from datasync_flask.extractions.forecast import REST_ROWS, rows_per_page
from datasync_flask.extractions.plan import Plan
from datasync_flask.salesforce import bulk
from datasync_flask.salesforce.data import MAX_QUERY_LENGTH, DataApi
from datasync_flask.salesforce.errors import Problem, SalesforceError

# A row has to fit into one block; where one doesn't (800 fields, some of 131,072 characters), the block grows.
BLOCK_BYTES = 2 * 1024 * 1024
BLOCK_GROWS = 8
PAGE_TRIES = 4


# Pages leave gaps in memory that add up; giving them back takes milliseconds.
PAGES_BETWEEN_RELEASES = 8


@dataclass
class Progress:
    """How far reading is; kept by the caller so that a run that was stopped can go on."""

    job_id: str = ""
    locator: str = ""
    pages: int = 0
    rows: int = 0
    is_read: bool = False
    uses_rest: bool = False
    expected: int | None = None


@dataclass
class Reader:
    """Reads one object into `folder`; `changed` is told after each page, `pause` waits and may raise to stop."""

    api: DataApi
    plan: Plan
    columns: dict[str, Column]
    folder: Path
    progress: Progress
    changed: Callable[[], None]
    pause: Callable[[float], None]
    notes: list[str] = field(default_factory=list)
    block_bytes: int = BLOCK_BYTES

    def read(self) -> None:
        """Read everything that isn't read yet. Raises SalesforceError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.progress.is_read:
            return
        if self.progress.job_id:
            try:
                self._read_job()
                return
            except SalesforceError as error:
                if error.problem not in {Problem.NOT_FOUND, Problem.LOCATOR_GONE, Problem.UNEXPECTED}:
                    raise
                # The job is gone: begin again, nothing of it was written anywhere but here.
                self._start_anew()
        if self._rest_is_cheaper():
            return
        self._read_in_bulk()

    def _start_anew(self) -> None:
        for file in self.folder.glob("*.parquet*"):
            file.unlink()
        kept = self.progress.expected
        self.progress.__init__(expected=kept)  # type: ignore[misc]
        self.changed()

    def _rest_is_cheaper(self) -> bool:
        """Ask by REST for what changed; True when that was all. A whole table goes by bulk, unless it is small."""
        if len(self.plan.soql) > MAX_QUERY_LENGTH:
            return False
        if self.plan.is_whole and (self.progress.expected is None or self.progress.expected > REST_ROWS):
            return False
        self._start_anew()
        try:
            page = self.api.query(self.plan.soql, with_deleted=self.plan.with_deleted)
        except SalesforceError as error:
            # Too long, too slow or not to be had by REST: bulk may do it, and says more clearly why not.
            if error.problem not in {Problem.NOT_FOUND, Problem.UNEXPECTED, Problem.QUERY_TIMED_OUT}:
                raise
            self.notes.append(f"REST: {error.detail}")
            return False
        if page.total > REST_ROWS:
            return False
        self._read_rest(page)
        return True

    def _read_rest(self, page: Any = None) -> None:
        self.progress.uses_rest = True
        page = page or self.api.query(self.plan.soql, with_deleted=self.plan.with_deleted)
        self.progress.expected = page.total
        while True:
            self._write_records(page.records)
            if not page.next_path:
                break
            self.pause(0)
            page = self.api.next_page(page.next_path)
        self.progress.is_read = True
        self.changed()

    def _write_records(self, records: list[dict[str, Any]]) -> None:
        try:
            arrays = {
                column.name: from_json([record.get(name) for record in records], column.type)
                for name, column in self.columns.items()
            }
        except pa.ArrowInvalid as error:
            raise SalesforceError(Problem.NOT_SALESFORCE, f"records with a value of another type: {error}") from None
        rows = self._write([pa.RecordBatch.from_pydict(arrays, schema=self._schema(with_version=False))])
        self._keep_page(rows, "rest")

    def _read_in_bulk(self) -> None:
        self._start_anew()
        try:
            self.progress.job_id = bulk.create_job(self.api, self.plan.soql, with_deleted=self.plan.with_deleted)
            self.changed()
            self._read_job()
        except bulk.NotInBulk as refusal:
            self.notes.append(f"Bulk API: {refusal}")
            if len(self.plan.soql) > MAX_QUERY_LENGTH:
                raise SalesforceError(Problem.QUERY_REFUSED, str(refusal)) from None
            self._start_anew()
            self._read_rest()

    def _read_job(self) -> None:
        progress = self.progress
        bulk.wait_for_job(self.api, progress.job_id, self.pause)
        while not progress.is_read:
            self.pause(0)
            self._read_page()
            self.changed()
        bulk.delete_job(self.api, progress.job_id)

    def _read_page(self) -> None:
        """Read the page at the locator; a page that broke off is read again from its start."""
        progress = self.progress
        rows = rows_per_page(len(self.columns))
        for attempt in range(1, PAGE_TRIES + 1):
            try:
                with bulk.result_page(self.api, progress.job_id, progress.locator, rows) as page:
                    written = self._write(self._batches(page.response))
                    if page.rows is not None and written != page.rows:
                        raise SalesforceError(
                            Problem.CONNECTION_FAILED, f"a page of {page.rows} rows broke off after {written}"
                        )
                    self._keep_page(written, page.next_locator)
                    return
            except pa.ArrowInvalid as error:
                if attempt == PAGE_TRIES:
                    raise SalesforceError(Problem.NOT_SALESFORCE, f"a page that isn't CSV: {error}") from None
                self.block_bytes *= BLOCK_GROWS
                self.pause(0.5 * attempt)
            except SalesforceError as error:
                if not self.api.may_help(error, attempt):
                    raise

    def _keep_page(self, rows: int, next_locator: str) -> None:
        draft = self.folder / f"{self.progress.pages + 1:06}.parquet.part"
        draft.replace(draft.with_suffix(""))
        self.progress.pages += 1
        self.progress.rows += rows
        self.progress.locator = next_locator
        self.progress.is_read = not next_locator
        if self.progress.pages % PAGES_BETWEEN_RELEASES == 0:
            pa.default_memory_pool().release_unused()

    def _schema(self, *, with_version: bool) -> pa.Schema:
        schema = arrow_schema(self.columns.values())
        if with_version and self.plan.keeps_history:
            schema = schema.append(pa.field(VERSION_COLUMN, pa.string(), nullable=False))
        return schema

    def _write(self, batches: Iterable[pa.RecordBatch]) -> int:
        """Write one page into a draft and return its rows."""
        draft = self.folder / f"{self.progress.pages + 1:06}.parquet.part"
        rows = 0
        # Without dictionaries zstd makes smaller files, in two thirds of the time.
        schema = self._schema(with_version=True)
        with pq.ParquetWriter(draft, schema, compression="zstd", use_dictionary=False) as writer:
            for batch in batches:
                rows += batch.num_rows
                writer.write_batch(self._with_version(batch))
        return rows

    def _with_version(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if not self.plan.keeps_history:
            return batch
        import hashlib

        rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        names = batch.schema.names
        # A stamp that moved without anything else is no new version; the look at a row is by its values.
        skipped = {"system_modstamp", "last_modified_date", "last_viewed_date", "last_referenced_date"}
        kept = [position for position, name in enumerate(names) if name not in skipped]
        versions = [
            hashlib.sha256(repr([row[position] for position in kept]).encode()).hexdigest()[:32] for row in rows
        ]
        arrays = [*batch.columns, pa.array(versions, pa.string())]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema(with_version=True))

    def _batches(self, response: httpx2.Response) -> Iterator[pa.RecordBatch]:
        """Yield a page's rows with their types. Raises pyarrow.ArrowInvalid for what isn't CSV, or of another type."""
        schema = self._schema(with_version=False)
        for texts in _one_ahead(self._texts(response)):
            columns = zip(texts.columns, self.columns.values(), strict=True)
            yield pa.RecordBatch.from_arrays([parsed(values, column.type) for values, column in columns], schema=schema)

    def _texts(self, response: httpx2.Response) -> Iterator[pa.RecordBatch]:
        """Yield a page's rows as texts, columns in our order. Raises pyarrow.ArrowInvalid for what isn't CSV."""
        stream = _WithoutNul(response.iter_bytes())
        header = stream.first_line()
        if not header:
            return
        names = [name.strip().strip('"') for name in header.split(",")]
        is_header = {name.lower() for name in names} == {name.lower() for name in self.columns}
        if not is_header:
            if self.progress.pages == 0:
                raise SalesforceError(Problem.NOT_SALESFORCE, f"a result with other columns: {header[:100]}")
            # Some say that only the first page has a header: then the first line is a row.
            names = list(self.columns)
        text = pa.string()
        reader = pa_csv.open_csv(
            pa.PythonFile(io.BufferedReader(stream, self.block_bytes), mode="r"),
            read_options=pa_csv.ReadOptions(
                block_size=self.block_bytes, column_names=names, skip_rows=0, use_threads=False
            ),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, text),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                null_values=[""],
            ),
        )
        spelled = {name.lower(): position for position, name in enumerate(names)}
        is_first = is_header
        for batch in reader:
            rows = batch.slice(1) if is_first else batch
            is_first = False
            yield rows.select([spelled[name.lower()] for name in self.columns])

    def files(self) -> tuple[Path, ...]:
        """Return the files read, in order; one without rows when there are none."""
        found = tuple(sorted(self.folder.glob("*.parquet")))
        if found:
            return found
        empty = self.folder / "000000.parquet"
        pq.write_table(self._schema(with_version=True).empty_table(), empty)
        return (empty,)


def _one_ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield batches while a thread makes the next one: Arrow lets go of Python's lock while it works."""
    with ThreadPoolExecutor(1, thread_name_prefix="parse") as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch


class _WithoutNul(io.RawIOBase):
    """The bytes of an answer as a file, without NUL, which occurs in texts and no destination takes."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = b""

    def readable(self) -> bool:
        """It can be read."""
        return True

    def first_line(self) -> str:
        """Return the first line without taking it away; '' when there is nothing."""
        while b"\n" not in self._held:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._held += chunk.replace(b"\x00", b"")
        return self._held.partition(b"\n")[0].decode("utf-8", "replace").strip("\r\ufeff ")

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` with what comes next."""
        while not self._held:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._held = chunk.replace(b"\x00", b"")
        count = min(len(buffer), len(self._held))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count
