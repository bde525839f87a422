"""A large bulk result over slow lines: pages one after the other and side by side, by one job and by several."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from benchmarks import extraction
from benchmarks.compared import RESULTS
from benchmarks.page_server import CSV_PAGE_ROWS, FIELDS, PAGES_PER_LIST
from datasync_flask.extractions import forecast
from datasync_flask.extractions.runs import slices
from datasync_flask.extractions.runs.column_types import columns_for
from datasync_flask.extractions.runs.plan import Choice, make_plan
from datasync_flask.extractions.runs.progress import Progress
from datasync_flask.extractions.runs.reading import Reader
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.descriptions import Field, ObjectDescription
from datasync_flask.salesforce.oauth import TokenAnswer

# Before the first version that has lists of pages, and one that has them; then whether several jobs read.
METHODS = {
    "one after the other": ("57.0", False),
    "side by side": ("66.0", False),
    "slices, one after the other": ("57.0", True),
    "slices, side by side": ("66.0", True),
}
LIMIT = f"limit: {PAGES_PER_LIST} downloads at once"


@dataclass(frozen=True)
class Line:
    """Seconds until an answer begins, its megabytes a second, and the rows a second at which the org prepares each job;
    0: at once.
    """

    latency: float = 0
    bandwidth: float = 0
    prepare: float = 0

    @property
    def options(self) -> tuple[str, ...]:
        """What the page server is started with."""
        return ("--latency", f"{self.latency}", "--bandwidth", f"{self.bandwidth}", "--prepare", f"{self.prepare}")

    def __str__(self) -> str:
        line = f"{self.latency:g} s, {self.bandwidth:g} MB/s" if self.bandwidth else "plain loopback"
        return f"{line}, jobs prepared at {self.prepare:,.0f} rows/s" if self.prepare else line


LOOPBACK, SLOW = Line(), Line(1, 20)
LINES = (LOOPBACK, Line(0.2, 50), SLOW, Line(1, 20, 50_000))


@dataclass(frozen=True)
class Reading:
    """Seconds until all rows were read, and until the first were staged."""

    seconds: float
    first: float


Readings = dict[Line, dict[str, Reading]]


def _downloaded(origin: str, rows: int) -> Reading:
    """Fetch and unpack all pages, as many at once as a list of pages has."""
    begun, ends = time.perf_counter(), []
    with httpx2.Client(base_url=origin, timeout=60) as client, ThreadPoolExecutor(PAGES_PER_LIST) as pool:
        locators = range(-(-rows // CSV_PAGE_ROWS))
        for answer in pool.map(lambda locator: client.get(RESULTS, params={"locator": locator}), locators):
            answer.raise_for_status()
            ends.append(time.perf_counter() - begun)
    return Reading(ends[-1], ends[0])


def _read(origin: str, rows: int, version: str, *, may_slice: bool) -> Reading:
    """Read all rows into Parquet files as a run does."""
    fields = tuple(Field(name, name, kind) for name, kind in FIELDS.items())
    plan = make_plan(ObjectDescription("Account", "Account", fields), Choice("Account", "none"), datetime.now(UTC))
    token = TokenAnswer("benchmark-token", "", origin, "", ())
    with (
        tempfile.TemporaryDirectory() as folder,
        SalesforceApi(token, version, lambda old: old, (origin,)) as api,
        ThreadPoolExecutor(1) as tidying,
    ):
        columns, progress = columns_for(plan.fields, {})[0], Progress(expected=rows)
        reader = Reader(api, plan, columns, Path(folder), progress, may_slice=may_slice)
        # As in a run, which doesn't wait for the deletion of the job.
        reader.tidy = tidying.submit
        begun, first = time.perf_counter(), 0.0
        for _ in reader.read():
            if not first and reader.progress.rows:
                first = time.perf_counter() - begun
        assert reader.progress.rows == rows
        return Reading(time.perf_counter() - begun, first)


def measure(rows: int) -> Readings:
    """Read `rows` rows by each method over each line."""
    readings: Readings = {}
    for line in LINES:
        with extraction.page_server(rows, 1, *line.options) as origin:
            readings[line] = {LIMIT: _downloaded(origin, rows)} | {
                name: _read(origin, rows, version, may_slice=may_slice)
                for name, (version, may_slice) in METHODS.items()
            }
    return readings


def _table(readings: Readings, cell: Callable[[Reading], str]) -> str:
    names = [LIMIT, *METHODS]
    lines = [f"| line | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for line, found in readings.items():
        lines.append(f"| {line} | {' | '.join(cell(found[name]) for name in names)} |")
    return "\n".join(lines)


def _ratio(line: Line, found: dict[str, Reading]) -> str:
    best = found["side by side"].seconds
    return (
        f"Over {line}, pages side by side are read at {found[LIMIT].seconds / best:.2f} of the rate of "
        f"{PAGES_PER_LIST} bare downloads at once, and {found['one after the other'].seconds / best:.1f} times as "
        "fast as one after the other."
    )


def report(rows: int, readings: Readings, runs: list[extraction.Cost]) -> str:
    """The section of the report, with what whole runs took over the slow line."""
    pages = -(-rows // CSV_PAGE_ROWS)
    return "\n\n".join([
        "## Large results over slow lines",
        f"{pages} pages of {CSV_PAGE_ROWS:,} rows and {len(FIELDS)} fields, read to Parquet files as a run does; "
        f"slices of at most {forecast.SLICE_ROWS:,} rows, {slices.AT_ONCE} at once. A line's latency and bandwidth are "
        "those of each request. Pages per second:",
        _table(readings, lambda reading: f"{pages / reading.seconds:.2f}"),
        " ".join(_ratio(line, found) for line, found in readings.items()),
        "Seconds until the first rows are staged, which is when the run's page shows them:",
        _table(readings, lambda reading: f"{reading.first:.1f}"),
        f"Whole runs and peers over {SLOW}:",
        extraction.table(runs),
    ])  # fmt: skip
