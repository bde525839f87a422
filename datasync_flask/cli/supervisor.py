"""Runs web, worker and practice org side by side as one program: started, restarted and stopped together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import FrameType

PARENT_VARIABLE = "DATASYNC_SUPERVISOR_PID"
STOP_SECONDS = 15.0
# A child that ran this long was healthy; what ended it is news, and it starts again at once.
HEALTHY_SECONDS = 60.0
MAX_PAUSE = 30.0


@dataclass
class Child:
    """One program under the supervisor."""

    name: str
    arguments: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 1.0
    restart_at: float = 0.0


@dataclass
class Supervisor:
    """Keeps its children running until SIGINT or SIGTERM, then stops them."""

    children: list[Child]
    environment: dict[str, str] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Start everything and return when all of it has stopped."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        for child in self.children:
            self._start(child)
        while not self._stopping.wait(0.2):
            for child in self.children:
                self._look_after(child)
        self._stop_children()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping.set()

    def _start(self, child: Child) -> None:
        environment = os.environ | self.environment | {PARENT_VARIABLE: str(os.getpid())}
        child.process = subprocess.Popen(
            [sys.executable, "-m", "datasync_flask.cli", *child.arguments], env=environment
        )
        child.started = time.monotonic()

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.restart_at:
                self._start(child)
            return
        status = child.process.poll()
        if status is None:
            return
        child.pause = 1.0 if now - child.started > HEALTHY_SECONDS else min(child.pause * 2, MAX_PAUSE)
        child.process, child.restart_at = None, now + child.pause
        print(f"{child.name} ended with status {status}; it starts again in {child.pause:.0f} s", file=sys.stderr)

    def _stop_children(self) -> None:
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def stop_with_parent() -> None:
    """In a child: end when the supervisor is gone, even killed, so that no port and no queue stays taken."""
    parent = os.environ.get(PARENT_VARIABLE, "")
    if not parent.isdigit():
        return

    def watch() -> None:
        while os.getppid() == int(parent):
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="stop_with_parent").start()
