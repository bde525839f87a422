"""A process's lease on a run: it lasts as long as its heartbeat, and only its owner writes the run."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.exc import OperationalError

from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Run, RunState
from datasync_flask.transactions import count_updated

# Without a heartbeat for this long a run counts as dead, and continues elsewhere.
SILENT_FOR = timedelta(seconds=20)
HEARTBEAT_SECONDS = 3.0
# No pause is longer.
LONGEST_PAUSE = timedelta(hours=1)


def _is_free(now: datetime) -> ColumnElement[bool]:
    """The condition that a run is due, or was left by a dead process."""
    return or_(
        Run.state == RunState.QUEUED,
        Run.state.in_((RunState.PAUSED, RunState.WAITING)) & (Run.due_at <= now),
        (Run.state == RunState.RUNNING) & (Run.heartbeat_at < now - SILENT_FOR),
    )


def due(now: datetime) -> list[str]:
    """The ids of runs that some process should take."""
    rows = db.session.scalars(select(Run.id).where(_is_free(now))).all()
    db.session.commit()
    return list(rows)


def is_held(run_id: str) -> bool:
    """True while a process with a current heartbeat does a run."""
    alive = (Run.state == RunState.RUNNING) & (Run.heartbeat_at >= utcnow() - SILENT_FOR)
    found = db.session.scalar(select(Run.id).where(Run.id == run_id, alive))
    db.session.commit()
    return found is not None


def exists(run_id: str) -> bool:
    """True unless the run's extraction was deleted."""
    found = db.session.scalar(select(Run.id).where(Run.id == run_id))
    db.session.commit()
    return found is not None


def take(run_id: str) -> str:
    """Lease a free run and return the lease's id; '' when it isn't free."""
    now, lease_id = utcnow(), secrets.token_hex(8)
    first = db.session.scalar(select(Run.started_at).where(Run.id == run_id))
    db.session.commit()
    statement = update(Run).where(Run.id == run_id, _is_free(now)).values(
        state=RunState.RUNNING, lease_id=lease_id, heartbeat_at=now, due_at=None, tries=Run.tries + 1,
        started_at=first or now, problem="", problem_detail="", version=Run.version + 1,
    )  # fmt: skip
    return lease_id if count_updated(statement) == 1 else ""


def write(run_id: str, mark: str, **values: Any) -> bool:
    """Write values of a run under a lease; False when the lease is lost. Commits."""
    statement = update(Run).where(Run.id == run_id, Run.lease_id == mark, Run.state == RunState.RUNNING)
    return count_updated(statement.values(version=Run.version + 1, **values)) == 1


def renew(run_id: str, lease_id: str) -> bool:
    """Renew a run's heartbeat; False when it was cancelled or taken over."""
    return write(run_id, lease_id, heartbeat_at=utcnow()) and not is_cancelled(run_id)


def is_cancelled(run_id: str) -> bool:
    """True when somebody cancelled the run."""
    return bool(db.session.scalar(select(Run.cancel_asked).where(Run.id == run_id)))


@contextmanager
def heartbeat(
    app: Flask, run_id: str, lease_id: str, each_time: Callable[[], None], stop: Callable[[], None]
) -> Iterator[None]:
    """Renew the lease from a thread while the block runs, calling `each_time` first; call `stop` when it is lost."""
    is_over = threading.Event()
    # Often enough for pages that show progress.
    seconds = min(HEARTBEAT_SECONDS, app.config["SETTINGS"].stalled_after / 4)

    def go_on() -> None:
        while not is_over.wait(seconds):
            each_time()
            with app.app_context():
                try:
                    is_ours = renew(run_id, lease_id)
                except OperationalError:
                    # The heartbeat can't be stored: the run has to end before another process takes it over.
                    is_ours = False
                if not is_ours:
                    stop()
                db.session.remove()

    threading.Thread(target=go_on, daemon=True, name="heartbeat").start()
    try:
        yield
    finally:
        is_over.set()
