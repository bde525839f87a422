"""What processes do that tests fork; each writes to a file what became of it."""

from __future__ import annotations

import os
import pkgutil
import signal
import time
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

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


def load(settings: dict[str, Any], place: tuple[str, str], folder: Path, number: int) -> None:
    """Write two rows into a table of a PostgreSQL database: replace it, or later merge into it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from datasync_flask.destinations.base import Column, ColumnType, Load, Table
    from datasync_flask.destinations.registry import open_destination

    columns = (Column("id", ColumnType.TEXT), Column("name", ColumnType.TEXT))
    ids, name = ["1", "2"] if number == 1 else ["2", "3"], " ".join((*place, str(number)))
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": ids, "name": [name] * 2}), folder / "1.parquet")
    open_destination("postgresql", settings, folder).load(
        Load(
            Table(*place), columns, (folder / "1.parquet",), 2, replaces=number == 1, work_dir=folder,
            name="_".join(place),
        )
    )  # fmt: skip


def load_a_few_times(settings: dict[str, Any], place: tuple[str, str], folder: Path, ready: Barrier) -> None:
    """Load three times, the first time at the same moment as the other processes."""
    ready.wait(60)
    for number in (1, 2, 3):
        load(settings, place, folder, number)


def be_killed(settings: Settings, run_id: str, lease_id: str, worker: Connection) -> None:
    """Be a run's process that is killed at the call that the file `dies_at` names: the function, and which call of it."""
    from unittest.mock import patch

    from datasync_flask.worker import do_run

    name, _, call = (settings.instance_dir / "dies_at").read_text().partition(" ")
    original, calls = pkgutil.resolve_name(name), []

    def die(*arguments: Any, **named: Any) -> Any:
        calls.append(name)
        if len(calls) == int(call):
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **named)

    with patch(name, die):
        do_run(settings, run_id, lease_id, worker)
