"""The queue, as something to put work into: names and arguments of what a worker is to do soon.

The database says what is due; the queue only makes it happen soon, and may lose everything without harm. Which
function a name stands for is known to workers only (worker.py).
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

# Huey moves scheduled tasks to the queue once a second: half of that early is, on average, in time. Short waits are
# shortened by a tenth only.
SCHEDULER_LAG = timedelta(seconds=0.5)


class Queue:
    """The app's Huey with its one task, made when something is put into it: most runs and commands never do that."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        # Filled by a worker; others only put work in.
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
        """Have the worker take a run."""
        self.put("run_extraction", run_id)

    def mail_soon(self, address: str, subject: str, text: str) -> None:
        """Have the worker send an e-mail; what stands in the queue of it is encrypted."""
        self.put("mail", address, subject, self._app.extensions["secret_box"].seal(text))

    def deliver_soon(self) -> None:
        """Have the worker send the notices that are due."""
        self.put("tell")

    def revoke_soon(self) -> None:
        """Have the worker revoke what was given back."""
        self.put("revoke")

    def put(self, name: str, *arguments: str, delay: float | None = None) -> None:
        """Have the worker do what `name` stands for, in `delay` seconds if given."""
        self._put(name, *arguments, eta=None if delay is None else utcnow() + timedelta(seconds=delay))

    def open(self) -> None:
        """Make the storage's tables where it has some; raises its driver's error when it can't be reached."""
        _ = self.huey

    def depth(self) -> int:
        """How many tasks wait to be done now."""
        return int(self.huey.pending_count())

    def close(self) -> None:
        """Close this thread's connection to the storage."""
        if "huey" in self.__dict__:
            self.huey.storage.close()

    def _put(self, *arguments: str, eta: datetime | None) -> None:
        """Never raise for a queue that is away: the sweep finds what is due."""
        try:
            task = self.huey.do.s(*arguments, eta=eta)
            # Straight to the schedule: through the queue it would take a worker's turn to get there.
            (self.huey.enqueue if eta is None else self.huey.add_schedule)(task)
        except Exception as error:  # the storage drivers' errors have no common base
            log.warning("the queue is away, the next sweep takes over: %s", type(error).__name__)

    def _do(self, name: str, *arguments: str) -> None:
        handler = self.handlers.get(name)
        if handler is None:
            # Of another version, in a rolling upgrade: the sweep finds what is due.
            log.info("there is no task %s", name)
            return
        with self._app.app_context(), marked(name):
            handler(*arguments)


class _Huey(Huey):  # type: ignore[misc]  # Huey has no types
    """What another version put in under a name of its own comes as ``do`` of that name, which may know it."""

    def deserialize_task(self, data: bytes) -> Task:
        """The task that was put in."""
        try:
            return super().deserialize_task(data)
        except HueyException:
            message = self.serializer.deserialize(data)
            return self.do.s(message.name.rpartition(".")[2], *message.args)


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
    return _Huey("datasync", results=False, serializer=serializer, **options)


def init_app(app: Flask) -> None:
    """Give `app` its queue."""
    app.extensions["queue"] = Queue(app)


def queue() -> Queue:
    """The queue of the current app."""
    found: Queue = current_app.extensions["queue"]
    return found
