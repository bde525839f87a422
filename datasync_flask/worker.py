"""The background work: the handlers of queued tasks, the sweep, and the consumer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

from flask import Flask, current_app
from huey import crontab
from huey.consumer import Consumer
from setproctitle import setproctitle

from datasync_flask import clock_repairs, create_app, heartbeats
from datasync_flask.accounts import guessing
from datasync_flask.clock import utcnow
from datasync_flask.config import Settings
from datasync_flask.extensions import db
from datasync_flask.extractions import schedule
from datasync_flask.extractions.runs import abandoned_jobs, lease, process, states
from datasync_flask.extractions.runs.process import RunProcesses
from datasync_flask.notices import sending, warnings
from datasync_flask.queue import Queue, queue
from datasync_flask.request_ids import marked
from datasync_flask.salesforce_connections import due_work, propagation_loop
from datasync_flask.salesforce_connections.orgs import expire_questions
from datasync_flask.salesforce_connections.token_grants import revoke_due
from datasync_flask.security.crypto import secret_box

log = logging.getLogger(__name__)

LATE_SWEEP_SECONDS = 22
# Later steps are left to the sweep of their minute.
AHEAD = timedelta(minutes=2)


def process_connection(connection_id: str) -> None:
    """Do what is due for a connection, and queue its next step."""
    with marked(connection_id):
        next_at = due_work.work_on(connection_id)
    if next_at is not None and next_at <= utcnow() + AHEAD:
        queue().wake(connection_id, next_at)


def run_extraction(run_id: str) -> None:
    """Do the run in a separate process and wait for it; then queue runs that waited for a slot."""
    processes: RunProcesses = current_app.extensions["run_processes"]
    if processes.do(run_id) and not processes.stopping.is_set():
        for waiting in lease.due(utcnow()):
            queue().run_soon(waiting)


def mail(address: str, subject: str, sealed: str) -> None:
    """Send an email."""
    try:
        sending.mail(address, subject, secret_box().open(sealed))
    except sending.NotSent as failure:
        log.warning("an email to %s wasn't sent: %s", address, failure)


def sweep(ahead: timedelta = timedelta(0)) -> None:
    """Do or queue everything that is due according to the database."""
    guessing.forget_old()
    clock_repairs.repair(utcnow())
    for connection_id, due_at in due_work.due_connections(utcnow() + ahead):
        queue().wake(connection_id, due_at)
    expire_questions()
    revoke_due()
    schedule.start_due(utcnow())
    states.wake_waiting()
    states.clear_folders()
    abandoned_jobs.abort_all()
    for run_id in lease.due(utcnow()):
        queue().run_soon(run_id)
    warnings.scan()
    sending.send_due()


HANDLERS: dict[str, Callable[..., Any]] = {
    "process_connection": process_connection,
    "run_extraction": run_extraction,
    "revoke": revoke_due,
    "mail": mail,
    "tell": sending.send_due,
    "late_sweep": sweep,
}


def run_worker(app: Flask) -> None:
    """Run the consumer until SIGINT or SIGTERM, which let a running step finish."""
    settings: Settings = app.config["SETTINGS"]
    found: Queue = app.extensions["queue"]
    found.handlers = HANDLERS

    def sweep_now(ahead: timedelta = timedelta(0)) -> None:
        with app.app_context():
            sweep(ahead)

    def sweep_at_start() -> None:
        sweep_now(AHEAD)
        # A run whose process was killed with the worker still counts as alive for some seconds.
        found.put("late_sweep", delay=LATE_SWEEP_SECONDS)

    found.huey.periodic_task(crontab(minute="*"), name="sweep")(lambda: sweep_now())
    found.huey.on_startup(name="sweep_at_start")(sweep_at_start)
    consumer = Consumer(
        found.huey,
        # A run's thread only waits for its process.
        workers=settings.worker_threads + settings.run_processes,
        # An idle storage that can't block is polled three times a second, so the wait for a probe stays short.
        initial_delay=0.05,
        max_delay=0.3,
        backoff=1.3,
        scheduler_interval=1,
        graceful_signal="TERM",
    )
    app.extensions["run_processes"] = RunProcesses(settings, do_run, consumer.stop_flag)
    heartbeat, propagation = heartbeats.start(app, consumer.stop_flag), propagation_loop.start(app, consumer.stop_flag)
    consumer.run()
    consumer.stop_flag.set()
    propagation.join()
    heartbeat.join(timeout=5)
    # Counts of steps that finished after the stop was requested.
    heartbeats.write_counts(app)


def do_run(settings: Settings, run_id: str, lease_id: str, worker: Connection) -> None:
    """Do a run as its process."""
    setproctitle(f"datasync run {run_id}")
    app = create_app(settings, pages=False)
    process.work(app, run_id, lease_id, worker)
    with app.app_context():
        db.engine.dispose()
    app.extensions["queue"].close()
