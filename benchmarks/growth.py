"""Growth: eight extractions on PostgreSQL and Redis with one, two and four workers; and what many connections need."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
from sqlalchemy import update

from benchmarks.compared import settings_of
from benchmarks.extraction import database, page_server
from benchmarks.ours import Ours, cpu_of
from datasync_flask import heartbeats, worker
from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction, ExtractionObject
from datasync_flask.extractions.runs import states
from tests.support.program import wait_for
from tests.support.servers import free_port, own_redis

SOURCES = 1_000
ROWS_A_DAY = 10**9
RUNS_A_DAY = 24
DAY = 86_400


@dataclass(frozen=True)
class Grown:
    """So many workers: seconds for all extractions, CPU seconds of the workers and their runs."""

    workers: int
    seconds: float
    cpu: float


@dataclass(frozen=True)
class Measured:
    """Everything that growth is told from."""

    rows: int
    extractions: int
    grown: Sequence[Grown]
    # CPU seconds of one sweep over SOURCES scheduled extractions, of which a minute's worth is due.
    sweep: float
    # CPU seconds of a run that finds nothing new: what each run takes whatever it reads.
    empty_run: float


def _cpu_of(workers: Sequence[subprocess.Popen[bytes]]) -> float:
    """The CPU seconds of workers and of all that they started."""
    found = [psutil.Process(worker.pid) for worker in workers]
    return sum(cpu_of(process) for worker in found for process in (worker, *worker.children(recursive=True)))


def _grown(ours: Ours, workers: int) -> Grown:
    variables = os.environ | ours.variables | {"DATASYNC_RUN_PROCESSES": "1"}
    processes = [
        subprocess.Popen([sys.executable, "-m", "datasync_flask.cli", "worker"], env=variables,
                         stderr=subprocess.DEVNULL)
        for _ in range(workers)
    ]  # fmt: skip
    try:
        with ours.app.app_context():

            def are_there() -> bool:
                found = len(heartbeats.alive()) == workers
                db.session.rollback()
                return found

            wait_for(are_there, 60)
            before = _cpu_of(processes)
            begun = time.perf_counter()
            started = [states.start(extraction_id, "benchmark").id for extraction_id in ours.ids]
            for run_id in started:
                ours.app.extensions["queue"].run_soon(run_id)

            def are_over() -> bool:
                found = [states.load(run_id).state for run_id in started]
                db.session.rollback()
                if {"failed", "cancelled"} & set(found):
                    raise RuntimeError(str(found))
                return set(found) == {"done"}

            wait_for(are_over, 600)
            seconds = time.perf_counter() - begun
            cpu = _cpu_of(processes) - before
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
    return Grown(workers, seconds, cpu)


def _ours(folder: Path, origin: str, url: str, count: int, **urls: str) -> Ours:
    """Return DataSync with its own tables and its destination's in one PostgreSQL database."""
    own = url.replace("postgresql://", "postgresql+psycopg://")
    return Ours(folder, origin, "postgresql", settings_of("postgresql", url), count=count, database_url=own, **urls)


def _sweep(url: str, folder: Path) -> float:
    """The CPU seconds of a sweep that finds a minute's worth of hourly extractions due."""
    ours = _ours(folder, "http://127.0.0.1:1", url, SOURCES)
    try:
        with ours.app.app_context():
            now = utcnow()
            for number, extraction in enumerate(db.session.query(Extraction).order_by(Extraction.description_key)):
                extraction.schedule = "every 1 hour"
                extraction.next_run_at = now + timedelta(minutes=number % 60 - 0.5)
            db.session.commit()
        begun = time.process_time()
        with ours.app.app_context():
            worker.sweep()
        return time.process_time() - begun
    finally:
        ours.close()


def _track(ours: Ours, tracking_type: str) -> None:
    with ours.app.app_context():
        db.session.execute(update(ExtractionObject).values(tracking_type=tracking_type))
        db.session.commit()


def measure(rows: int = 200_000, workers: Sequence[int] = (1, 2, 4), extractions: int = 8) -> Measured:
    """Measure that many extractions of `rows` rows each."""
    # A queue of its own: other workers on this machine must not take its runs.
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as name, page_server(rows, 0, "--json") as origin,
        database() as url, database() as sweeping, own_redis(port),
    ):  # fmt: skip
        folder = Path(name)
        ours = _ours(folder, origin, url, extractions, queue_url=f"redis://127.0.0.1:{port}")
        try:
            _track(ours, "none")
            grown = [_grown(ours, number) for number in workers]
            _track(ours, "date")
            # The first one after the change reads everything.
            ours.run()
            empty = ours.run().cpu
        finally:
            ours.close()
        place = folder / "sweep"
        place.mkdir()
        return Measured(rows, extractions, grown, _sweep(sweeping, place), empty)


def report(measured: Measured) -> str:
    """The section of the report: what was measured, and what follows for many connections."""
    one, cores = measured.grown[0], os.cpu_count() or 1
    rows = "\n".join(
        f"| {each.workers} | {each.seconds:,.1f} | {measured.extractions * measured.rows / each.seconds:,.0f} "
        f"| {each.cpu:,.1f} | {one.seconds / each.seconds:.2f} |"
        for each in measured.grown
    )
    a_row = max(one.cpu / measured.extractions - measured.empty_run, 0) / measured.rows
    starting = SOURCES * RUNS_A_DAY * measured.empty_run / DAY
    moving = ROWS_A_DAY / DAY * a_row
    sweeping = measured.sweep / 60
    total = starting + moving + sweeping
    first = "beginning runs" if starting > moving else "reading, parsing, writing"
    return f"""## Growth

{measured.extractions} extractions of {measured.rows:,} rows at once, PostgreSQL as database and as destination, \
Redis as queue, one run at a time per worker. PostgreSQL, Redis and the page server share the {cores} cores with \
the workers.

| workers | seconds | rows/s | CPU seconds of workers and runs | times one worker |
|---|---|---|---|---|
{rows}

On paper, for {SOURCES:,} connections of which each is extracted every hour, and {ROWS_A_DAY:,} rows a day \
({ROWS_A_DAY / DAY:,.0f} rows/s), from what was measured here:

| part | measured | for that |
|---|---|---|
| beginning and ending runs | {measured.empty_run:.2f} CPU seconds for a run without news | {starting:.2f} cores |
| reading, parsing, writing | {a_row * 1e6:.1f} CPU microseconds per row of 30 fields | {moving:.2f} cores |
| looking what is due | {measured.sweep:.2f} CPU seconds for {SOURCES:,} extractions | {sweeping:.3f} cores |

Together {total:.2f} cores of workers, in the middle of the day; destinations come on top. What gives out first is \
{first}: at {SOURCES * cores / max(starting, 1e-9):,.0f} hourly connections beginning runs alone takes all {cores} \
cores of a machine like this one, while the same cores would move {cores * DAY / max(a_row, 1e-9):,.0f} rows a day in \
large runs. More workers on more machines share the work without any change, since each run is claimed in the \
database. The next engine would leave out what a run does beside its rows: it would ask Salesforce for all of a \
source's objects whether there is news (one composite request) and begin a run only where there is, and keep what \
dlt finds out again for each run about a destination."""
