"""From the moment Salesforce knows an app to the open page that says so, with the real programs.

A practice org, `datasync run` and, for each connection, polls as an open page sends them. The moment of
truth is chosen by the practice org; the moment of telling is when a poll first carries ``ready_to_authorize``.
"""

from __future__ import annotations

import random
import re
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx2

from datasync_flask.salesforce_connections.status import POLL_SECONDS
from tests.support.practice import running_practice_org
from tests.support.program import Site, running_site

INTERVAL = 5.0
NEXT_PROBE = re.compile(r'data-next-probe-in="([\d.]+)"')
# static/js/polling.js: how rarely a page asks until the worker's next probe is due.
EARLY_POLL = 8.0


@dataclass(frozen=True)
class Propagated:
    """One connection's propagation: seconds from known to shown, and seconds it waited in all."""

    delay: float
    waited: float


def wait_until_known(site: Site, number: int, propagation: float) -> Propagated:
    """Save a connection whose app is known after `propagation` seconds, and poll until the page says so."""
    app = site.practice.register(site.callback_url, propagation_seconds=propagation)
    known_at = float(app["known_at"])
    connection_id = site.save(app, description=f"Benchmark {number}")
    # A client of its own with the same session: polls of many pages at once.
    with httpx2.Client(base_url=site.address, cookies=site.http.cookies, timeout=20) as page:
        tag, asked, probe_at = "", 0.0, 0.0
        while True:
            if time.monotonic() >= min(probe_at, asked + EARLY_POLL):
                asked = time.monotonic()
                headers = {"HX-Request": "true", "HX-PTag": tag}
                answer = page.get(f"/connections/{connection_id}/status", headers=headers)
                tag = answer.headers["HX-PTag"]
                if answer.status_code == 200 and 'data-state="ready_to_authorize"' in answer.text:
                    now = time.time()
                    return Propagated(now - known_at, now - known_at + propagation)
                if told := NEXT_PROBE.search(answer.text):
                    probe_at = asked + float(told[1])
            time.sleep(POLL_SECONDS)


def measure(count: int, interval: float = INTERVAL, longest: float = 25.0) -> tuple[list[Propagated], float]:
    """Watch `count` connections at once; return them and the number of requests each cost on average."""
    chance = random.Random(1)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_practice_org() as practice,
        running_site(Path(folder), practice, PROBE_INTERVAL=str(interval), WORKER_THREADS="4") as site,
    ):
        site.sign_in()
        with ThreadPoolExecutor(count) as pool:
            waits = [chance.uniform(longest / 5, longest) for _ in range(count)]
            found = list(pool.map(lambda pair: wait_until_known(site, *pair), enumerate(waits)))
        return found, sum(practice.requests().values()) / count


def report(measured: tuple[list[Propagated], float], interval: float = INTERVAL) -> str:
    """The measurement as Markdown."""
    connections, requests = measured
    delays = sorted(one.delay for one in connections)
    p95 = delays[round(0.95 * (len(delays) - 1))]
    figures = (delays[0], statistics.median(delays), p95, delays[-1], interval + 2)
    return "\n".join(
        [
            "## Waiting for propagation",
            "",
            f"{len(delays)} connections at once, one worker process, first interval {interval:g} s, polls as often "
            "as each page says. Seconds from when Salesforce knows the app to the page that says so:",
            "",
            "| shortest | median | p95 | longest | bar: interval + 2 |",
            "|---|---|---|---|---|",
            f"| {' | '.join(f'{figure:.2f}' for figure in figures)} |",
            "",
            f"{requests:.1f} requests to Salesforce per connection, for waits of "
            f"{min(one.waited for one in connections):.0f} to {max(one.waited for one in connections):.0f} s.",
        ]
    )
