"""Does runs in separate processes: they free their memory, can be killed, and end with the worker.

multiprocessing's fork server has loaded what a run needs (preloaded.py) and is forked for each run. It starts with the
first run and ends with the worker. Worker and run share one pipe: the run reports progress through it. A message from
the worker, or the worker's end, tells the run to stop.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType

from flask import Flask, current_app
from structlog.contextvars import bind_contextvars

from datasync_flask.config import Settings
from datasync_flask.extractions.runs import lease, states

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
END_SECONDS = 5.0
RUN_ENVIRONMENT = {
    # Threads leave gaps in the memory of other allocators: a third more at their peak, or a fifth slower if trimmed.
    "ARROW_DEFAULT_MEMORY_POOL": "jemalloc",
    "MALLOC_ARENA_MAX": "2",
    # A process with threads must not be forked.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "OPENBLAS_NUM_THREADS": "1",
}

forks = multiprocessing.get_context("forkserver")
Target = Callable[[Settings, str, str, Connection], None]


class RunProcesses:
    """The processes that do runs for one worker; each calls `target`."""

    def __init__(self, settings: Settings, target: Target, stopping: threading.Event) -> None:
        self._settings, self._target, self.stopping = settings, target, stopping
        self._slots = threading.BoundedSemaphore(settings.run_processes)
        for name, value in RUN_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        forks.set_forkserver_preload(["datasync_flask.extractions.runs.preloaded", target.__module__])

    def do(self, run_id: str) -> bool:
        """Do a run in a process, and return when the process has ended, or was ended for making no progress.

        Return False when all slots are busy: the run stays queued until one is free, or another worker takes it.
        """
        if not self._slots.acquire(blocking=False):
            return False
        try:
            with current_app.app_context():
                lease_id = states.claim(run_id)
            if lease_id:
                self._do(run_id, lease_id)
        finally:
            self._slots.release()
        return True

    def _do(self, run_id: str, lease_id: str) -> None:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        ours, theirs = forks.Pipe()
        process = forks.Process(target=self._target, args=(self._settings, run_id, lease_id, theirs))
        with ours, contextlib.ExitStack() as until_it_reports:
            # On a busy machine a process may take longer to start than a lease lasts.
            until_it_reports.enter_context(lease.heartbeat(app, run_id, lease_id, _nothing, _nothing))
            try:
                with theirs:
                    process.start()
            except (OSError, EOFError):
                # Without a heartbeat the sweep starts it again, a few times.
                log.exception("no process could be started for run %s", run_id)
                return
            if not wait_for_end(process, ours, self._settings.stalled_after, self.stopping, until_it_reports.close):
                process.kill()
                process.join(END_SECONDS)
                with app.app_context():
                    states.stalled(run_id, lease_id)


def _nothing() -> None:
    """Do nothing: the run's own process reports progress, and stops when its lease is lost."""


def wait_for_end(
    process: BaseProcess,
    run: Connection,
    stalled_after: float,
    stopping: threading.Event,
    has_reported: Callable[[], object] = _nothing,
) -> bool:
    """Return True when the process has ended, False when it made no progress for `stalled_after` seconds.

    `has_reported` is called at each report of progress.
    """
    is_told, moved_at = False, time.monotonic()
    while not wait([process.sentinel], POLL_SECONDS):
        now = time.monotonic()
        # The pipe also closes when the process ends; the next turn notices that.
        with contextlib.suppress(OSError, EOFError):
            while run.poll():
                run.recv_bytes()
                has_reported()
                moved_at = now
            if stopping.is_set() and not is_told:
                run.send_bytes(b"stop")
                is_told = True
        if now - moved_at > stalled_after:
            return False
    return True


def work(app: Flask, run_id: str, lease_id: str, worker: Connection) -> None:
    """Do a run in this process until it is over, a signal arrives, or the worker says so or is gone."""
    # Imported here: it loads dlt and pyarrow, which the worker itself never needs.
    from datasync_flask.extractions.runs.runner import Runner

    bind_contextvars(request_id=f"run-{run_id}")

    def say_progress() -> None:
        with contextlib.suppress(OSError):
            worker.send_bytes(b".")

    runner = Runner(app, run_id, lease_id, say_progress)

    signalled, signals = os.pipe()

    def pass_on(_number: int, _frame: FrameType | None) -> None:
        # Another thread stops the run: here its lock may be held by the code that the signal interrupts.
        os.write(signals, b".")

    def stop_when_told() -> None:
        wait([worker, signalled])
        runner.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    threading.Thread(target=stop_when_told, daemon=True, name="stop_when_told").start()
    # From here on this process renews the lease itself.
    say_progress()
    runner.run()
