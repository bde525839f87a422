"""From Salesforce to Parquet files: bulk results page by page, streamed; REST where bulk can't, or is dearer."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
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
from datasync_flask.extractions.runs.csv_pages import Body, cells, what_is_wrong
from datasync_flask.extractions.runs.hashing import Hashing
from datasync_flask.extractions.runs.plan import Plan, without_fields
from datasync_flask.extractions.runs.progress import Progress
from datasync_flask.extractions.runs.side_by_side import Dropped, SideBySide
from datasync_flask.extractions.runs.values import EXAMPLES, Parsed
from datasync_flask.salesforce import bulk, query
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.query import MAX_QUERY_LENGTH, QueryPage
from datasync_flask.salesforce.result_pages import NoPlaces
from datasync_flask.salesforce.transport import pieces_of

log = logging.getLogger(__name__)

# A row has to fit into one block; where one doesn't (800 fields, some of 131,072 characters), the block grows.
BLOCK_BYTES = 2 * 1024 * 1024
BLOCK_GROWS = 8
MAX_BLOCK_BYTES = 128 * 1024 * 1024
PAGE_TRIES = 4
# Results of more pages than this are read side by side; the list of their places costs a call.
PAGES_IN_A_ROW = 2
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
class _Page:
    """One page that was read, in a draft until it is kept."""

    draft: Path
    rows: int = 0
    odd: dict[str, list[Any]] = field(default_factory=dict)
    next_locator: str = ""


@dataclass
class Reader:
    """Reads one object into `folder`. Fetching a page changes nothing but its draft; pages are kept in order."""

    api: SalesforceApi
    plan: Plan
    columns: dict[str, Column]
    folder: Path
    progress: Progress = field(default_factory=Progress)
    hashing: Hashing = field(default_factory=Hashing)
    block_bytes: int = BLOCK_BYTES
    # Pages that were asked for, by locator or path.
    _asked: set[str] = field(default_factory=set)

    def read(self) -> Iterator[None]:
        """Read everything that isn't read yet; yield whenever more is read. Raises SalesforceError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.progress.is_read:
            return
        if self.progress.job_id:
            try:
                yield from self._read_job()
                return
            except bulk.NotInBulk as refusal:
                self.progress.notes.append(f"Bulk API: {refusal}")
            except SalesforceError as error:
                if error.problem not in {Problem.NOT_FOUND, Problem.LOCATOR_GONE, Problem.UNEXPECTED}:
                    raise
            # The job is gone: begin again, nothing of it was written anywhere but here.
        first_page = self._small_result()
        yield from self._read_in_bulk() if first_page is None else self._read_rest(first_page)

    def _begin(self, *, is_same_job: bool = False) -> None:
        for file in self.folder.glob("*.parquet*"):
            file.unlink()
        (self.progress.begin_again if is_same_job else self.progress.begin)()
        self._asked.clear()

    def _not_again(self, place: str) -> None:
        """Raise SalesforceError for a page that was asked for already: the pages would lead in a circle for ever."""
        if place and place in self._asked:
            raise SalesforceError(Problem.PAGES_REPEAT, f"the page at {place} comes after itself")
        self._asked.add(place)

    def _small_result(self) -> QueryPage | None:
        """Ask by REST for what changed, or for a table that is small or of unknown size; None where a job is better."""
        self._begin()
        if len(self.plan.soql) > MAX_QUERY_LENGTH:
            return None
        if self.plan.is_whole and (self.progress.expected or 0) > REST_ROWS:
            return None
        try:
            # Where it takes too long a job does it, which nobody has to wait for.
            page = query.first_page(self.api, self.plan.soql, with_deleted=self.plan.with_deleted, tries=3)
        except SalesforceError as error:
            # Too long, too slow or not to be had by REST: bulk may do it, and says more clearly why not.
            if error.problem not in _PERHAPS_IN_BULK:
                raise
            self.progress.notes.append(f"REST: {error.detail}")
            return None
        self.progress.expected = page.total
        return page if page.total <= REST_ROWS else None

    def _read_rest(self, page: QueryPage | None = None) -> Iterator[None]:
        for attempt in range(1, REST_TRIES + 1):
            try:
                yield from self._read_rest_pages(page)
                return
            except SalesforceError as error:
                # Salesforce keeps a place for some time and a few queries only: from the beginning, then.
                if error.problem is not Problem.LOCATOR_GONE or attempt == REST_TRIES:
                    raise
                self._begin()
                page = None

    def _read_rest_pages(self, page: QueryPage | None) -> Iterator[None]:
        page = page or query.first_page(self.api, self.plan.soql, with_deleted=self.plan.with_deleted)
        self.progress.expected = page.total
        while True:
            self._keep(self._write_records(page.records))
            if not page.next_path:
                break
            self.api.wait(0)
            self._not_again(page.next_path)
            page = query.next_page(self.api, page.next_path)
        self.progress.is_read = True
        yield

    def _write_records(self, records: list[dict[str, Any]]) -> _Page:
        columns = {name: self.hashing.from_json(name, [record.get(name) for record in records], column.type)
                   for name, column in self.columns.items()}  # fmt: skip
        page = self._draft(self.progress.pages + 1)
        self._write(page, [self._batch(columns, page.odd)])
        return page

    def _batch(self, columns: dict[str, Parsed], odd: dict[str, list[Any]]) -> pa.RecordBatch:
        """Return rows with their types, and note in `odd` which values didn't go in as they are."""
        batch = pa.RecordBatch.from_arrays(
            [columns[name].array for name in self.columns], schema=arrow_schema(self.columns.values())
        )
        keys = batch.column(KEY) if KEY in batch.schema.names else None
        if keys is not None and keys.null_count:
            raise SalesforceError(Problem.NOT_SALESFORCE, "a row without an Id")
        for name, parsed in columns.items():
            for each in parsed.odd:
                examples = [[keys[row].as_py() if keys is not None else "", text[:EXAMPLE_CHARACTERS]]
                            for row, text in each.examples]  # fmt: skip
                _add_odd(odd, f"{name}|{each.why}", each.count, examples)
        return batch

    def _read_in_bulk(self) -> Iterator[None]:
        refusal = yield from self._read_new_job(self.plan.soql)
        apart = [found.name for found in self.plan.fields if found.type in APART_FROM_BULK]
        if refusal is not None and apart and refusal.problem is not Problem.BULK_LIMIT_REACHED:
            self._begin()
            self.progress.apart = apart
            refusal = yield from self._read_new_job(without_fields(self.plan, apart))
        if refusal is None:
            return
        self.progress.notes.append(f"Bulk API: {refusal}")
        if len(self.plan.soql) > MAX_QUERY_LENGTH:
            raise SalesforceError(refusal.problem, str(refusal)) from None
        self._begin()
        yield from self._read_rest()

    def _read_new_job(self, soql: str) -> Generator[None, None, bulk.NotInBulk | None]:
        """Read by a bulk job; return its refusal where Salesforce doesn't let that be."""
        try:
            self.progress.job_id = bulk.create_job(self.api, soql, with_deleted=self.plan.with_deleted)
            yield
            yield from self._read_job()
        except bulk.NotInBulk as refusal:
            return refusal
        return None

    def _read_job(self) -> Iterator[None]:
        progress, rows = self.progress, rows_per_page(len(self.columns))
        told = bulk.wait_for_job(self.api, progress.job_id)
        if progress.pages == 0 and not progress.is_second and (told or 0) > PAGES_IN_A_ROW * rows:
            progress.listing = bulk.place("", rows)
        if progress.listing:
            yield from self._read_side_by_side()
        while progress.pages == 0 or progress.locator:
            self.api.wait(0)
            self._not_again(progress.locator)
            self._read_page()
            yield
        if told is not None and progress.rows != told:
            if progress.is_second:
                raise SalesforceError(Problem.ROWS_DIFFER, f"a job of {told} rows has {progress.rows} in its pages")
            self._begin(is_same_job=True)
            yield
            yield from self._read_job()
            return
        if progress.apart:
            self._read_apart()
        progress.is_read = True
        yield
        bulk.delete_job(self.api, progress.job_id)

    def _read_side_by_side(self) -> Iterator[None]:
        """Read the pages that the org lists; those that it doesn't list, or refuses there, are left to be read."""
        progress = self.progress
        listed = SideBySide(self.api, progress.job_id, progress.listing, progress.listed)
        try:
            with closing(listed.read(progress.pages + 1, self._fetch_page)) as pages:
                for place, page in pages:
                    self._keep(page)
                    progress.listing, progress.listed = place.listing, place.position + 1
                    yield
        except NoPlaces as reason:
            log.info("job %s is read page after page: %s", progress.job_id, reason)
        except SalesforceError as error:
            if not error.problem.is_about_the_request:
                raise
            log.info("job %s is read page after page: %s", progress.job_id, error)
        progress.listing, progress.listed = "", 0

    def _read_page(self) -> None:
        at = bulk.place(self.progress.locator, rows_per_page(len(self.columns)))
        self._keep(self._fetch_page(self.progress.pages + 1, at))

    def _fetch_page(self, number: int, at: str, is_dropped: Callable[[], bool] = lambda: False) -> _Page:
        """Return the page at a place; one that broke off is fetched again from its start."""
        tries, attempt, is_again = self.api.tries(), 0, False
        while not is_dropped():
            page = self._draft(number)
            try:
                with (
                    self.api.lanes.one(lambda: self.api.wait(0)),
                    bulk.result_page(self.api, self.progress.job_id, at) as result,
                ):
                    self._write(page, self._batches(result.response, page.odd, is_first_page=number == 1), is_dropped)
                    if result.rows is not None and page.rows != result.rows:
                        raise SalesforceError(
                            Problem.ROWS_DIFFER, f"a page of {result.rows} rows has {page.rows} in its body"
                        )
                    page.next_locator = result.next_locator
                    return page
            except pa.ArrowInvalid as error:
                attempt += 1
                if attempt == PAGE_TRIES:
                    raise SalesforceError(
                        Problem.NOT_SALESFORCE, f"a page that isn't CSV: {what_is_wrong(error)}"
                    ) from None
                self.block_bytes = min(self.block_bytes * BLOCK_GROWS, MAX_BLOCK_BYTES)
                self.api.wait(0.5 * attempt)
            except SalesforceError as error:
                if error.problem is Problem.BULK_LIMIT_REACHED:
                    raise bulk.NotInBulk(error.detail, error.problem) from None
                if error.problem is not Problem.ROWS_DIFFER:
                    tries.again(error)
                elif is_again:
                    raise
                else:
                    is_again = True
        raise Dropped

    def _read_apart(self) -> None:
        """Ask by REST for the fields that the job left out, and put them into the rows that it brought."""
        names = ["Id", *self.progress.apart]
        others = [found.name for found in self.plan.fields if found.name not in names]
        soql, found = without_fields(self.plan, others), {name: list[pa.Array]() for name in names}
        page: QueryPage | None = query.first_page(self.api, soql, with_deleted=self.plan.with_deleted)
        while page is not None:
            for name in names:
                parsed = self.hashing.from_json(name, [row.get(name) for row in page.records], self.columns[name].type)
                found[name].append(parsed.array)
            self.api.wait(0)
            self._not_again(page.next_path)
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

    def _draft(self, number: int) -> _Page:
        return _Page(self.folder / f"{number:06}.parquet.part")

    def _keep(self, page: _Page) -> None:
        """Make a page the next one of those that are read."""
        page.draft.replace(page.draft.with_suffix(""))
        progress = self.progress
        progress.pages += 1
        progress.rows += page.rows
        progress.locator = page.next_locator
        for key, (count, examples) in page.odd.items():
            _add_odd(progress.odd, key, count, examples)
        if progress.pages % PAGES_BETWEEN_RELEASES == 0:
            pa.default_memory_pool().release_unused()

    def _schema(self) -> pa.Schema:
        schema = arrow_schema(self.columns.values())
        return (
            schema.append(pa.field(VERSION_COLUMN, pa.string(), nullable=False)) if self.plan.keeps_history else schema
        )

    def _write(
        self, page: _Page, batches: Iterable[pa.RecordBatch], is_dropped: Callable[[], bool] = lambda: False
    ) -> None:
        # Without dictionaries zstd makes smaller files, in two thirds of the time.
        with pq.ParquetWriter(page.draft, self._schema(), compression="zstd", use_dictionary=False) as writer:
            for batch in batches:
                if is_dropped():
                    raise Dropped
                page.rows += batch.num_rows
                writer.write_batch(self._with_version(batch) if self.plan.keeps_history else batch)

    def _with_version(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        names = batch.schema.names
        # A stamp that moved without anything else is no new version.
        skipped = {"system_modstamp", "last_modified_date", "last_viewed_date", "last_referenced_date"}
        kept = [position for position, name in enumerate(names) if name not in skipped]
        versions = [
            hashlib.sha256(repr([row[position] for position in kept]).encode()).hexdigest()[:32] for row in rows
        ]
        arrays = [*batch.columns, pa.array(versions, pa.string())]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema())

    def _batches(
        self, response: httpx2.Response, odd: dict[str, list[Any]], *, is_first_page: bool
    ) -> Iterator[pa.RecordBatch]:
        """Yield a page's rows with their types. Raises pyarrow.ArrowInvalid for what isn't CSV."""
        body = Body(pieces_of(response))
        wanted = [name for name in self.columns if name not in self.progress.apart]
        rows = cells(body, wanted, is_first_page=is_first_page, block_bytes=self.block_bytes)
        for batch in _one_ahead(rows):
            columns = {
                name: self.hashing.from_csv(name, values, self.columns[name].type, may_have_nul=body.has_nul)
                for name, values in zip(wanted, batch.columns, strict=True)
            }
            for name in self.progress.apart:
                column = self.columns[name]
                columns[name] = self.hashing.from_json(name, [None] * batch.num_rows, column.type)
            yield self._batch(columns, odd)

    def all_notes(self) -> list[str]:
        """Return what was got round, and for each field and reason the values that didn't go in as they are."""
        odd = [f"value:{json.dumps([*key.split('|'), *found])}" for key, found in sorted(self.progress.odd.items())]
        return [*self.progress.notes, *odd]

    def files(self) -> tuple[Path, ...]:
        """Return the files read, in order; one without rows when there are none."""
        found = tuple(sorted(self.folder.glob("*.parquet")))
        if found:
            return found
        empty = self.folder / "000000.parquet"
        pq.write_table(self._schema().empty_table(), empty)
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
