"""A large object into DuckDB and PostgreSQL: ours, a peer, and what the limit is made of; on prepared pages."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil
import psycopg

from benchmarks.compared import settings_of
from benchmarks.ours import Ours, peak_of
from tests.support.servers import free_port, postgresql_server

WORDS = {"all": "everything", "changed": "1 % changed"}
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Cost:
    """What one way took: seconds, CPU seconds, peak memory in bytes, calls of the API."""

    way: str
    rows: int
    seconds: float
    cpu: float
    peak: int
    calls: int

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds


@contextlib.contextmanager
def page_server(rows: int, changed: int, *options: str) -> Iterator[str]:
    """Yield the origin of a server of prepared pages, started with its `options`."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.page_server", str(port), str(rows), str(changed), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def measured(way: str, rows: int, origin: str, command: Sequence[str], **variables: str) -> Cost:
    """Run a process to its end and return what it took. Raises CalledProcessError when it fails."""
    before = _calls(origin)
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=os.environ | variables, stdout=subprocess.DEVNULL
    )
    peak, ended = 0, 0
    while not ended:
        # Not what wait4 tells: that begins with the memory of the process that started this one.
        peak = max([peak, *map(peak_of, _family(process.pid))])
        time.sleep(0.02)
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    calls = _calls(origin) - before
    return Cost(way, rows, seconds, usage.ru_utime + usage.ru_stime, peak, calls)


def _family(pid: int) -> list[psutil.Process]:
    """A process and those below it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def _calls(origin: str) -> int:
    """How many pages and answers the page server has given until now."""
    return int(httpx2.get(f"{origin}/calls").json())


def _ours(kind: str, folder: Path, origin: str, settings: dict[str, Any], rows: int) -> Iterator[Cost]:
    """Yield what ours takes: the first run of a worker, which loads all that runs need, and later ones."""
    place = folder / f"ours-{kind}"
    place.mkdir()
    ours = Ours(place, origin, kind, settings, count=2)

    def run(text: str, read: int, number: int) -> Cost:
        before, ran = _calls(origin), ours.run(number)
        return Cost(f"ours, {kind}, {text}", read, ran.seconds, ran.cpu, ran.peak, _calls(origin) - before)

    try:
        yield run(f"{WORDS['all']}, a worker's first run", rows, 0)
        for what, read in both(rows).items():
            yield run(WORDS[what], read, 1)
    finally:
        ours.close()


def both(rows: int) -> dict[str, int]:
    """How many rows a full and an incremental run read."""
    return {"all": rows, "changed": max(rows // 100, 1)}


@contextlib.contextmanager
def database() -> Iterator[str]:
    """Yield the URL of an empty PostgreSQL database."""
    name = f"bench_{uuid.uuid4().hex[:8]}"
    with postgresql_server() as address, psycopg.connect(f"postgresql://{address}/postgres", autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        try:
            # dlt wants a password, also where none is asked for.
            yield f"postgresql://{address.replace('@', ':none@')}/{name}"
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def measure(rows: int, *options: str, peers: bool = True) -> list[Cost]:
    """Measure all ways on `rows` rows of 30 fields, with the page server's `options`."""
    with (
        tempfile.TemporaryDirectory() as name,
        page_server(rows, both(rows)["changed"], *options, *(["--json"] if peers else [])) as origin,
        database() as url,
    ):
        folder = Path(name)
        targets = {"duckdb": str(folder / "warehouse.duckdb"), "postgresql": url}

        def way(title: str, function: str, *arguments: str, read: int = rows) -> Cost:
            return measured(title, read, origin, ["-m", "benchmarks.compared", function, origin, *arguments])

        found = [way("limit: download", "download"), way("limit: download and typed parse", "parse")]
        for kind, target in targets.items():
            hand = str(folder / "hand.duckdb") if kind == "duckdb" else url
            found.append(way(f"limit: the same Arrow into {kind} by hand", f"{kind}_by_hand", hand))
            work = _made(folder / f"script-{kind}")
            found.append(way(f"the same dlt calls in one script, {kind}", "dlt_calls", kind, target, work))
            settings = {"path": "warehouse.duckdb"} if kind == "duckdb" else settings_of(kind, url)
            found += _ours(kind, folder, origin, settings, rows)
            if not peers:
                continue
            work = _made(folder / f"peer-{kind}")
            target = str(folder / "peers.duckdb") if kind == "duckdb" else url
            for what, read in both(rows).items():
                found.append(
                    way(f"dlt with simple-salesforce, {kind}, {WORDS[what]}", "dlt_simple_salesforce",
                        kind, target, work, what, read=read)
                )  # fmt: skip
            if kind == "postgresql":
                for what, read in both(rows).items():
                    found.append(
                        way(f"tap-salesforce with target-postgres, {kind}, {WORDS[what]}", "singer",
                            url, _made(folder / f"singer-{what}"), what, read=read)
                    )  # fmt: skip
    return found


def _made(folder: Path) -> str:
    folder.mkdir()
    return str(folder)


def report(measured: Mapping[int, list[Cost]]) -> str:
    """The section of the report, from what each number of rows took."""
    parts = [
        "## Extraction",
        "Prepared pages of 30 fields over loopback; each way in a process of its own, its start included. Ours as a "
        "worker does it: a run's process is forked from one that has loaded everything, which the worker's first run "
        "starts; that one stands apart. Singer's two processes: CPU of both, memory of the larger. The page server is "
        'what "download" measures.',
    ]
    for rows, costs in measured.items():
        parts += [f"### {rows:,} rows", table(costs)]
    parts.append(_ratios(measured))
    return "\n\n".join(parts)


def table(costs: list[Cost]) -> str:
    """What each way took, as a table."""
    lines = ["| way | rows | rows/s | seconds | CPU seconds | peak MB | API calls |", "|---|---|---|---|---|---|---|"]
    lines += [
        f"| {cost.way} | {cost.rows:,} | {cost.rate:,.0f} | {cost.seconds:,.1f} | {cost.cpu:,.1f} | "
        f"{cost.peak / 1e6:,.0f} | {cost.calls:,} |"
        for cost in costs
    ]
    return "\n".join(lines)


PEERS = ("dlt with simple-salesforce", "tap-salesforce with target-postgres")


def _ratios(measured: Mapping[int, list[Cost]]) -> str:
    """The table of what ours is beside the others."""
    lines = [
        "### Ours beside the others",
        "",
        "Rows per second of ours divided by theirs; memory likewise. A peer that was too slow for a size counts there "
        "with the rate it had at the largest size it was measured at. The last column is the limit: what loading the "
        "same Arrow by hand does beside the best peer. It is made of parsing text into types and of the destination's "
        "own writing, of each about half; at 100,000 rows starting Python and loading libraries takes as long again.",
        "",
        "| rows | destination | what | by hand | one script | best peer | its memory | by hand beside the best peer |",
        "|---|---|---|---|---|---|---|---|",
    ]
    latest: dict[str, Cost] = {}
    for rows, costs in measured.items():
        by_way = {cost.way: cost for cost in costs}
        latest |= by_way
        for kind in ("duckdb", "postgresql"):
            for what, text in WORDS.items():
                ours = by_way[f"ours, {kind}, {text}"]
                by_hand = by_way[f"limit: the same Arrow into {kind} by hand"]
                hand, script = (
                    f"{ours.rate / beside.rate:.2f}" if what == "all" else ""
                    for beside in (by_hand, by_way[f"the same dlt calls in one script, {kind}"])
                )
                names = [f"{peer}, {kind}, {text}" for peer in PEERS]
                peers = [latest[name] for name in names if name in latest]
                best = max(peers, key=lambda cost: cost.rate, default=None)
                times = f"{ours.rate / best.rate:.1f} ({best.way.split(',')[0]})" if best else ""
                memory = f"{ours.peak / min(cost.peak for cost in peers):.2f}" if peers else ""
                limit = f"{by_hand.rate / best.rate:.1f}" if best and what == "all" else ""
                lines.append(f"| {rows:,} | {kind} | {text} | {hand} | {script} | {times} | {memory} | {limit} |")
    return "\n".join(lines)
