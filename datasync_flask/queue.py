"""The queue, into which everybody puts work: names and arguments of tasks for a worker.

The database says what is due; the queue only makes it happen soon, and may lose everything without harm. Only workers
know the function behind a name (worker.py).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import Flask, current_app
from huey import Huey
from huey.api import Task
from huey.exceptions import HueyException
from huey.serializer import SignedSerializer
from huey.storage import PostgresStorage, RedisStorage, SqliteStorage

from datasync_flask.clock import utcnow
from datasync_flask.config import Settings
from datasync_flask.request_ids import marked

log = logging.getLogger(__name__)

# Huey moves scheduled tasks to the queue once a second, so half a second early is on average on time. Short waits are
# shortened only by a tenth.
SCHEDULER_LAG = timedelta(seconds=0.5)


class Queue:
    """The app's Huey with its one task, created at first use, because most runs and commands never use it."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        # Only workers fill this; others only put work in.
        self.handlers: Mapping[str, Callable[..., Any]] = {}

    @cached_property
    def huey(self) -> Huey:
        """Huey on the storage of the settings."""
        huey = _make_huey(self._app.config["SETTINGS"])
        huey.do = huey.task(name="do")(self._do)
        return huey

    def wake(self, connection_id: str, at: datetime | None = None) -> None:
        """Have the worker do what is due for a connection, now or at a time."""
        now = utcnow()
        if at is None or at <= now:
            self.put("process_connection", connection_id)
        else:
            self._put("process_connection", connection_id, eta=at - min(SCHEDULER_LAG, (at - now) / 10))

    def run_soon(self, run_id: str) -> None:
        """Have the worker do a run."""
        self.put("run_extraction", run_id)

    def mail_soon(self, address: str, subject: str, text: str) -> None:
        """Have the worker send an email; its text is encrypted in the queue."""
        self.put("mail", address, subject, self._app.extensions["secret_box"].seal(text))

    def deliver_soon(self) -> None:
        """Have the worker send due notifications."""
        self.put("tell")

    def revoke_soon(self) -> None:
        """Have the worker revoke unwanted tokens."""
        self.put("revoke")

    def put(self, name: str, *arguments: str, delay: float | None = None) -> None:
        """Have the worker do the task `name`, in `delay` seconds if given."""
        self._put(name, *arguments, eta=None if delay is None else utcnow() + timedelta(seconds=delay))

    def open(self) -> None:
        """Create the storage's tables if it has some. Raises its driver's error when it can't be reached."""
        _ = self.huey

    def depth(self) -> int:
        """How many tasks are waiting to be done now."""
        return int(self.huey.pending_count())

    def close(self) -> None:
        """Close this thread's connection to the storage."""
        if "huey" in self.__dict__:
            self.huey.storage.close()

    def _put(self, *arguments: str, eta: datetime | None) -> None:
        """Put a task in; if the queue is away, don't raise, because the sweep finds what is due."""
        try:
            task = self.huey.do.s(*arguments, eta=eta)
            # Directly into the schedule: through the queue, a worker would first have to move it there.
            (self.huey.enqueue if eta is None else self.huey.add_schedule)(task)
        except Exception as error:  # the storage drivers' errors have no common base
            log.warning("the queue is away, the next sweep takes over: %s", type(error).__name__)

    def _do(self, name: str, *arguments: str) -> None:
        handler = self.handlers.get(name)
        if handler is None:
            # From another version, during a rolling upgrade: the sweep finds what is due.
            log.info("there is no task %s", name)
            return
        with self._app.app_context(), marked(name):
            handler(*arguments)


class _Huey(Huey):  # type: ignore[misc]  # Huey has no types
    """Turns a task that another version queued under its own name into ``do`` with that name, which may be known."""

    def deserialize_task(self, data: bytes) -> Task:
        """The task that was put in."""
        try:
            return super().deserialize_task(data)
        except HueyException:
            message = self.serializer.deserialize(data)
            return self.do.s(message.name.rpartition(".")[2], *message.args)


class _QueueFile(sqlite3.Connection):
    """Keeps committed data when a process ends, but doesn't wait for the disk.

    After a power failure, lost tasks are still due in the database, and the sweep finds them; only an email of the
    last seconds has to be requested again.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.execute("PRAGMA synchronous=NORMAL")


def _make_huey(settings: Settings) -> Huey:
    """Huey on the storage of DATASYNC_QUEUE_URL."""
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
    # Signed, so that data from anybody else is never unpickled.
    serializer = SignedSerializer(secret=settings.secret_key, salt="datasync queue")
    return _Huey("datasync", results=False, serializer=serializer, **options)


def init_app(app: Flask) -> None:
    """Add the queue to `app`."""
    app.extensions["queue"] = Queue(app)


def queue() -> Queue:
    """The queue of the current app."""
    found: Queue = current_app.extensions["queue"]
    return found
