"""A bulk result over slow lines: its pages one after the other and side by side, and by several jobs: in one run.

Run as ``python -m benchmarks.side_by_side [ROWS]``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.page_server import CSV_PAGE_ROWS, FIELDS
from datasync_flask.extractions import forecast
from datasync_flask.extractions.runs import slices
from datasync_flask.extractions.runs.column_types import columns_for
from datasync_flask.extractions.runs.plan import Choice, make_plan
from datasync_flask.extractions.runs.progress import Progress
from datasync_flask.extractions.runs.reading import Reader
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.descriptions import Field, ObjectDescription
from datasync_flask.salesforce.oauth import TokenAnswer

PORT = 7390
# Seconds until an answer begins, and its megabytes a second.
LINES = ((0.0, 0.0), (0.2, 50.0), (1.0, 20.0))
# Before the first version that has lists of pages, and one that has them; then whether several jobs read.
METHODS = {
    "one after the other": ("57.0", False),
    "side by side": ("66.0", False),
    "slices, one after the other": ("57.0", True),
    "slices, side by side": ("66.0", True),
}
# Rows a second at which the org prepares each job; 0: at once.
PREPARING = (0.0, 50_000.0)


@contextmanager
def _served(rows: int, latency: float, bandwidth: float, prepare: float) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.page_server", str(PORT), str(rows), "1",
               "--latency", str(latency), "--bandwidth", str(bandwidth), "--prepare", str(prepare)]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]) as server:
        assert server.stdout is not None
        server.stdout.readline()
        try:
            yield f"http://127.0.0.1:{PORT}"
        finally:
            server.kill()


def _seconds(origin: str, version: str, rows: int, *, may_slice: bool) -> float:
    fields = tuple(Field(name, name, kind) for name, kind in FIELDS.items())
    plan = make_plan(ObjectDescription("Account", "Account", fields), Choice("Account", "none"), datetime.now(UTC))
    token = TokenAnswer("benchmark-token", "", origin, "", ())
    with tempfile.TemporaryDirectory() as folder, SalesforceApi(token, version, lambda old: old, (origin,)) as api:
        columns, progress = columns_for(plan.fields, {})[0], Progress(expected=rows)
        reader = Reader(api, plan, columns, Path(folder), progress, may_slice=may_slice)
        begun = time.perf_counter()
        for _ in reader.read():
            pass
        assert reader.progress.rows == rows
        return time.perf_counter() - begun


def report(rows: int) -> str:
    """Return a table of what was measured."""
    pages = -(-rows // CSV_PAGE_ROWS)
    lines = [
        f"Pages per second, {pages} pages of {CSV_PAGE_ROWS:,} rows and {len(FIELDS)} fields, read to Parquet files; "
        f"slices of at most {forecast.SLICE_ROWS:,} rows, {slices.AT_ONCE} at once:",
        "",
        f"| a request | a job is prepared | {' | '.join(METHODS)} |",
        f"|---|---|{'---|' * len(METHODS)}",
    ]
    for latency, bandwidth in LINES:
        for prepare in PREPARING:
            with _served(rows, latency, bandwidth, prepare) as origin:
                rates = [
                    pages / _seconds(origin, version, rows, may_slice=may_slice)
                    for version, may_slice in METHODS.values()
                ]
            line = f"{latency:g} s, {bandwidth:g} MB/s" if bandwidth else "plain loopback"
            speed = f"{prepare:,.0f} rows/s" if prepare else "at once"
            lines.append(f"| {line} | {speed} | {' | '.join(f'{rate:.2f}' for rate in rates)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(report(int(sys.argv[1]) if len(sys.argv) > 1 else 1_500_000))
