"""Has runs done by processes of their own; one that is told to stop puts its run back into the queue."""

from __future__ import annotations

import contextlib
import importlib
import logging
import signal
import socket
import threading
import time
from types import FrameType

from flask import Flask
from structlog.contextvars import bind_contextvars

from datasync_flask.extractions.runs import states
from datasync_flask.extractions.runs.fork_server import Forked, ForkServer, NotForked, has_ended, heard

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
# What runs import only when they come to it.
NEEDED_BY_RUNS = (
    "datasync_flask.extractions.runs.runner",
    "datasync_flask.destinations.dlt_postgres",
    "dlt.common.libs.pyarrow",
    "dlt.destinations.impl.duckdb.duck",
    "duckdb",
    "psycopg",
    "pyarrow.dataset",
    "pymysql",
)


def do_run(app: Flask, server: ForkServer, run_id: str, stopping: threading.Event) -> None:
    """Claim a run, have it done by a process, and return when that has ended, or was ended for making no progress."""
    with app.app_context():
        holder = states.claim(run_id)
    if not holder:
        return
    try:
        with server.forked(run_id, holder) as process:
            if not _watch(process, app.config["SETTINGS"].stalled_after, stopping):
                process.kill()
                with app.app_context():
                    states.stalled(run_id, holder)
    except NotForked:
        # Claimed by nobody who says that it's alive: the sweep takes it up again, a few times.
        log.error("no process could be started for run %s", run_id)


def _watch(process: Forked, stalled_after: float, stopping: threading.Event) -> bool:
    """Return True when the process has ended, False when it made no progress for `stalled_after` seconds."""
    is_told, moved_at = False, time.monotonic()
    while (sign := heard(process, LOOK_SECONDS)) != b"":
        now = time.monotonic()
        moved_at = now if sign else moved_at
        if now - moved_at > stalled_after:
            return False
        if stopping.is_set() and not is_told:
            with contextlib.suppress(OSError):
                process.shutdown(socket.SHUT_WR)
            is_told = True
    return True


def load_what_runs_need() -> None:
    """Import what a run imports, before a process is forked for it."""
    from sqlalchemy.orm import configure_mappers

    from datasync_flask.destinations import dlt_loading
    from datasync_flask.salesforce.transport import BoundedClient

    for name in NEEDED_BY_RUNS:
        importlib.import_module(name)
    dlt_loading.load_library()
    # Else the first query does it, in each process again.
    configure_mappers()
    # The first client is what loads the certificates that are trusted.
    BoundedClient().close()


def work(app: Flask, run_id: str, holder: str, worker: socket.socket) -> None:
    """Be the process of a run, until that is over, a signal comes, or the worker closes its end of the socket."""
    # Imported here: the worker itself never needs what a run needs, and stays small.
    from datasync_flask.extractions.runs.runner import Runner

    bind_contextvars(request_id=f"run-{run_id}")

    def say_progress() -> None:
        with contextlib.suppress(OSError):
            worker.send(b".", socket.MSG_DONTWAIT)

    runner = Runner(app, run_id, holder, say_progress)

    def stop(_number: int, _frame: FrameType | None) -> None:
        runner.stop()

    def stop_with_worker() -> None:
        has_ended(worker, None)
        runner.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    threading.Thread(target=stop_with_worker, daemon=True, name="stop_with_worker").start()
    runner.run()
