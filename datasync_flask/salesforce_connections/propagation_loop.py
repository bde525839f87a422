"""The worker's thread that probes for all connections waiting for propagation, several at once.

It leases, reads and writes for all probes of a turn together. Only the requests run side by side, because Salesforce
takes its time to answer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial
from typing import TypeVar

from flask import Flask
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.request_ids import marked
from datasync_flask.salesforce.errors import Problem
from datasync_flask.salesforce.probe import Observation
from datasync_flask.salesforce_connections import due_work, propagation, store
from datasync_flask.security.crypto import SecretUnreadable

T = TypeVar("T")

log = logging.getLogger(__name__)

TURN_SECONDS = 0.5
AFTER_FAULT_SECONDS = 5.0
# A probe is up to half a turn early or late, and on average on time.
EARLY = timedelta(seconds=TURN_SECONDS / 2)
# Enough for 200 connections if Salesforce takes a second to answer.
PROBES_AT_ONCE = 32


class ProbeLoop:
    """Sends probes in the threads of a pool; everything else happens in one thread, with an app context."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._sent: dict[Future[Observation], propagation.PreparedProbe] = {}

    def begin(self) -> bool:
        """Lease and send the probes that are due; return whether more may be due than there are free threads."""
        free = PROBES_AT_ONCE - len(self._sent)
        if not free:
            return True
        now = utcnow()
        due = store.due_probes(now + EARLY, free)
        claimed = store.claim_all(due, now + EARLY, now + due_work.LEASE)
        if claimed:
            self._begin(claimed)
        return len(due) == free

    def _begin(self, claimed: list[str]) -> None:
        unreadable = []
        for connection in store.load_all(claimed):
            try:
                prepared = propagation.prepare(connection)
            except SecretUnreadable:
                unreadable.append(connection.id)
            else:
                self._sent[self._pool.submit(_send, prepared)] = prepared
        db.session.commit()
        for connection_id in unreadable:
            due_work.give_up_secrets(connection_id)

    def record(self, seconds: float | None) -> None:
        """Wait a few seconds for answers, and record those that arrived."""
        done = [(self._sent.pop(future), future) for future in wait(self._sent, seconds).done]
        results = [(prepared, future.result()) for prepared, future in done]
        if results:
            propagation.count_requests(results)
            self._record(results)

    def _record(self, results: list[propagation.Result]) -> None:
        try:
            propagation.record(results)
        except OperationalError:
            # The database is away: when the leases expire, the same connections are probed again.
            raise
        except Exception:
            if len(results) == 1:
                log.exception("the result of a probe for %s couldn't be recorded", results[0][0].connection_id)
                return
            # Record the others without the one that fails.
            for each in results:
                self._record([each])


def _send(prepared: propagation.PreparedProbe) -> Observation:
    try:
        with marked(prepared.connection_id):
            return prepared.send()
    except Exception as error:
        log.exception("a probe for %s failed", prepared.connection_id)
        return Observation(Problem.UNEXPECTED, type(error).__name__, 0)


def _guarded(step: Callable[[], T]) -> T | None:
    try:
        return step()
    except SQLAlchemyError as error:
        db.session.rollback()
        log.warning("propagation: the database is away: %s", type(error).__name__)
    except Exception:
        log.exception("propagation: a turn failed")
    return None


def start(app: Flask, stopping: threading.Event) -> threading.Thread:
    """Start a thread that probes until `stopping` is set; it still records answers that arrive later."""
    thread = threading.Thread(target=_run, args=(app, stopping), daemon=True, name="propagation")
    thread.start()
    return thread


def _run(app: Flask, stopping: threading.Event) -> None:
    with ThreadPoolExecutor(PROBES_AT_ONCE, thread_name_prefix="probe") as pool:
        loop = ProbeLoop(pool)
        while not stopping.is_set():
            until = time.monotonic() + TURN_SECONDS
            with app.app_context():
                is_full = _guarded(loop.begin)
                _guarded(partial(loop.record, max(until - time.monotonic(), 0)))
            if is_full is None:
                stopping.wait(AFTER_FAULT_SECONDS)
            elif not is_full:
                stopping.wait(until - time.monotonic())
        with app.app_context():
            _guarded(partial(loop.record, None))
