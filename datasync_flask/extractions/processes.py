"""Starts a run's process and waits for it; a process that is told to stop puts its run back into the queue."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from types import FrameType

from flask import Flask
from structlog.contextvars import bind_contextvars

from datasync_flask.extractions import runs
from datasync_flask.parent import PARENT_VARIABLE, stop_with_parent

LOOK_SECONDS = 0.2
# Read by the C library and by Arrow when the process starts: a quarter less memory at its peak, at the same speed.
MEMORY_SETTINGS = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"}


def do_run(app: Flask, run_id: str, stopping: threading.Event) -> None:
    """Claim a run, have it done by a process, and return when that has ended or was told to stop."""
    with app.app_context():
        holder = runs.claim(run_id)
    if not holder:
        return
    process = subprocess.Popen(
        [sys.executable, "-m", "datasync_flask.cli", "extraction", "work", run_id, holder],
        env=MEMORY_SETTINGS | os.environ | {PARENT_VARIABLE: str(os.getpid())},
    )
    told = False
    while True:
        try:
            process.wait(LOOK_SECONDS)
            return
        except subprocess.TimeoutExpired:
            if stopping.is_set() and not told:
                process.terminate()
                told = True


def work(app: Flask, run_id: str, holder: str) -> None:
    """Be the process of a run."""
    # Imported here: the worker itself never needs what a run needs, and stays small.
    from datasync_flask.extractions.runner import Runner

    stop_with_parent()
    bind_contextvars(request_id=f"run-{run_id}")
    runner = Runner(app, run_id, holder)

    def stop(_number: int, _frame: FrameType | None) -> None:
        runner.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    runner.run()
