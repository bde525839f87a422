"""Files that several runs, pages and other programs use at the same moment."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasync_flask.destinations import checking
from datasync_flask.destinations.base import Column, ColumnType, DestinationError, Fault, Load, Patience, Table
from datasync_flask.destinations.file_lock import FileLock
from datasync_flask.destinations.registry import open_destination

pytestmark = [pytest.mark.checks_apart, pytest.mark.slow]

COLUMNS = (Column("id", ColumnType.TEXT), Column("name", ColumnType.TEXT))
FILES = {"duckdb": "file", "sqlite": "file", "parquet": "file/crm/account.parquet"}


def write(kind: str, data: Path, table: str, work: Path, patience: Patience | None = None) -> None:
    work.mkdir(parents=True)
    pq.write_table(pa.table({"id": ["1", "2"], "name": ["a", "b"]}), work / "1.parquet")
    destination = open_destination(kind, {"path": "file"}, data)
    if patience is not None:
        destination.patience = patience
    destination.load(
        Load(Table("crm", table), COLUMNS, (work / "1.parquet",), 2, replaces=True, work_dir=work, name=table)
    )


@contextmanager
def other_process(code: str, *arguments: str) -> Iterator[None]:
    """Run Python that says 'ready' when it holds something, until this is over."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == "ready"
        yield
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


RUN = """
import sys; from pathlib import Path
from datasync_flask.destinations.base import Patience
from datasync_flask.destinations.file_lock import FileLock
with FileLock(Path(sys.argv[1])).held(Patience()):
    print("ready", flush=True); sys.stdin.read()
"""
PROGRAM = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("ready", flush=True); sys.stdin.read()
"""
SQLITE_PROGRAM = """
import sys, sqlite3
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("ready", flush=True); sys.stdin.read()
"""


@pytest.mark.parametrize("kind", FILES)
def test_a_run_waits_for_another_one_and_says_so(tmp_path: Path, kind: str) -> None:
    told: list[str] = []
    wait = Patience(for_runs=None, tell=lambda what, _: told.append(what))
    with other_process(RUN, str(tmp_path / FILES[kind])):
        waiting = threading.Thread(target=write, args=(kind, tmp_path, "account", tmp_path / "work", wait))
        waiting.start()
        deadline = time.monotonic() + 20
        while not told and time.monotonic() < deadline:
            time.sleep(0.02)
        assert told == ["busy"]
        assert waiting.is_alive()
    waiting.join(60)
    assert told == ["busy", ""]
    assert open_destination(kind, {"path": "file"}, tmp_path).count(Table("crm", "account"), without_deleted=False) == 2


@pytest.mark.parametrize("kind", FILES)
def test_a_run_that_waits_can_be_stopped(tmp_path: Path, kind: str) -> None:
    class Stopped(Exception):
        pass

    def stop(_: float) -> None:
        raise Stopped

    with other_process(RUN, str(tmp_path / FILES[kind])), pytest.raises(Stopped):
        write(kind, tmp_path, "account", tmp_path / "work", Patience(for_runs=None, pause=stop))


def test_many_runs_write_into_one_file(tmp_path: Path) -> None:
    code = """
import sys; from pathlib import Path
from datasync_flask.destinations.base import Patience
from tests.destinations.test_shared_files import write
print("ready", flush=True)
for number in range(3):
    write("duckdb", Path(sys.argv[1]), sys.argv[2], Path(sys.argv[1]) / sys.argv[2] / str(number), Patience(for_runs=None))
print("done")
"""
    root = Path(__file__).parents[2]
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), name],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    refusals: list[DestinationError] = []
    while any(run.poll() is None for run in runs):
        # Pages look on meanwhile: they see rows, or are asked to come again, and hinder nobody.
        try:
            checking.preview("duckdb", {"path": "file"}, tmp_path, Table("crm", "one"))
        except DestinationError as error:
            refusals.append(error)
    assert [error for error in refusals if error.fault is not Fault.BUSY and "no table" not in error.detail] == []
    for run in runs:
        message, faults = run.communicate()
        assert message.endswith("done\n"), faults
    for name in ("one", "two"):
        shown = checking.preview("duckdb", {"path": "file"}, tmp_path, Table("crm", name))
        assert len(shown["rows"]) == 2


@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
def test_another_program_is_waited_for_and_then_named(tmp_path: Path, kind: str) -> None:
    write(kind, tmp_path, "account", tmp_path / "first")
    with other_process(PROGRAM if kind == "duckdb" else SQLITE_PROGRAM, str(tmp_path / "file")):
        with pytest.raises(DestinationError) as error:
            write(kind, tmp_path, "account", tmp_path / "second", Patience(for_programs=0.5))
        assert error.value.fault is Fault.LOCKED
        if kind == "duckdb":
            assert "python" in error.value.detail
            assert ", process " in error.value.detail
        told: list[tuple[str, str]] = []
        patience = Patience(for_programs=60, tell=lambda what, who: told.append((what, who)))
        waiting = threading.Thread(target=write, args=(kind, tmp_path, "account", tmp_path / "third", patience))
        waiting.start()
        deadline = time.monotonic() + 20
        while not told and time.monotonic() < deadline:
            time.sleep(0.02)
        assert told[0][0] == "locked"
    waiting.join(60)
    assert told[-1] == ("", "")


@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
def test_a_page_says_that_a_run_writes(tmp_path: Path, kind: str) -> None:
    write(kind, tmp_path, "account", tmp_path / "first")
    with other_process(RUN, str(tmp_path / "file")):
        with pytest.raises(DestinationError) as error:
            checking.preview(kind, {"path": "file"}, tmp_path, Table("crm", "account"))
        assert error.value.fault is Fault.BUSY
    # A page that reads keeps nobody from reading.
    with FileLock(tmp_path / "file").held(Patience(), to_read=True):
        assert len(checking.preview(kind, {"path": "file"}, tmp_path, Table("crm", "account"))["rows"]) == 2
