"""A worker's heartbeat, which shows pages, metrics and /readyz whether a worker is alive."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import String, delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from datasync_flask import counters
from datasync_flask.clock import UtcDateTime, utcnow
from datasync_flask.extensions import Model, db
from datasync_flask.transactions import in_transaction

HEARTBEAT_SECONDS = 10.0
# A worker without a heartbeat for longer doesn't count as alive.
SEEN_LATELY = timedelta(seconds=35)
FORGOTTEN_AFTER = timedelta(days=1)


class WorkerHeartbeat(Model):
    """One worker process, with a heartbeat every few seconds."""

    __tablename__ = "worker_beats"

    id: Mapped[str] = mapped_column(String(120), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)

    @property
    def place(self) -> str:
        """Its machine and process id."""
        host, _, rest = self.id.partition(":")
        return f"{host}, {rest.partition(':')[0]}"


def start(app: Flask, stopping: threading.Event) -> threading.Thread:
    """Start a thread that sends this worker's heartbeat until `stopping` is set."""
    thread = threading.Thread(target=_send_heartbeats, args=(app, stopping), daemon=True, name="heartbeat")
    thread.start()
    return thread


def _send_heartbeats(app: Flask, stopping: threading.Event) -> None:
    name, started_at = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}", utcnow()

    def send() -> None:
        now = utcnow()
        db.session.execute(delete(WorkerHeartbeat).where(WorkerHeartbeat.seen_at < now - FORGOTTEN_AFTER))
        db.session.merge(WorkerHeartbeat(id=name, started_at=started_at, seen_at=now))

    is_over = False
    while not is_over:
        _write(app, "say that it is alive", lambda: in_transaction(send))
        write_counts(app)
        is_over = stopping.wait(HEARTBEAT_SECONDS)
    gone = delete(WorkerHeartbeat).where(WorkerHeartbeat.id == name)
    _write(app, "say that it stops", lambda: in_transaction(lambda: db.session.execute(gone)))


def write_counts(app: Flask) -> None:
    """Store this worker's counts in memory; what can't be stored waits for the next heartbeat."""
    _write(app, "write down its counts", lambda: counters.unwritten().write_down())


def _write(app: Flask, what: str, write: Callable[[], Any]) -> None:
    with app.app_context():
        try:
            write()
        except SQLAlchemyError as error:
            app.logger.warning("the worker couldn't %s: %s", what, type(error).__name__)


def seen_today() -> list[WorkerHeartbeat]:
    """The workers that were seen in the last day and didn't stop regularly, the latest first."""
    return list(db.session.scalars(select(WorkerHeartbeat).order_by(WorkerHeartbeat.seen_at.desc())))


def alive() -> list[str]:
    """The names of the workers that were seen recently."""
    recent = WorkerHeartbeat.seen_at >= utcnow() - SEEN_LATELY
    return list(db.session.scalars(select(WorkerHeartbeat.id).where(recent).order_by(WorkerHeartbeat.id)))
