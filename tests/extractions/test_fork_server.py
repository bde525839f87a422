"""The process that runs are forked from, as a real process; what it forks here does simple things."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from datasync_flask.extractions.runs.fork_server import ForkServer, NotForked, for_runs, has_ended
from tests.support.program import wait_for

SERVER = """
import os, socket, sys, time
from datasync_flask.extractions.fork_server import has_ended, serve

def work(words, worker):
    what, file = words
    with open(file, "w") as output:
        output.write(f"{os.getpid()} {os.getppid()}\\n")
    if what == "fail":
        raise RuntimeError("as it was told to")
    if what == "stay":
        has_ended(worker, None)
        with open(file, "a") as output:
            output.write("stopped\\n")

serve(socket.socket(fileno=int(sys.argv[1])), work)
"""

Forked = Callable[..., tuple[socket.socket, int, int]]


@pytest.fixture
def server() -> Iterator[ForkServer]:
    made = ForkServer([sys.executable, "-c", SERVER], os.environ)
    yield made
    made.close()


@pytest.fixture
def stay(server: ForkServer, tmp_path: Path) -> Iterator[Forked]:
    """Return a function that forks a process which stays: its socket, its number, its parent's number."""
    with ExitStack() as stack:

        def fork(name: str) -> tuple[socket.socket, int, int]:
            process = stack.enter_context(server.forked("stay", str(tmp_path / name)))
            number, parent = wait_for(lambda: told(tmp_path / name))[0].split()
            return process, int(number), int(parent)

        yield fork


def told(file: Path) -> list[str]:
    """Return the whole lines that a forked process wrote."""
    text = file.read_text() if file.exists() else ""
    return text.splitlines() if text.endswith("\n") else []


def is_gone(number: int) -> bool:
    return not psutil.pid_exists(number) or psutil.Process(number).status() == psutil.STATUS_ZOMBIE


def test_a_process_is_told_to_stop_and_its_end_is_seen(stay: Forked, tmp_path: Path) -> None:
    process, number, _ = stay("one")
    assert not has_ended(process, 0.05)
    process.shutdown(socket.SHUT_WR)
    assert has_ended(process, 10)
    assert told(tmp_path / "one")[1:] == ["stopped"]
    wait_for(lambda: not psutil.pid_exists(number), 10)


def test_processes_side_by_side_come_from_one_server_and_end_alone(stay: Forked) -> None:
    first, first_number, first_parent = stay("one")
    second, second_number, second_parent = stay("two")
    assert first_number != second_number
    assert first_parent == second_parent != os.getpid()
    os.kill(first_number, signal.SIGKILL)
    assert has_ended(first, 10)
    assert not has_ended(second, 0.05)
    assert psutil.pid_exists(second_number)


def test_a_fault_of_a_process_is_its_end(server: ForkServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with server.forked("fail", str(tmp_path / "one")) as process:
        assert has_ended(process, 10)
    assert "as it was told to" in capfd.readouterr().err


def test_a_server_that_was_killed_is_started_again_and_its_processes_go_on(stay: Forked) -> None:
    first, first_number, parent = stay("one")
    os.kill(parent, signal.SIGKILL)
    wait_for(lambda: is_gone(parent), 10)
    _, _, other_parent = stay("two")
    assert other_parent != parent
    assert not has_ended(first, 0.05)
    assert psutil.pid_exists(first_number)


def test_a_process_notices_that_the_worker_is_gone(tmp_path: Path) -> None:
    # Not before the process has said whose child it is: the server ends with the worker.
    worker = f"""
import os, pathlib, signal, sys, time
from datasync_flask.extractions.fork_server import ForkServer
file = pathlib.Path({str(tmp_path / "one")!r})
server = ForkServer([sys.executable, "-c", {SERVER!r}], os.environ)
with server.forked("stay", str(file)):
    while not file.exists() or not file.read_text():
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", worker])
    number, parent = (int(word) for word in wait_for(lambda: told(tmp_path / "one"))[0].split())
    wait_for(lambda: told(tmp_path / "one")[1:] == ["stopped"], 10)
    wait_for(lambda: is_gone(number) and is_gone(parent), 10)


def test_the_server_ends_when_nothing_runs_for_a_while(tmp_path: Path) -> None:
    server = ForkServer([sys.executable, "-c", SERVER], os.environ, idle_seconds=0.05)
    try:
        parents = []
        for name in ("one", "two"):
            with server.forked("go", str(tmp_path / name)) as process:
                assert has_ended(process, 10)
            parents.append(int(told(tmp_path / name)[0].split()[1]))
            wait_for(lambda: not psutil.pid_exists(parents[-1]), 10)
        assert len(set(parents)) == 2
    finally:
        server.close()


def test_a_server_that_cannot_start(tmp_path: Path) -> None:
    server = ForkServer([sys.executable, "-c", "raise SystemExit(1)"], os.environ)
    begun = time.monotonic()
    with pytest.raises(NotForked), server.forked("go", str(tmp_path / "one")):
        pass
    assert time.monotonic() - begun < 30
    server.close()


def test_what_runs_are_forked_from_has_no_threads_and_has_loaded_what_runs_need(tmp_path: Path) -> None:
    code = """
import os, sys
from datasync_flask.extractions.processes import load_what_runs_need
load_what_runs_need()
print(len(os.listdir("/proc/self/task")), [name for name in ("dlt", "pyarrow", "duckdb") if name in sys.modules])
sys.stdout.flush()
os._exit(0)
"""
    command = for_runs()
    output = tmp_path / "output"
    with output.open("w") as file:
        made = psutil.Popen([sys.executable, "-c", code], env=command.environment, stdout=file)
        assert made.wait(60) == 0
    assert output.read_text().strip() == "1 ['dlt', 'pyarrow', 'duckdb']"
