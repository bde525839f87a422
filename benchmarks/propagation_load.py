"""Two hundred connections that wait 2 to 10 minutes for propagation: in simulated time, with the real rule of
intervals, and a real worker that makes as many probes.
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
from datasync_flask.salesforce_connections.status import POLL_SECONDS, PROBE_SECONDS
from datasync_flask.security.crypto import secret_box
from tests.support.practice import running_practice_org
from tests.support.program import Program, wait_for

DEADLINE = 1800.0
# What an answer of Salesforce may take on a bad day, seconds.
SLOW_ANSWERS = 0.5


@dataclass(frozen=True)
class Simulated:
    """One propagation: seconds from known to shown, the interval in force then, probes, polls, and how long it took."""

    delay: float
    interval: float
    probes: int
    polls: int
    lasted: float


def simulate(count: int, requests_per_probe: float) -> list[Simulated]:
    """Let the rule of intervals probe for `count` apps that are known after 2 to 10 minutes."""
    chance, found = random.Random(1), []
    for _ in range(count):
        known, at, probes, polls, interval, late = chance.uniform(120, 600), 0.0, 1, 0, INTERVAL, 0.0
        while at < known:
            interval = propagation.interval_after(
                at, first=INTERVAL, deadline=DEADLINE, probes=probes, requests=round(probes * requests_per_probe)
            )
            at, probes = at + interval, probes + 1
            late = PROBE_SECONDS + chance.uniform(0, POLL_SECONDS)
            polls += int(interval // EARLY_POLL) + 1 + int(late // POLL_SECONDS)
        found.append(Simulated(at + late - known, interval, probes, polls, at + late))
    return found


def polls_a_second(waiting: Sequence[Simulated]) -> float:
    """How often the open page of one connection polls on average."""
    return sum(each.polls for each in waiting) / sum(each.lasted for each in waiting)


def probes_a_second(waiting: Sequence[Simulated]) -> float:
    """How often the worker probes for one connection on average."""
    return sum(each.probes for each in waiting) / sum(each.lasted for each in waiting)


@dataclass(frozen=True)
class AtWork:
    """A worker that probes: CPU seconds and requests per probe, idling in between included; probes a second."""

    cpu: float
    requests: float
    probes: float


def _connections(app: Flask, origin: str, count: int, interval: float) -> None:
    """Have `count` connections with an app that Salesforce doesn't know looked at, evenly spread over `interval`."""
    with app.app_context():
        for number in range(count):
            connection = SalesforceConnection(
                login_host=LoginHost.CUSTOM, login_url=origin, client_id="nobody", state=State.DRAFT,
                client_secret_sealed=secret_box().seal("x"), propagation_number=0, probes=0, probe_requests=0,
                agreeing_probes=0,
            )  # fmt: skip
            connection.rename(f"Waiting {number}")
            db.session.add(connection)
            db.session.flush()
            propagation.start(connection, utcnow())
            connection.due_at = connection.next_probe_at = utcnow() + timedelta(seconds=interval * number / count)
        db.session.commit()


def _probes(app: Flask) -> tuple[int, int]:
    """How many probes were made in all, and how many requests."""
    with app.app_context():
        probes, requests = func.sum(SalesforceConnection.probes), func.sum(SalesforceConnection.probe_requests)
        found = db.session.execute(select(probes, requests)).one()
        return int(found[0]), int(found[1])


def work(count: int, interval: float, seconds: float, answer_seconds: float = 0.0) -> AtWork:
    """Let a worker process probe for `count` connections every `interval` seconds, and measure it for `seconds`; the
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
            wait_for(lambda: _probes(app)[0] >= count, 60 + 2 * interval)
            assert worker.process is not None
            process, before = psutil.Process(worker.process.pid), _probes(app)
            cpu_before = process.cpu_times()
            time.sleep(seconds)
            cpu_after, after = process.cpu_times(), _probes(app)
        finally:
            worker.kill_all()
            with app.app_context():
                db.engine.dispose()
            app.extensions["queue"].close()
    cpu = cpu_after.user + cpu_after.system - cpu_before.user - cpu_before.system
    probes = after[0] - before[0]
    return AtWork(cpu / probes, (after[1] - before[1]) / probes, probes / seconds)


def measure(count: int = 200, seconds: float = 40.0) -> tuple[list[Simulated], AtWork, AtWork]:
    """Return `count` simulated connections, and what a worker takes for as many probes as they average: with
    answers that come at once, and with SLOW_ANSWERS.
    """
    waiting = simulate(count, 1)
    interval = count * max(each.lasted for each in waiting) / sum(each.probes for each in waiting)
    return waiting, work(count, interval, seconds), work(count, interval, seconds, SLOW_ANSWERS)


def report(measured: tuple[list[Simulated], AtWork, AtWork]) -> str:
    """The section of the report."""
    waiting, at_work, slow = measured
    count = len(waiting)
    delays = sorted(each.delay for each in waiting)
    late = sum(each.delay > each.interval + 2 for each in waiting)
    probes = sum(each.probes for each in waiting)
    p95, longest = delays[int(count * 0.95)], max(each.interval for each in waiting)
    # The next probe is counted from the answer of the one before.
    wanted = count / (count / at_work.probes + SLOW_ANSWERS)
    return f"""## Propagation of {count} connections at once

Simulated: apps known after 2 to 10 minutes, the real rules for probes and for polls. Seconds from when Salesforce \
knows the app to the page that says so; probes come every {INTERVAL:g} s at first and every {longest:.0f} s in the end.

| median | p95 | longest | later than interval + 2 s | probes each | requests each | polls each |
|---|---|---|---|---|---|---|
| {delays[count // 2]:.1f} | {p95:.1f} | {delays[-1]:.1f} | {late} of {count} | {probes / count:.0f} | \
{probes / count * at_work.requests:.0f} | {sum(each.polls for each in waiting) / count:.0f} |

Measured: a worker process that probes for {count} connections as often as these need it on average, \
{at_work.probes:.1f} times a second, takes {at_work.probes * at_work.cpu:.1%} of a core: {at_work.cpu * 1000:.1f} ms \
of CPU per probe, idling in between included; in the first minutes, when each is probed every {INTERVAL:g} s, it is \
{count / INTERVAL * at_work.cpu:.1%}. Half of it are the requests (a client and a connection for each probe, since \
Salesforce's servers may disagree), a third leases, rows and results, for all probes of half a second together, \
the rest is asking the queue. With answers that take {SLOW_ANSWERS:g} s it makes {slow.probes:.1f} of the {wanted:.1f} \
probes a second that are due then, for {slow.probes * slow.cpu:.1%} of a core."""
