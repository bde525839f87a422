"""One measurement in the tree that this process is started in, for `benchmarks.before`; prints names and numbers.

It imports only what that tree's own benchmarks have, under today's names or the names of 5229e22.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from pathlib import Path


def polls() -> list[tuple[str, float]]:
    """Requests a second, as gunicorn serves them."""
    polling = importlib.import_module("benchmarks.polling")
    return [(f"{each.name}, {each.connections} at once", each.rate) for each in polling.measure(rounds=5)]


def answers() -> list[tuple[str, float]]:
    """Milliseconds of CPU in the web process."""
    pages = importlib.import_module("benchmarks.pages")
    with tempfile.TemporaryDirectory() as folder:
        site = pages.Site(Path(folder), 100)
        try:
            return [(each.name, each.median) for each in pages._polls(site, 400)]
        finally:
            site.close()


def probes() -> list[tuple[str, float]]:
    """Milliseconds of a worker's CPU for each probe, claiming it and idling in between included."""
    try:
        load = importlib.import_module("benchmarks.propagation_load")
    except ModuleNotFoundError:
        load = importlib.import_module("benchmarks.watching")
    return [("one of 200 waiting connections is probed", load.work(200, 11.0, 30.0).cpu * 1000)]


def runs(origin: str, kind: str, settings: str, which: str) -> list[tuple[str, float]]:
    """Seconds and megabytes of a worker's first run; if `which` is all, also of a later one, and of one for changes."""
    ours_at = importlib.import_module("benchmarks.ours").Ours
    wanted = (("first run", 0), ("later run", 1), ("run for changes", 1))
    found = []
    with tempfile.TemporaryDirectory() as folder:
        ours = ours_at(Path(folder), origin, kind, json.loads(settings), count=2)
        try:
            for name, number in wanted if which == "all" else wanted[:1]:
                ran = ours.run(number)
                found += [(f"{name}: seconds", ran.seconds), (f"{name}: MB", ran.peak / 1e6)]
        finally:
            ours.close()
    return found


MEASUREMENTS = {each.__name__: each for each in (polls, answers, probes, runs)}

if __name__ == "__main__":
    print(json.dumps(MEASUREMENTS[sys.argv[1]](*sys.argv[2:])))
