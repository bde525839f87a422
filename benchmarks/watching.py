"""Two hundred connections watched at once for 2 to 10 minutes: in simulated time, with the real rule of intervals and
the measured cost of a look.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from benchmarks.propagation import EARLY_POLL, INTERVAL
from datasync_flask import create_app
from datasync_flask.config import Settings
from datasync_flask.connections import store, watch
from datasync_flask.connections.models import LoginHost, SalesforceConnection, State
from datasync_flask.connections.status import POLL_SECONDS
from datasync_flask.database import upgrade_database
from datasync_flask.extensions import db
from tests.support.practice import running_practice_org

DEADLINE = 1800.0
# From when a look is due until what it saw is in the database.
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Simulated:
    """One watch: seconds from known to shown, the interval in force then, looks, polls, and for how long it took."""

    delay: float
    interval: float
    looks: int
    polls: int
    lasted: float


def simulate(count: int, requests_per_look: float) -> list[Simulated]:
    """Let the rule of intervals watch `count` apps that are known after 2 to 10 minutes."""
    chance, found = random.Random(1), []
    for _ in range(count):
        known, at, looks, polls, interval, late = chance.uniform(120, 600), 0.0, 1, 0, INTERVAL, 0.0
        while at < known:
            interval = watch.interval_after(
                at, first=INTERVAL, deadline=DEADLINE, looks=looks, requests=round(looks * requests_per_look)
            )
            at, looks = at + interval, looks + 1
            late = LOOK_SECONDS + chance.uniform(0, POLL_SECONDS)
            polls += int(interval // EARLY_POLL) + 1 + int(late // POLL_SECONDS)
        found.append(Simulated(at + late - known, interval, looks, polls, at + late))
    return found


def polls_a_second(watched: Sequence[Simulated]) -> float:
    """Return how often the open page of one watch polls on average."""
    return sum(each.polls for each in watched) / sum(each.lasted for each in watched)


def looks_a_second(watched: Sequence[Simulated]) -> float:
    """Return how often the worker looks for one watch on average."""
    return sum(each.looks for each in watched) / sum(each.lasted for each in watched)


def cost_of_a_look(times: int = 40) -> tuple[float, float]:
    """Return the CPU seconds that a worker's thread takes for a look at an app that isn't known, and its requests."""
    with tempfile.TemporaryDirectory() as name, running_practice_org() as practice:
        key = Fernet.generate_key().decode()
        app = create_app(
            Settings(instance_dir=Path(name), secret_key="x" * 32, encryption_keys=(key,),
                     salesforce_hosts=(practice.origin,))
        )  # fmt: skip
        upgrade_database(app)
        with app.app_context():
            connection = SalesforceConnection(
                login_host=LoginHost.CUSTOM, login_url=practice.origin, client_id="nobody", state=State.DRAFT,
                client_secret_sealed=store.secret_box().seal("x"), watch=0, looks=0, probe_requests=0,
                agreeing_looks=0,
            )  # fmt: skip
            connection.rename("Watched")
            db.session.add(connection)
            db.session.flush()
            watch.start(connection, connection.created_at)
            db.session.commit()
            begun = time.thread_time()
            for _ in range(times):
                found = store.load(connection.id)
                assert found is not None
                watch.look(found)
            cpu = time.thread_time() - begun
            found = store.load(connection.id)
            assert found is not None
            requests = found.probe_requests / times
            db.session.remove()
            db.engine.dispose()
        app.extensions["queue"].close()
    return cpu / times, requests


def measure(count: int = 200) -> tuple[list[Simulated], float, float]:
    """Return `count` watches, and the CPU seconds and requests of a look."""
    cpu, requests = cost_of_a_look()
    return simulate(count, requests), cpu, requests


def report(measured: tuple[list[Simulated], float, float]) -> str:
    """Return the section of the report."""
    watched, cpu, requests = measured
    count = len(watched)
    delays = sorted(each.delay for each in watched)
    late = sum(each.delay > each.interval + 2 for each in watched)
    looks = sum(each.looks for each in watched)
    share = looks / max(each.lasted for each in watched) * cpu
    p95, longest = delays[int(count * 0.95)], max(each.interval for each in watched)
    return f"""## Watching {count} connections at once

Simulated: apps known after 2 to 10 minutes, the real rules for looks and for polls. Measured: {cpu * 1000:.1f} ms of \
CPU and {requests:.1f} requests per look. Seconds from when Salesforce knows the app to the page that says so; looks \
come every {INTERVAL:g} s at first and every {longest:.0f} s in the end.

| median | p95 | longest | later than interval + 2 s | looks each | requests each | polls each | one worker's CPU |
|---|---|---|---|---|---|---|---|
| {delays[count // 2]:.1f} | {p95:.1f} | {delays[-1]:.1f} | {late} of {count} | {looks / count:.0f} | \
{looks / count * requests:.0f} | {sum(each.polls for each in watched) / count:.0f} | {share:.1%} of a core |"""
