"""The worker's thread that looks at all connections that wait for propagation, several at once.

Claims, reads and writes are made for all looks of a turn together; only the requests are made side by side, since
Salesforce takes its time to answer.
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
# A look comes up to half a turn early or late: on average, in time.
EARLY = timedelta(seconds=TURN_SECONDS / 2)
# Enough for 200 connections when Salesforce takes a second for an answer.
LOOKS_AT_ONCE = 32


class Watcher:
    """Makes looks in the threads of a pool; everything else of it belongs to one thread, with an app context."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._made: dict[Future[Observation], propagation.Look] = {}

    def begin(self) -> bool:
        """Claim the looks that are due and begin them; return whether more may be due than there are free threads."""
        free = LOOKS_AT_ONCE - len(self._made)
        if not free:
            return True
        now = utcnow()
        due = store.due_looks(now + EARLY, free)
        claimed = store.claim_all(due, now + EARLY, now + due_work.LEASE)
        if claimed:
            self._begin(claimed)
        return len(due) == free

    def _begin(self, claimed: list[str]) -> None:
        unreadable = []
        for connection in store.load_all(claimed):
            try:
                look = propagation.prepare(connection)
            except SecretUnreadable:
                unreadable.append(connection.id)
            else:
                self._made[self._pool.submit(_see, look)] = look
        db.session.commit()
        for connection_id in unreadable:
            due_work.give_up_secrets(connection_id)

    def record(self, seconds: float | None) -> None:
        """Wait until all looks are made, at most some seconds, and record what those that are made have seen."""
        done = [(self._made.pop(future), future) for future in wait(self._made, seconds).done]
        seen = [(look, future.result()) for look, future in done]
        if seen:
            propagation.count(seen)
            self._record(seen)

    def _record(self, seen: list[tuple[propagation.Look, Observation]]) -> None:
        try:
            propagation.record(seen)
        except OperationalError:
            # The database is away: when the claims have run out, the same is looked at again.
            raise
        except Exception:
            if len(seen) == 1:
                log.exception("what a look at %s saw couldn't be recorded", seen[0][0].connection_id)
                return
            # One that can't be recorded doesn't keep the others from it.
            for each in seen:
                self._record([each])


def _see(look: propagation.Look) -> Observation:
    try:
        with marked(look.connection_id):
            return look.see()
    except Exception as error:
        log.exception("a look at %s failed", look.connection_id)
        return Observation(Problem.UNEXPECTED, type(error).__name__, 0)


def _guarded(step: Callable[[], T]) -> T | None:
    try:
        return step()
    except SQLAlchemyError as error:
        db.session.rollback()
        log.warning("watching: the database is away: %s", type(error).__name__)
    except Exception:
        log.exception("watching: a turn failed")
    return None


def start(app: Flask, stopping: threading.Event) -> threading.Thread:
    """Have a thread watch until `stopping` is set; what is being looked at then is still recorded."""
    thread = threading.Thread(target=_watch, args=(app, stopping), daemon=True, name="watcher")
    thread.start()
    return thread


def _watch(app: Flask, stopping: threading.Event) -> None:
    with ThreadPoolExecutor(LOOKS_AT_ONCE, thread_name_prefix="look") as pool:
        watcher = Watcher(pool)
        while not stopping.is_set():
            until = time.monotonic() + TURN_SECONDS
            with app.app_context():
                is_full = _guarded(watcher.begin)
                _guarded(partial(watcher.record, max(until - time.monotonic(), 0)))
            if is_full is None:
                stopping.wait(AFTER_FAULT_SECONDS)
            elif not is_full:
                stopping.wait(until - time.monotonic())
        with app.app_context():
            _guarded(partial(watcher.record, None))
