"""Two hundred connections watched at once for 2 to 10 minutes: in simulated time, with the real rule of intervals and
the measured cost of a look.
"""

from __future__ import annotations

import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from benchmarks.propagation import INTERVAL
from datasync_flask import create_app
from datasync_flask.config import Settings
from datasync_flask.connections import store, watch
from datasync_flask.connections.models import LoginHost, SalesforceConnection, State
from datasync_flask.database import upgrade_database
from datasync_flask.extensions import db
from tests.support.practice import running_practice_org

DEADLINE = 1800.0


@dataclass(frozen=True)
class Simulated:
    """One watch: seconds from known to seen, the interval in force then, looks, and for how long it took."""

    delay: float
    interval: float
    looks: int
    lasted: float


def simulate(count: int, requests_per_look: float) -> list[Simulated]:
    """Let the rule of intervals watch `count` apps that are known after 2 to 10 minutes."""
    chance, found = random.Random(1), []
    for _ in range(count):
        known, at, looks, interval = chance.uniform(120, 600), 0.0, 1, INTERVAL
        while at < known:
            interval = watch.interval_after(
                at, first=INTERVAL, deadline=DEADLINE, looks=looks, requests=round(looks * requests_per_look)
            )
            at, looks = at + interval, looks + 1
        found.append(Simulated(at - known, interval, looks, at))
    return found


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


def report(count: int = 200) -> str:
    """Return the section of the report."""
    cpu, requests = cost_of_a_look()
    watched = simulate(count, requests)
    delays = sorted(each.delay for each in watched)
    late = sum(each.delay > each.interval + 2 for each in watched)
    looks = sum(each.looks for each in watched)
    share = looks / max(each.lasted for each in watched) * cpu
    return f"""## Watching {count} connections at once

Simulated: apps known after 2 to 10 minutes, the real rule of intervals. Measured: {cpu * 1000:.1f} ms of CPU and \
{requests:.1f} requests per look.

| median delay | p95 | longest | later than interval + 2 s | looks each | requests each | one worker's CPU |
|---|---|---|---|---|---|---|
| {delays[len(delays) // 2]:.1f} s | {delays[int(len(delays) * 0.95)]:.1f} s | {delays[-1]:.1f} s | {late} | \
{looks / count:.0f} | {looks / count * requests:.0f} | {share:.0%} of a core |"""
