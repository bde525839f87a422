"""A worker's heartbeat: pages, metrics and /readyz know by it whether anybody does the background work."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from datetime import timedelta

from flask import Flask
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from datasync_flask import counters
from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.operations.models import WorkerBeat
from datasync_flask.salesforce_connections import store

BEAT_SECONDS = 10.0
# A worker that was silent for longer isn't counted as there.
SEEN_LATELY = timedelta(seconds=35)
FORGOTTEN_AFTER = timedelta(days=1)


def start(app: Flask, stopping: threading.Event) -> threading.Thread:
    """Have a thread say that this worker is alive, until `stopping` is set."""
    thread = threading.Thread(target=_beat, args=(app, stopping), daemon=True, name="beat")
    thread.start()
    return thread


def _beat(app: Flask, stopping: threading.Event) -> None:
    name, started_at = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}", utcnow()

    def say() -> None:
        now = utcnow()
        db.session.execute(delete(WorkerBeat).where(WorkerBeat.seen_at < now - FORGOTTEN_AFTER))
        db.session.merge(WorkerBeat(id=name, started_at=started_at, seen_at=now))

    is_over = False
    while not is_over:
        with app.app_context():
            try:
                store.in_transaction(say)
            except SQLAlchemyError as error:
                app.logger.warning("the worker couldn't say that it is alive: %s", type(error).__name__)
        write_counts(app)
        is_over = stopping.wait(BEAT_SECONDS)
    with app.app_context():
        try:
            store.in_transaction(lambda: db.session.execute(delete(WorkerBeat).where(WorkerBeat.id == name)))
        except SQLAlchemyError:
            app.logger.warning("the worker couldn't say that it stops")


def write_counts(app: Flask) -> None:
    """Write down what this worker counted in memory; what can't be written waits for the next beat."""
    with app.app_context():
        try:
            counters.kept().write_down()
        except SQLAlchemyError as error:
            app.logger.warning("the worker couldn't write down its counts: %s", type(error).__name__)


def alive() -> list[str]:
    """Return the names of the workers that were seen lately."""
    since = utcnow() - SEEN_LATELY
    return list(db.session.scalars(select(WorkerBeat.id).where(WorkerBeat.seen_at >= since).order_by(WorkerBeat.id)))
