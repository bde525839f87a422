"""Runs web, worker and practice org as one program: starts, restarts and stops them together.

Children are forks: their modules are loaded once before, and share memory (like gunicorn's preloading).
"""

from __future__ import annotations

import contextlib
import gc
import io
import multiprocessing
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import FrameType

from setproctitle import setproctitle

STOP_SECONDS = 15.0
CHECK_SECONDS = 0.2
# A child that ran this long was healthy, so it starts again at once.
HEALTHY_SECONDS = 60.0
MAX_PAUSE = 30.0


@dataclass
class Child:
    """One program under the supervisor."""

    name: str
    arguments: Sequence[str]
    process: BaseProcess | None = None
    started: float = 0.0
    pause: float = 1.0
    restart_at: float = 0.0


@dataclass
class Supervisor:
    """Keeps its children running until SIGINT or SIGTERM, then stops them."""

    children: list[Child]
    # A plain flag: an Event's lock may be held by the very code that a signal interrupts.
    _is_stopping: bool = False

    def run(self) -> None:
        """Start everything, and return when everything has stopped."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        for child in self.children:
            self._start(child)
        while not self._is_stopping:
            for child in self.children:
                self._restart_if_ended(child)
            time.sleep(CHECK_SECONDS)
        self._stop_children()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._is_stopping = True

    def _start(self, child: Child) -> None:
        child.process = start_fork(child.arguments)
        child.started = time.monotonic()

    def _restart_if_ended(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.restart_at:
                self._start(child)
            return
        status = child.process.exitcode
        if status is None:
            return
        child.pause = 1.0 if now - child.started > HEALTHY_SECONDS else min(child.pause * 2, MAX_PAUSE)
        child.process, child.restart_at = None, now + child.pause
        print(f"{child.name} ended with status {status}; it starts again in {child.pause:.0f} s", file=sys.stderr)

    def _stop_children(self) -> None:
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            process.join(max(deadline - time.monotonic(), 0.1))
            if process.is_alive():
                process.kill()
                process.join()


def start_fork(arguments: Sequence[str], output: Connection | None = None) -> BaseProcess:
    """Run a ``datasync`` command in a fork of this process; its output goes to `output` if given."""
    signals = {signal.SIGINT, signal.SIGTERM}
    process = multiprocessing.get_context("fork").Process(target=_be_child, args=(arguments, output))
    # Loaded modules share memory, so the collector mustn't write to them.
    gc.freeze()
    # A signal that arrives before the child has its own handlers waits until then.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    return process


def _be_child(arguments: Sequence[str], output: Connection | None) -> None:
    from datasync_flask.cli import main

    setproctitle(f"datasync {arguments[0]}")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    if output is None:
        main(arguments)
        return
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            main(arguments)
        finally:
            output.send(printed.getvalue())
