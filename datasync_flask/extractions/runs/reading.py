"""Reads Salesforce into Parquet files: bulk results streamed page by page; REST if bulk can't or costs more."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from datasync_flask.destinations.base import Column
from datasync_flask.extractions import forecast
from datasync_flask.extractions.forecast import MIN_ROWS_PER_PAGE, REST_ROWS, rows_per_page
from datasync_flask.extractions.runs import slices
from datasync_flask.extractions.runs.calls_left import CallsLeft, WaitsForBulk
from datasync_flask.extractions.runs.hashing import Hashing
from datasync_flask.extractions.runs.notes import NoteKind, note
from datasync_flask.extractions.runs.page_files import Dropped, Page, PageFiles, add_odd, what_is_wrong
from datasync_flask.extractions.runs.plan import Plan, with_condition, without_fields
from datasync_flask.extractions.runs.progress import Progress
from datasync_flask.extractions.runs.read_ahead import read_ahead
from datasync_flask.extractions.runs.side_by_side import SideBySide
from datasync_flask.salesforce import bulk, query
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.id_ranges import id_ranges
from datasync_flask.salesforce.lanes import MOST
from datasync_flask.salesforce.query import MAX_QUERY_LENGTH, QueryPage
from datasync_flask.salesforce.result_pages import NoPlaces
from datasync_flask.salesforce.transport import packed_pieces_of, unpacked

log = logging.getLogger(__name__)

# By how much a block grows if a row doesn't fit into it.
BLOCK_GROWS = 8
MAX_BLOCK_BYTES = 128 * 1024 * 1024
PAGE_TRIES = 4
# A page that takes longer is requested again with half as many rows.
PAGE_SECONDS = 300.0
# Results with more pages than this are read side by side; listing the pages costs a call.
PAGES_IN_A_ROW = 2
# How often a REST query begins again after Salesforce forgot its position.
REST_TRIES = 3
# Answers about a job or a position that Salesforce no longer has.
GONE = frozenset({Problem.NOT_FOUND, Problem.LOCATOR_GONE, Problem.UNEXPECTED})
# What REST can select and a job can't; read by REST if the job refuses.
APART_FROM_BULK = frozenset({"json"})
# Always the same threads, because each keeps memory of its own; more than there are processors would save no time.
PARSERS = ThreadPoolExecutor(min(os.cpu_count() or 1, MOST), thread_name_prefix="parse")


@dataclass
class Reader:
    """Reads one object into `folder`. Fetching a page only writes its draft; pages are kept in order."""

    api: SalesforceApi
    plan: Plan
    columns: dict[str, Column]
    folder: Path
    progress: Progress = field(default_factory=Progress)
    # None: without a limit.
    calls_left: CallsLeft | None = None
    # Several jobs may read it side by side.
    may_slice: bool = False
    hashing: Hashing = field(default_factory=Hashing)
    # Calls, or has called, what nothing waits for.
    tidy: Callable[[Callable[[], None]], object] = lambda work: work()
    # Pages that were requested, by locator or path.
    _asked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.pages = PageFiles(self.folder, self.columns, self.plan.keeps_history, self.hashing)

    def read(self) -> Iterator[None]:
        """Read everything that isn't read yet, yielding after each part. Raises SalesforceError, WaitsForBulk."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.progress.is_read:
            return
        if self.progress.slices:
            yield from self._read_slices()
            return
        if self.progress.job_id or self.progress.locator:
            try:
                yield from self._read_job() if self.progress.job_id else self._read_rest_pages()
                return
            except bulk.NotInBulk as refusal:
                if refusal.problem is Problem.BULK_LIMIT_REACHED:
                    yield from self._read_beside_bulk(refusal)
                    return
                self.progress.notes.append(f"Bulk API: {refusal}")
            except SalesforceError as error:
                if error.problem not in GONE:
                    raise
        # Nothing to continue, or the job or the position is gone: begin, because its pages were written only here.
        for is_last in (False, True):
            self._begin()
            first_page = None if self.progress.condition else self._small_result()
            try:
                yield from self._read_in_bulk() if first_page is None else self._read_rest(first_page)
                return
            except SalesforceError as error:
                # Somebody deleted the job while it was read.
                if is_last or not self.progress.job_id or error.problem not in GONE - {Problem.UNEXPECTED}:
                    raise

    def _begin(self, *, is_same_job: bool = False) -> None:
        for file in self.folder.glob("*.parquet*"):
            file.unlink()
        (self.progress.begin_again if is_same_job else self.progress.begin)()
        self._asked.clear()

    def _not_again(self, place: str) -> None:
        """Raise SalesforceError for a page that was requested before: the pages would lead in a circle for ever."""
        if place and place in self._asked:
            raise SalesforceError(Problem.PAGES_REPEAT, f"the page at {place} comes after itself")
        self._asked.add(place)

    def _small_result(self) -> QueryPage | None:
        """Read changes, or a table that is small or of unknown size, by REST; None if a job is better."""
        if len(self.plan.soql) > MAX_QUERY_LENGTH:
            return None
        if self.plan.is_whole and (self.progress.expected or 0) > REST_ROWS:
            return None
        try:
            # If it takes too long, a job does it in the background.
            page = query.first_page(self.api, self.plan.soql, with_deleted=self.plan.with_deleted, tries=3)
        except SalesforceError as error:
            # Too long, too slow or impossible by REST: bulk may do it, or say more clearly why not.
            if not query.may_work_in_bulk(error):
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
                # Salesforce keeps positions only for some time and a few queries: begin again.
                if error.problem is not Problem.LOCATOR_GONE or attempt == REST_TRIES:
                    raise
                self._begin()
                page = None

    def _read_rest_pages(self, page: QueryPage | None = None) -> Iterator[None]:
        """Read the pages from `page` on; without it, from where a stopped run was, or from the first."""
        if page is None and self.progress.locator:
            page = query.next_page(self.api, self.progress.locator)
        page = page or query.first_page(self.api, self.plan.soql, with_deleted=self.plan.with_deleted)
        self.progress.expected = page.total
        while True:
            draft = self.pages.draft(self.progress.pages + 1)
            self.pages.write_records(draft, page.records)
            draft.next_locator = page.next_path
            self._keep(draft)
            if not page.next_path:
                break
            yield
            self.api.wait(0)
            self._not_again(page.next_path)
            page = query.next_page(self.api, page.next_path)
        self.progress.is_read = True
        yield

    def _read_in_bulk(self) -> Iterator[None]:
        if self.may_slice and (self.progress.expected or 0) > forecast.SLICE_ROWS:
            tail = self.plan.soql.partition(" FROM ")[2]
            self.progress.slices = [
                Progress(condition=each.condition, expected=each.rows)
                for each in id_ranges(
                    self.api, tail, with_deleted=self.plan.with_deleted, ranges_for=forecast.slices_for
                )
            ]
        if self.progress.slices:
            yield
            yield from self._read_slices()
            return
        refusal = yield from self._read_new_job(self.plan.soql)
        apart = [found.name for found in self.plan.fields if found.type in APART_FROM_BULK]
        if refusal is not None and apart and refusal.problem is not Problem.BULK_LIMIT_REACHED:
            self._begin()
            self.progress.apart = apart
            refusal = yield from self._read_new_job(without_fields(self.plan, apart))
        if refusal is not None and refusal.problem is Problem.BULK_LIMIT_REACHED:
            yield from self._read_beside_bulk(refusal)
        elif refusal is not None:
            self.progress.notes.append(f"Bulk API: {refusal}")
            if len(self.plan.soql) > MAX_QUERY_LENGTH:
                raise SalesforceError(refusal.problem, str(refusal)) from None
            page = query.first_page(self.api, self.plan.soql, with_deleted=self.plan.with_deleted)
            if self.calls_left is not None and not self.calls_left.fit_a_day(page.page_count):
                raise SalesforceError(refusal.problem, f"{refusal}; REST would take {page.page_count} calls")
            self._begin()
            yield from self._read_rest(page)

    def _read_slices(self) -> Iterator[None]:
        """Read slices by several jobs; each slice continues independently where it was."""
        progress = self.progress
        readers = [self._of_slice(position) for position in range(len(progress.slices))]
        for position, reached in slices.side_by_side([reader._steps for reader in readers]):
            progress.slices[position] = reached
            progress.add_up()
            yield
        there = sum(pq.read_metadata(file).num_rows for file in self.files())
        if there != progress.rows:
            raise SalesforceError(Problem.ROWS_DIFFER, f"jobs of {progress.rows} rows have {there} in their files")
        progress.is_read = True
        yield

    def _of_slice(self, position: int) -> Reader:
        progress = deepcopy(self.progress.slices[position])
        plan = with_condition(self.plan, progress.condition)
        folder = self.folder / f"{position:03}"
        return replace(self, plan=plan, folder=folder, progress=progress, may_slice=False, _asked=set())

    def _steps(self) -> Generator[Progress]:
        for _ in self.read():
            yield deepcopy(self.progress)

    def _read_beside_bulk(self, refusal: bulk.NotInBulk) -> Iterator[None]:
        """Read by REST despite the size, if it fits into the API calls that are left."""
        if len(self.plan.soql) > MAX_QUERY_LENGTH:
            raise WaitsForBulk(str(refusal)) from None
        try:
            page = query.first_page(self.api, self.plan.soql, with_deleted=self.plan.with_deleted)
        except SalesforceError as error:
            if not query.may_work_in_bulk(error):
                raise
            raise WaitsForBulk(str(refusal)) from None
        if self.calls_left is not None and not self.calls_left.promise(self.progress, page.page_count):
            raise WaitsForBulk(str(refusal)) from None
        self.progress.notes.append(note(NoteKind.BESIDE_BULK, refusal))
        self._begin()
        yield from self._read_rest(page)

    def _read_new_job(self, soql: str) -> Generator[None, None, bulk.NotInBulk | None]:
        """Read by a bulk job; return the error if Salesforce refuses it."""
        try:
            self.progress.job_id = bulk.create_job(self.api, soql, with_deleted=self.plan.with_deleted)
            yield
            yield from self._read_job()
        except bulk.NotInBulk as refusal:
            return refusal
        return None

    def _read_job(self) -> Iterator[None]:
        progress, rows = self.progress, self._page_rows
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
        self.tidy(partial(bulk.delete_job, self.api, progress.job_id))

    def _read_side_by_side(self) -> Iterator[None]:
        """Read the pages that the org lists; pages that it doesn't list or refuses remain unread."""
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
            if error.problem is Problem.NO_ANSWER_IN_TIME:
                self._ask_for_less(error)
            elif not error.is_about_the_request:
                raise
            log.info("job %s is read page after page: %s", progress.job_id, error)
        progress.listing, progress.listed = "", 0

    def _read_page(self) -> None:
        while True:
            at = bulk.place(self.progress.locator, self._page_rows)
            try:
                self._keep(self._fetch_page(self.progress.pages + 1, at))
            except SalesforceError as error:
                if error.problem is not Problem.NO_ANSWER_IN_TIME:
                    raise
                self._ask_for_less(error)
            else:
                return

    @property
    def _page_rows(self) -> int:
        """How many rows to request in a page."""
        return self.progress.page_rows or rows_per_page(len(self.columns))

    def _ask_for_less(self, error: SalesforceError) -> None:
        """Halve the pages after one that didn't come in time; raise `error` if they can't be smaller."""
        if self._page_rows <= MIN_ROWS_PER_PAGE:
            raise SalesforceError(error.problem, f"a page of {self._page_rows} rows didn't come: {error.detail}")
        self.progress.page_rows = max(self._page_rows // 2, MIN_ROWS_PER_PAGE)

    def _fetch_page(self, number: int, at: str, is_dropped: Callable[[], bool] = lambda: False) -> Page:
        """Fetch the page at a place, again from its start if it broke off."""
        tries, attempt, is_again = self.api.tries(), 0, False
        while not is_dropped():
            page = self.pages.draft(number)
            try:
                with (
                    self.api.lanes.one(lambda: self.api.wait(0)) as leave,
                    bulk.result_page(self.api, self.progress.job_id, at) as result,
                    read_ahead(packed_pieces_of(result.response, PAGE_SECONDS), leave) as packed,
                ):
                    pieces = unpacked(result.response, packed)
                    PARSERS.submit(self.pages.write_csv, page, pieces, self.progress.apart, is_dropped).result()
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
                self.pages.block_bytes = min(self.pages.block_bytes * BLOCK_GROWS, MAX_BLOCK_BYTES)
                self.api.wait(0.5 * attempt)
            except SalesforceError as error:
                if error.problem is Problem.BULK_LIMIT_REACHED:
                    raise bulk.NotInBulk(error.detail, error.problem) from None
                if error.problem is Problem.NO_ANSWER_IN_TIME and self._page_rows > MIN_ROWS_PER_PAGE:
                    raise
                if error.problem is not Problem.ROWS_DIFFER:
                    tries.again(error)
                elif is_again:
                    raise
                else:
                    is_again = True
        raise Dropped

    def _read_apart(self) -> None:
        """Read the fields that the job left out by REST, and put them into the job's rows."""
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
        values = {name: pa.chunked_array(arrays).combine_chunks() for name, arrays in found.items()}
        self.pages.fill(self.files(), values.pop("Id"), values)

    def _keep(self, page: Page) -> None:
        """Keep a page as the next one."""
        page.draft.replace(page.draft.with_suffix(""))
        progress = self.progress
        progress.pages += 1
        progress.rows += page.rows
        progress.locator = page.next_locator
        if page.rows and not progress.first_rows_at:
            progress.first_rows_at = datetime.now(UTC).isoformat()
        for key, (count, examples) in page.odd.items():
            add_odd(progress.odd, key, count, examples)

    def files(self) -> tuple[Path, ...]:
        """The files read, in order; one empty file when there are none."""
        if self.progress.slices:
            return tuple(file for n in range(len(self.progress.slices)) for file in self._of_slice(n).files())
        if self.progress.pages:
            return tuple(self.pages.path(number) for number in range(1, self.progress.pages + 1))
        pq.write_table(self.pages.schema.empty_table(), self.pages.path(0))
        return (self.pages.path(0),)
