"""What polls cost as they are served: `wrk` against gunicorn, bare views and ours in one run."""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil

from benchmarks import propagation_load
from benchmarks.pages import ORIGIN, Site
from tests.support.program import wait_for
from tests.support.servers import free_port, wait_until_open

ROOT = Path(__file__).resolve().parent.parent
OPEN_PAGES = 500
CONNECTIONS = (1, 8)


@dataclass(frozen=True)
class Served:
    """One kind of request over so many connections: requests per second, milliseconds of the web server's CPU each."""

    name: str
    connections: int
    rate: float
    cpu: float


@dataclass(frozen=True)
class Asked:
    """One kind of request."""

    name: str
    path: str
    status: int
    headers: tuple[str, ...] = ()


@contextlib.contextmanager
def _server(what: str, site: Site, folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Yield the address and the one working process of a server."""
    port = free_port()
    settings = site.app.config["SETTINGS"]
    variables = {
        "DATASYNC_INSTANCE_DIR": str(folder), "DATASYNC_SECRET_KEY": settings.secret_key, "DATASYNC_PORT": str(port),
        "DATASYNC_ENCRYPTION_KEYS": settings.encryption_keys[0], "DATASYNC_PUBLIC_URL": ORIGIN,
    }  # fmt: skip
    command = [sys.executable, "-m", "benchmarks.polled_server", what]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | variables, stderr=subprocess.DEVNULL)
    try:
        wait_until_open(port)
        yield f"http://127.0.0.1:{port}", wait_for(psutil.Process(process.pid).children)[0]
    finally:
        process.terminate()
        process.wait()


def _check(asked: Asked, url: str) -> None:
    """Raise RuntimeError when the answer isn't the one to be measured: wrk counts answers, not what they are."""
    answer = httpx2.get(url, headers=dict(header.split(": ", 1) for header in asked.headers), timeout=10)
    if answer.status_code != asked.status:
        raise RuntimeError(f"{asked.name}: {answer.status_code}")


def _one_round(asked: Asked, url: str, connections: int, worker: psutil.Process) -> tuple[float, float]:
    sent = [part for header in asked.headers for part in ("-H", header)]
    before = worker.cpu_times()
    told = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", "-d1s", *sent, url], check=True, capture_output=True, text=True
    ).stdout
    after = worker.cpu_times()
    done, rate = re.search(r"(\d+) requests in", told), re.search(r"Requests/sec:\s*([\d.]+)", told)
    if done is None or rate is None:
        raise RuntimeError(told)
    return float(rate[1]), (after.user + after.system - before.user - before.system) / int(done[1]) * 1000


def measure(rounds: int = 9) -> list[Served]:
    """What bare views, an unchanged and a changed poll take: medians of rounds of a second each, in turn."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        site = stack.enter_context(contextlib.closing(Site(folder, 100)))
        path = f"/connections/{site.waiting_id}/status"
        tag = site.get(path, HX_Request="true").headers["HX-PTag"]
        cookie = site.client.get_cookie("datasync_session", domain="127.0.0.1")
        headers = (f"Cookie: datasync_session={cookie.value if cookie else ''}", "HX-Request: true")
        servers = {what: stack.enter_context(_server(what, site, folder)) for what in ("flask", "app")}
        all_asked = (
            ("flask", Asked("a Flask app of one view that returns a constant", "/bare", 200)),
            ("app", Asked("such a view in DataSync", "/bare", 200)),
            ("app", Asked("an unchanged poll (304)", path, 304, (*headers, f"HX-PTag: {tag}"))),
            ("app", Asked("a changed poll (the fragment rendered)", path, 200, headers)),
        )
        found: dict[tuple[str, int], list[tuple[float, float]]] = {}
        for _ in range(rounds):
            # In turn: a machine that slows down meanwhile slows them all.
            for connections in CONNECTIONS:
                for what, asked in all_asked:
                    address, worker = servers[what]
                    _check(asked, address + asked.path)
                    taken = _one_round(asked, address + asked.path, connections, worker)
                    found.setdefault((asked.name, connections), []).append(taken)
    return [
        Served(name, connections, *(statistics.median(each) for each in zip(*taken, strict=True)))
        for (name, connections), taken in found.items()
    ]


def report(served: list[Served]) -> str:
    """The section of the report."""
    names = list(dict.fromkeys(each.name for each in served))
    by_kind = {(each.name, each.connections): each for each in served}
    flask, bare, unchanged, changed = names
    lines = []
    for name in names:
        cells = [name]
        for connections in CONNECTIONS:
            each = by_kind[name, connections]
            cells += [f"{each.rate:,.0f}", f"{each.cpu:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    ratios = [
        f"{by_kind[unchanged, connections].rate / by_kind[beside, connections].rate:.2f}"
        for beside in (bare, flask) for connections in CONNECTIONS
    ]  # fmt: skip
    waiting = propagation_load.simulate(OPEN_PAGES, 1)
    rate, probes = propagation_load.polls_a_second(waiting), propagation_load.probes_a_second(waiting)
    share = OPEN_PAGES * rate * by_kind[unchanged, 1].cpu / 1000
    # Each probe changes what a page shows: when it was, and when the next one comes.
    more = OPEN_PAGES * probes * (by_kind[changed, 1].cpu - by_kind[unchanged, 1].cpu) / 1000
    columns = " | ".join(f"{each} at once: requests/s | CPU ms" for each in CONNECTIONS)
    return "\n".join(
        [
            "## Polls as they are served",
            "",
            "`wrk` against one gunicorn process with DataSync's own settings, SQLite; wrk has the other core.",
            "",
            f"| request | {columns} |",
            "|---|---|---|---|---|",
            *lines,
            "",
            f"An unchanged poll does {ratios[0]} of the requests/s of the bare view in DataSync one at a time, "
            f"{ratios[1]} with eight at once; of the Flask app of one view {ratios[2]} and {ratios[3]}. "
            f"{OPEN_PAGES} open pages that wait 2 to 10 minutes, each asking every {1 / rate:.1f} seconds on average, "
            f"take {share:.2f} of a core, and the fragments that probes change {more:.2f} more.",
        ]
    )
