"""What processes do that tests fork; each writes to a file what became of it."""

from __future__ import annotations

import os
import signal
import time
from multiprocessing.connection import Connection, wait
from pathlib import Path

from datasync_flask.config import Settings


def stay(file: Path, worker: Connection) -> None:
    """Stay until the worker says something, or is gone."""
    file.write_text(f"{os.getpid()} {os.getppid()}\n")
    wait([worker])
    with file.open("a") as output:
        output.write("stopped\n")


def hang(_file: Path, _worker: Connection) -> None:
    """Say nothing, and don't end when asked to."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def speak(_file: Path, worker: Connection) -> None:
    """Make progress a few times, then end."""
    for _ in range(6):
        time.sleep(0.3)
        worker.send_bytes(b".")


def never_report(_settings: Settings, _run_id: str, _lease_id: str, worker: Connection) -> None:
    """Be a run's process that hangs before it reports anything."""
    hang(Path(), worker)


def stop_when_told(settings: Settings, _run_id: str, _lease_id: str, worker: Connection) -> None:
    """Be a run's process that is told to stop before it reported anything."""
    stay(settings.instance_dir / "one", worker)
