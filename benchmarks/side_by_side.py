"""Pages per second of a bulk result, one after the other and side by side, over slow lines: in one run.

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
# Before the first version that has lists of pages, and one that has them.
METHODS = {"one after the other": "57.0", "side by side": "66.0"}


@contextmanager
def _served(rows: int, latency: float, bandwidth: float) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.page_server", str(PORT), str(rows), "1",
               "--latency", str(latency), "--bandwidth", str(bandwidth)]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        try:
            yield f"http://127.0.0.1:{PORT}"
        finally:
            server.kill()


def _seconds(origin: str, version: str, rows: int) -> float:
    fields = tuple(Field(name, name, kind) for name, kind in FIELDS.items())
    plan = make_plan(ObjectDescription("Account", "Account", fields), Choice("Account", "none"), datetime.now(UTC))
    token = TokenAnswer("benchmark-token", "", origin, "", ())
    with tempfile.TemporaryDirectory() as folder, SalesforceApi(token, version, lambda old: old, (origin,)) as api:
        reader = Reader(api, plan, columns_for(plan.fields, {})[0], Path(folder), Progress(job_id="all"))
        begun = time.perf_counter()
        for _ in reader.read():
            pass
        assert reader.progress.rows == rows
        return time.perf_counter() - begun


def report(rows: int) -> str:
    """Return a table of what was measured."""
    pages = -(-rows // CSV_PAGE_ROWS)
    lines = [
        f"Pages per second, {pages} pages of {CSV_PAGE_ROWS:,} rows and {len(FIELDS)} fields, read to Parquet files:",
        "",
        f"| a request | {' | '.join(METHODS)} | times |",
        "|---|---|---|---|",
    ]
    for latency, bandwidth in LINES:
        with _served(rows, latency, bandwidth) as origin:
            rates = [pages / _seconds(origin, version, rows) for version in METHODS.values()]
        line = f"{latency:g} s, {bandwidth:g} MB/s" if bandwidth else "plain loopback"
        lines.append(f"| {line} | {rates[0]:.2f} | {rates[1]:.2f} | {rates[1] / rates[0]:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(report(int(sys.argv[1]) if len(sys.argv) > 1 else 500_000))
