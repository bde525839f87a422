"""From Salesforce to Parquet files: bulk results page by page, streamed; REST where bulk can't, or is dearer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from datasync_flask.destinations.base import KEY, VERSION_COLUMN, Column
from datasync_flask.extractions.forecast import REST_ROWS, rows_per_page
from datasync_flask.extractions.runs.column_types import arrow_schema
from datasync_flask.extractions.runs.csv_pages import Body, cells
from datasync_flask.extractions.runs.plan import Plan, without_fields
from datasync_flask.extractions.runs.values import EXAMPLES, Parsed, from_csv, from_json
from datasync_flask.salesforce import bulk, query
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.query import MAX_QUERY_LENGTH, QueryPage
from datasync_flask.salesforce.transport import pieces_of

# A row has to fit into one block; where one doesn't (800 fields, some of 131,072 characters), the block grows.
BLOCK_BYTES = 2 * 1024 * 1024
BLOCK_GROWS = 8
MAX_BLOCK_BYTES = 128 * 1024 * 1024
PAGE_TRIES = 4
# How often a query by REST is begun again whose place Salesforce forgot.
REST_TRIES = 3
# What a job can't select though REST can; read beside the job where it refuses.
APART_FROM_BULK = frozenset({"json"})
EXAMPLE_CHARACTERS = 60


# Pages leave gaps in memory that add up; giving them back takes milliseconds.
PAGES_BETWEEN_RELEASES = 8
# Refusals and silences by REST that leave it open whether a bulk job does it.
_PERHAPS_IN_BULK = frozenset(
    {
        Problem.NOT_FOUND, Problem.UNEXPECTED, Problem.QUERY_TIMED_OUT, Problem.NO_ANSWER_IN_TIME,
        Problem.NOT_SALESFORCE,
    }
)  # fmt: skip


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
    # Values that didn't go in as they are: "field|why" to [how many, [[id, value], …]].
    odd: dict[str, list[Any]] = field(default_factory=dict)
    # Fields that the job leaves out.
    apart: list[str] = field(default_factory=list)


@dataclass
class Reader:
    """Reads one object into `folder`; `changed` is told after each page, `pause` waits and may raise to stop."""

    api: SalesforceApi
    plan: Plan
    columns: dict[str, Column]
    folder: Path
    progress: Progress
    changed: Callable[[], None]
    pause: Callable[[float], None]
    notes: list[str] = field(default_factory=list)
    block_bytes: int = BLOCK_BYTES
    # What is odd on the page that is being read.
    _odd: dict[str, list[Any]] = field(default_factory=dict)

    def read(self) -> None:
        """Read everything that isn't read yet. Raises SalesforceError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.progress.is_read:
            return
        if self.progress.job_id:
            try:
                self._read_job()
                return
            except bulk.NotInBulk as refusal:
                self.notes.append(f"Bulk API: {refusal}")
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
        self._odd = {}
        self.changed()

    def _rest_is_cheaper(self) -> bool:
        """Ask by REST for what changed, or for a table that is small or of unknown size; True when that was all."""
        if len(self.plan.soql) > MAX_QUERY_LENGTH:
            return False
        if self.plan.is_whole and (self.progress.expected or 0) > REST_ROWS:
            return False
        self._start_anew()
        try:
            # Where it takes too long a job does it, which nobody has to wait for.
            page = query.first_page(self.api, self.plan.soql, with_deleted=self.plan.with_deleted, tries=3)
        except SalesforceError as error:
            # Too long, too slow or not to be had by REST: bulk may do it, and says more clearly why not.
            if error.problem not in _PERHAPS_IN_BULK:
                raise
            self.notes.append(f"REST: {error.detail}")
            return False
        self.progress.expected = page.total
        if page.total > REST_ROWS:
            return False
        self._read_rest(page)
        return True

    def _read_rest(self, page: QueryPage | None = None) -> None:
        for attempt in range(1, REST_TRIES + 1):
            self.progress.uses_rest = True
            try:
                self._read_rest_pages(page)
                return
            except SalesforceError as error:
                # Salesforce keeps a place for some time and a few queries only: from the beginning, then.
                if error.problem is not Problem.LOCATOR_GONE or attempt == REST_TRIES:
                    raise
                self._start_anew()
                page = None

    def _read_rest_pages(self, page: QueryPage | None) -> None:
        page = page or query.first_page(self.api, self.plan.soql, with_deleted=self.plan.with_deleted)
        self.progress.expected = page.total
        while True:
            self._write_records(page.records)
            if not page.next_path:
                break
            self.pause(0)
            page = query.next_page(self.api, page.next_path)
        self.progress.is_read = True
        self.changed()

    def _write_records(self, records: list[dict[str, Any]]) -> None:
        self._odd = {}
        columns = {name: from_json([record.get(name) for record in records], column.type)
                   for name, column in self.columns.items()}  # fmt: skip
        rows = self._write([self._batch(columns)])
        self._keep_page(rows, "rest")

    def _batch(self, columns: dict[str, Parsed]) -> pa.RecordBatch:
        """Return rows with their types, and note which values didn't go in as they are."""
        batch = pa.RecordBatch.from_arrays(
            [columns[name].array for name in self.columns], schema=self._schema(with_version=False)
        )
        keys = batch.column(KEY) if KEY in batch.schema.names else None
        if keys is not None and keys.null_count:
            raise SalesforceError(Problem.NOT_SALESFORCE, "a row without an Id")
        for name, parsed in columns.items():
            for odd in parsed.odd:
                examples = [[keys[row].as_py() if keys is not None else "", text[:EXAMPLE_CHARACTERS]]
                            for row, text in odd.examples]  # fmt: skip
                _add_odd(self._odd, f"{name}|{odd.why}", odd.count, examples)
        return batch

    def _read_in_bulk(self) -> None:
        self._start_anew()
        refusal = self._read_new_job(self.plan.soql)
        apart = [found.name for found in self.plan.fields if found.type in APART_FROM_BULK]
        if refusal is not None and apart and refusal.problem is not Problem.BULK_LIMIT_REACHED:
            self._start_anew()
            self.progress.apart = apart
            refusal = self._read_new_job(without_fields(self.plan, apart))
        if refusal is None:
            return
        self.notes.append(f"Bulk API: {refusal}")
        if len(self.plan.soql) > MAX_QUERY_LENGTH:
            raise SalesforceError(refusal.problem, str(refusal)) from None
        self._start_anew()
        self._read_rest()

    def _read_new_job(self, soql: str) -> bulk.NotInBulk | None:
        """Read by a bulk job; return its refusal where Salesforce doesn't let that be."""
        try:
            self.progress.job_id = bulk.create_job(self.api, soql, with_deleted=self.plan.with_deleted)
            self.changed()
            self._read_job()
        except bulk.NotInBulk as refusal:
            return refusal
        return None

    def _read_job(self) -> None:
        progress = self.progress
        bulk.wait_for_job(self.api, progress.job_id, self.pause)
        while progress.pages == 0 or progress.locator:
            self.pause(0)
            self._read_page()
            self.changed()
        if progress.apart:
            self._read_apart()
        progress.is_read = True
        self.changed()
        bulk.delete_job(self.api, progress.job_id)

    def _read_page(self) -> None:
        """Read the page at the locator; a page that broke off is read again from its start."""
        progress, tries = self.progress, self.api.tries()
        rows = rows_per_page(len(self.columns))
        attempt = 0
        while True:
            self._odd = {}
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
                attempt += 1
                if attempt == PAGE_TRIES:
                    raise SalesforceError(Problem.NOT_SALESFORCE, f"a page that isn't CSV: {error}") from None
                self.block_bytes = min(self.block_bytes * BLOCK_GROWS, MAX_BLOCK_BYTES)
                self.pause(0.5 * attempt)
            except SalesforceError as error:
                if error.problem is Problem.BULK_LIMIT_REACHED:
                    raise bulk.NotInBulk(error.detail, error.problem) from None
                tries.again(error)

    def _read_apart(self) -> None:
        """Ask by REST for the fields that the job left out, and put them into the rows that it brought."""
        names = ["Id", *self.progress.apart]
        others = [found.name for found in self.plan.fields if found.name not in names]
        soql, found = without_fields(self.plan, others), {name: list[pa.Array]() for name in names}
        page: QueryPage | None = query.first_page(self.api, soql, with_deleted=self.plan.with_deleted)
        while page is not None:
            for name in names:
                parsed = from_json([record.get(name) for record in page.records], self.columns[name].type)
                found[name].append(parsed.array)
            self.pause(0)
            page = query.next_page(self.api, page.next_path) if page.next_path else None
        columns = {name: pa.chunked_array(arrays).combine_chunks() for name, arrays in found.items()}
        for file in self.files():
            table = pq.read_table(file)
            rows = pc.index_in(table.column(KEY), columns["Id"])
            for name in self.progress.apart:
                position = table.schema.get_field_index(self.columns[name].name)
                table = table.set_column(position, table.schema.field(position), columns[name].take(rows))
            draft = file.with_suffix(".parquet.part")
            pq.write_table(table, draft, compression="zstd", use_dictionary=False)
            draft.replace(file)

    def _keep_page(self, rows: int, next_locator: str) -> None:
        draft = self.folder / f"{self.progress.pages + 1:06}.parquet.part"
        draft.replace(draft.with_suffix(""))
        self.progress.pages += 1
        self.progress.rows += rows
        self.progress.locator = next_locator
        for key, (count, examples) in self._odd.items():
            _add_odd(self.progress.odd, key, count, examples)
        self._odd = {}
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
        """Yield a page's rows with their types. Raises pyarrow.ArrowInvalid for what isn't CSV."""
        body = Body(pieces_of(response))
        wanted = [name for name in self.columns if name not in self.progress.apart]
        rows = cells(body, wanted, is_first_page=self.progress.pages == 0, block_bytes=self.block_bytes)
        for batch in _one_ahead(rows):
            columns = {
                name: from_csv(values, self.columns[name].type, may_have_nul=body.has_nul)
                for name, values in zip(wanted, batch.columns, strict=True)
            }
            for name in self.progress.apart:
                column = self.columns[name]
                columns[name] = from_json([None] * batch.num_rows, column.type)
            yield self._batch(columns)

    def odd_notes(self) -> list[str]:
        """Return one note for each field and reason, of the values that didn't go in as they are."""
        return [f"value:{json.dumps([*key.split('|'), *found])}" for key, found in sorted(self.progress.odd.items())]

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


def _add_odd(found: dict[str, list[Any]], key: str, count: int, examples: list[list[str]]) -> None:
    before = found.get(key, [0, []])
    found[key] = [before[0] + count, (before[1] + examples)[:EXAMPLES]]
