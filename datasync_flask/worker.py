"""The background work: Huey tasks, thin, that call the parts; and the queue they come through."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from flask import Flask, current_app

from datasync_flask.clock import utcnow
from datasync_flask.config import Settings
from datasync_flask.extractions.runs import fork_server
from datasync_flask.request_ids import marked

if TYPE_CHECKING:
    from huey import Huey
    from huey.api import TaskWrapper

log = logging.getLogger(__name__)

# Huey moves scheduled tasks to the queue once a second: half of that early is, on average, in time. Short waits are
# shortened by a tenth only.
SCHEDULER_LAG = timedelta(seconds=0.5)
LATE_SWEEP_SECONDS = 22
# Steps due later than this are left to the sweep of the minute they fall into.
AHEAD = timedelta(minutes=2)


class Queue:
    """The app's Huey with its tasks, made when something is put into it: most runs and commands never do that."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._slots = threading.BoundedSemaphore(app.config["SETTINGS"].run_processes)
        self._fork_server = fork_server.for_runs()
        self.stopping = threading.Event()

    @cached_property
    def _made(self) -> tuple[Huey, dict[str, TaskWrapper]]:
        from huey import crontab

        huey = _make_huey(self._app.config["SETTINGS"])
        huey.periodic_task(crontab(minute="*"), name="sweep")(lambda: self._run_sweep())
        huey.on_startup(name="sweep_at_start")(self._run_sweep_at_start)
        functions = {
            "work_on": self._run_work_on,
            "revoke": self._run_revoke,
            "late_sweep": lambda: self._run_sweep(),
            "mail": self._run_mail,
            "tell": self._run_tell,
            "run_extraction": self._do_run,
        }
        return huey, {name: huey.task(name=name)(function) for name, function in functions.items()}

    @property
    def huey(self) -> Huey:
        """Huey on the storage of the settings, with all tasks."""
        return self._made[0]

    @property
    def _tasks(self) -> dict[str, TaskWrapper]:
        return self._made[1]

    def wake(self, connection_id: str, at: datetime | None = None) -> None:
        """Have the worker do what is due for a connection, now or at a time.

        Never raises for a queue that is away: the row in the database says what is due, and the sweep finds it.
        """
        now = utcnow()
        if at is None or at <= now:
            self._put(lambda: self._tasks["work_on"](connection_id))
        else:
            eta = at - min(SCHEDULER_LAG, (at - now) / 10)
            # Straight to the schedule: through the queue it would take a worker's turn to get there.
            self._put(lambda: self.huey.add_schedule(self._tasks["work_on"].s(connection_id, eta=eta)))

    def run_soon(self, run_id: str) -> None:
        """Have the worker take a run."""
        self._put(lambda: self._tasks["run_extraction"](run_id))

    def mail_soon(self, address: str, subject: str, text: str) -> None:
        """Have the worker send an e-mail; what stands in the queue of it is encrypted."""
        sealed = self._app.extensions["secret_box"].seal(text)
        self._put(lambda: self._tasks["mail"](address, subject, sealed))

    def tell_soon(self) -> None:
        """Have the worker send the notices that are due."""
        self._put(lambda: self._tasks["tell"]())

    def revoke_soon(self) -> None:
        """Have the worker revoke what was given back."""
        self._put(lambda: self._tasks["revoke"]())

    def open(self) -> None:
        """Make the storage's tables where it has some; raises its driver's error when it can't be reached."""
        _ = self.huey

    def depth(self) -> int:
        """Return how many tasks wait to be done now."""
        return int(self.huey.pending_count())

    def close(self) -> None:
        """Close this thread's connection to the storage."""
        if "_made" in self.__dict__:
            self.huey.storage.close()

    def end_runs(self) -> None:
        """End the process that runs were forked from, if there is one."""
        self._fork_server.close()

    def _put(self, put: Callable[[], Any]) -> None:
        try:
            put()
        except Exception as error:  # the storage drivers' errors have no common base
            log.warning("the queue is away, the next sweep takes over: %s", type(error).__name__)

    def _run_work_on(self, connection_id: str) -> None:
        # Imported here, as everywhere in this file: the web process queues tasks and never runs them.
        from datasync_flask.salesforce_connections.due_work import work_on

        with self._app.app_context(), marked(connection_id):
            next_at = work_on(connection_id)
        if next_at is not None and next_at <= utcnow() + AHEAD:
            self.wake(connection_id, next_at)

    def _run_revoke(self) -> None:
        from datasync_flask.salesforce_connections.token_grants import revoke_due

        with self._app.app_context(), marked("revoke"):
            revoke_due()

    def _run_mail(self, address: str, subject: str, sealed: str) -> None:
        from datasync_flask.notices import sending

        with self._app.app_context():
            try:
                sending.mail(address, subject, self._app.extensions["secret_box"].open(sealed))
            except sending.NotSent as failure:
                log.warning("an e-mail to %s wasn't sent: %s", address, failure)

    def _run_tell(self) -> None:
        from datasync_flask.notices import sending

        with self._app.app_context(), marked("notices"):
            sending.send_due()

    def _do_run(self, run_id: str) -> None:
        """Have a process of its own do the run, and wait for it; its memory comes back, and it can be killed."""
        from datasync_flask.extractions.runs import lease, process

        if not self._slots.acquire(blocking=False):
            # Both hands full: the run stays queued until one of them is free, or another worker takes it.
            return
        try:
            process.do_run(self._app, self._fork_server, run_id, self.stopping)
        finally:
            self._slots.release()
        if not self.stopping.is_set():
            with self._app.app_context():
                for waiting in lease.due(utcnow()):
                    self.run_soon(waiting)

    def _run_sweep_at_start(self) -> None:
        """Take up everything that a worker killed before may have left."""
        self._run_sweep(AHEAD)
        # A run whose process was killed with the worker counts as alive for some seconds more.
        self._put(lambda: self._tasks["late_sweep"].schedule(delay=LATE_SWEEP_SECONDS))

    def _run_sweep(self, ahead: timedelta = timedelta(0)) -> None:
        from datasync_flask.accounts import guessing
        from datasync_flask.extractions import schedule
        from datasync_flask.extractions.runs import abandoned_jobs, lease, states
        from datasync_flask.notices import sending, warnings
        from datasync_flask.salesforce_connections.due_work import due_connections
        from datasync_flask.salesforce_connections.orgs import expire_questions
        from datasync_flask.salesforce_connections.token_grants import revoke_due

        with self._app.app_context():
            guessing.forget_old()
            for connection_id, due_at in due_connections(utcnow() + ahead):
                self.wake(connection_id, due_at)
            expire_questions()
            revoke_due()
            schedule.start_due(utcnow())
            states.wake_waiting()
            states.clear_folders()
            abandoned_jobs.abort_all()
            for run_id in lease.due(utcnow()):
                self.run_soon(run_id)
            warnings.look()
            sending.send_due()


class _QueueFile(sqlite3.Connection):
    """Keeps what was committed when a process ends, but doesn't wait for the disk.

    What a power failure takes away is still due by the database, and the sweep finds it; only an e-mail of the last
    seconds has to be asked for again.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.execute("PRAGMA synchronous=NORMAL")


def _make_huey(settings: Settings) -> Huey:
    """Return Huey on the storage that DATASYNC_QUEUE_URL names."""
    from huey import Huey
    from huey.serializer import SignedSerializer
    from huey.storage import PostgresStorage, RedisStorage, SqliteStorage

    url = settings.effective_queue_url
    parts = urlsplit(url)
    options: dict[str, Any]
    if parts.scheme == "sqlite":
        filename = unquote(url.removeprefix("sqlite:///"))
        options = {"storage_class": SqliteStorage, "filename": filename, "timeout": 15, "factory": _QueueFile}
    elif parts.scheme == "postgresql":
        options = {"storage_class": PostgresStorage, "dsn": url}
    else:
        options = {"storage_class": RedisStorage, "url": url}
    # Signed: what somebody else put into the storage is never unpickled.
    serializer = SignedSerializer(secret=settings.secret_key, salt="datasync queue")
    return Huey("datasync", results=False, serializer=serializer, **options)


def queue() -> Queue:
    """Return the queue of the current app."""
    found: Queue = current_app.extensions["queue"]
    return found


def run_worker(app: Flask) -> None:
    """Run the consumer until SIGINT or SIGTERM, which let a running step come to its end."""
    settings: Settings = app.config["SETTINGS"]
    from datasync_flask import heartbeats
    from datasync_flask.salesforce_connections import propagation_loop

    found: Queue = app.extensions["queue"]
    consumer = found.huey.create_consumer(
        # A run's thread only waits for its process.
        workers=settings.worker_threads + settings.run_processes,
        # An idle storage that can't block is asked three times a second: the wait for a look stays short.
        initial_delay=0.05,
        max_delay=0.3,
        backoff=1.3,
        scheduler_interval=1,
        graceful_signal="TERM",
    )
    found.stopping = consumer.stop_flag
    beating, watching = heartbeats.start(app, consumer.stop_flag), propagation_loop.start(app, consumer.stop_flag)
    consumer.run()
    consumer.stop_flag.set()
    found.end_runs()
    watching.join()
    beating.join(timeout=5)
    # Of the steps that came to their end after the stop was asked for.
    heartbeats.write_counts(app)
