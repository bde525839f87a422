"""Two hundred connections watched at once for 2 to 10 minutes: in simulated time, with the real rule of intervals and
a real worker that makes as many looks.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import func, select

from benchmarks.propagation import EARLY_POLL, INTERVAL
from datasync_flask import create_app
from datasync_flask.clock import utcnow
from datasync_flask.config import Settings
from datasync_flask.connections.models import State
from datasync_flask.database import upgrade_database
from datasync_flask.extensions import db
from datasync_flask.salesforce_connections import propagation
from datasync_flask.salesforce_connections.models import LoginHost, SalesforceConnection
from datasync_flask.salesforce_connections.status import LOOK_SECONDS, POLL_SECONDS
from datasync_flask.security.crypto import secret_box
from tests.support.practice import running_practice_org
from tests.support.program import Program, wait_for

DEADLINE = 1800.0
# What an answer of Salesforce may take on a bad day, seconds.
SLOW_ANSWERS = 0.5


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
            interval = propagation.interval_after(
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


@dataclass(frozen=True)
class AtWork:
    """A worker that watches: CPU seconds and requests per look, idling in between included; looks a second."""

    cpu: float
    requests: float
    looks: float


def _connections(app: Flask, origin: str, count: int, interval: float) -> None:
    """Have `count` connections with an app that Salesforce doesn't know looked at, evenly spread over `interval`."""
    with app.app_context():
        for number in range(count):
            connection = SalesforceConnection(
                login_host=LoginHost.CUSTOM, login_url=origin, client_id="nobody", state=State.DRAFT,
                client_secret_sealed=secret_box().seal("x"), watch=0, looks=0, probe_requests=0,
                agreeing_looks=0,
            )  # fmt: skip
            connection.rename(f"Watched {number}")
            db.session.add(connection)
            db.session.flush()
            propagation.start(connection, utcnow())
            connection.due_at = connection.next_look_at = utcnow() + timedelta(seconds=interval * number / count)
        db.session.commit()


def _looks(app: Flask) -> tuple[int, int]:
    """Return how many looks were made in all, and how many requests."""
    with app.app_context():
        looks, requests = func.sum(SalesforceConnection.looks), func.sum(SalesforceConnection.probe_requests)
        found = db.session.execute(select(looks, requests)).one()
        return int(found[0]), int(found[1])


def work(count: int, interval: float, seconds: float, answer_seconds: float = 0.0) -> AtWork:
    """Let a worker process look at `count` connections every `interval` seconds, and measure it for `seconds`; the
    org's answers take `answer_seconds`.
    """
    key, secret = Fernet.generate_key().decode(), "x" * 32
    with tempfile.TemporaryDirectory() as name, running_practice_org() as practice:
        folder = Path(name)
        (folder / "instance").mkdir()
        settings = Settings(
            instance_dir=folder / "instance", secret_key=secret, encryption_keys=(key,),
            salesforce_hosts=(practice.origin,),
        )  # fmt: skip
        app = create_app(settings)
        upgrade_database(app)
        _connections(app, practice.origin, count, interval)
        if answer_seconds:
            practice.fault("token", kind="hang", seconds=answer_seconds, times=None)
        worker = Program(
            folder, "worker", SECRET_KEY=secret, ENCRYPTION_KEYS=key, SALESFORCE_HOSTS=practice.origin,
            PROBE_INTERVAL=str(interval),
        )  # fmt: skip
        worker.start()
        try:
            # Until each was looked at once, what takes a start is still in it.
            wait_for(lambda: _looks(app)[0] >= count, 60 + 2 * interval)
            assert worker.process is not None
            process, before = psutil.Process(worker.process.pid), _looks(app)
            cpu_before = process.cpu_times()
            time.sleep(seconds)
            cpu_after, after = process.cpu_times(), _looks(app)
        finally:
            worker.kill_all()
            with app.app_context():
                db.engine.dispose()
            app.extensions["queue"].close()
    cpu = cpu_after.user + cpu_after.system - cpu_before.user - cpu_before.system
    looks = after[0] - before[0]
    return AtWork(cpu / looks, (after[1] - before[1]) / looks, looks / seconds)


def measure(count: int = 200, seconds: float = 40.0) -> tuple[list[Simulated], AtWork, AtWork]:
    """Return `count` watches, and what a worker takes that makes as many looks as these do on average: with answers
    that come at once, and with SLOW_ANSWERS.
    """
    watched = simulate(count, 1)
    interval = count * max(each.lasted for each in watched) / sum(each.looks for each in watched)
    return watched, work(count, interval, seconds), work(count, interval, seconds, SLOW_ANSWERS)


def report(measured: tuple[list[Simulated], AtWork, AtWork]) -> str:
    """Return the section of the report."""
    watched, at_work, slow = measured
    count = len(watched)
    delays = sorted(each.delay for each in watched)
    late = sum(each.delay > each.interval + 2 for each in watched)
    looks = sum(each.looks for each in watched)
    p95, longest = delays[int(count * 0.95)], max(each.interval for each in watched)
    # The next look is counted from the answer of the one before.
    wanted = count / (count / at_work.looks + SLOW_ANSWERS)
    return f"""## Watching {count} connections at once

Simulated: apps known after 2 to 10 minutes, the real rules for looks and for polls. Seconds from when Salesforce \
knows the app to the page that says so; looks come every {INTERVAL:g} s at first and every {longest:.0f} s in the end.

| median | p95 | longest | later than interval + 2 s | looks each | requests each | polls each |
|---|---|---|---|---|---|---|
| {delays[count // 2]:.1f} | {p95:.1f} | {delays[-1]:.1f} | {late} of {count} | {looks / count:.0f} | \
{looks / count * at_work.requests:.0f} | {sum(each.polls for each in watched) / count:.0f} |

Measured: a worker process that looks at {count} connections as often as these are looked at on average, \
{at_work.looks:.1f} times a second, takes {at_work.looks * at_work.cpu:.1%} of a core: {at_work.cpu * 1000:.1f} ms of \
CPU per look, idling in between included; in the first minutes, when each is looked at every {INTERVAL:g} s, it is \
{count / INTERVAL * at_work.cpu:.1%}. Half of it are the requests (a client and a connection for each look, since \
Salesforce's servers may disagree), a third claims, rows and what was seen, for all looks of half a second together, \
the rest is asking the queue. With answers that take {SLOW_ANSWERS:g} s it makes {slow.looks:.1f} of the {wanted:.1f} \
looks a second that are due then, for {slow.looks * slow.cpu:.1%} of a core."""
