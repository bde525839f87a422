"""The processes that do runs: forked by a real fork server, told to stop, killed; what is forked here is simple."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil
import pytest
import time_machine
from flask import Flask

from datasync_flask.clock import utcnow
from datasync_flask.extractions.runs import lease, runner, states
from datasync_flask.extractions.runs import process as run_process
from datasync_flask.extractions.runs.process import RUN_ENVIRONMENT, RunProcesses, forks, wait_for_end
from datasync_flask.extractions.runs.runner import Runner
from datasync_flask.worker import do_run
from tests.support import forked
from tests.support.extraction import Extracting, Org
from tests.support.interrupted import ends_wherever_it_is_interrupted
from tests.support.program import wait_for

pytestmark = pytest.mark.slow

Started = tuple[BaseProcess, Connection]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """A function that forks a process: it, and our end of its pipe."""
    started: list[Started] = []

    def start(target: Callable[[Path, Connection], None], name: str = "one") -> Started:
        ours, theirs = forks.Pipe()
        process = forks.Process(target=target, args=(tmp_path / name, theirs))
        process.start()
        theirs.close()
        started.append((process, ours))
        return process, ours

    yield start
    for process, ours in started:
        ours.close()
        process.kill()
        process.join()


def told(file: Path) -> list[str]:
    """The whole lines that a forked process wrote."""
    text = file.read_text() if file.exists() else ""
    return text.splitlines() if text.endswith("\n") else []


def numbers(file: Path) -> tuple[int, int]:
    """The numbers of a process and its parent."""
    number, parent = wait_for(lambda: told(file))[0].split()
    return int(number), int(parent)


def is_gone(number: int) -> bool:
    return not psutil.pid_exists(number) or psutil.Process(number).status() == psutil.STATUS_ZOMBIE


def test_a_process_is_told_to_stop_and_its_end_is_seen(start: Callable[..., Started], tmp_path: Path) -> None:
    process, ours = start(forked.stay)
    number, _ = numbers(tmp_path / "one")
    stopping = threading.Event()
    stopping.set()
    assert wait_for_end(process, ours, 60, stopping) is True
    assert told(tmp_path / "one")[1:] == ["stopped"]
    wait_for(lambda: not psutil.pid_exists(number))


def test_processes_side_by_side_come_from_one_server_and_end_alone(
    start: Callable[..., Started], tmp_path: Path
) -> None:
    (first, ours), (second, _) = start(forked.stay, "one"), start(forked.stay, "two")
    (first_number, first_parent), (second_number, second_parent) = numbers(tmp_path / "one"), numbers(tmp_path / "two")
    assert first_number != second_number
    assert first_parent == second_parent != os.getpid()
    os.kill(first_number, signal.SIGKILL)
    assert wait_for_end(first, ours, 60, threading.Event()) is True
    assert second.is_alive()
    assert psutil.pid_exists(second_number)


def test_a_server_that_was_killed_is_started_again_and_its_processes_go_on(
    start: Callable[..., Started], tmp_path: Path
) -> None:
    start(forked.stay, "one")
    first_number, parent = numbers(tmp_path / "one")
    os.kill(parent, signal.SIGKILL)
    wait_for(lambda: is_gone(parent))
    start(forked.stay, "two")
    assert numbers(tmp_path / "two")[1] != parent
    assert not is_gone(first_number)


def test_a_process_notices_that_the_worker_is_gone(tmp_path: Path) -> None:
    worker = f"""
import os, pathlib, signal, time
from datasync_flask.extractions.runs.process import forks
from tests.support import forked

file = pathlib.Path({str(tmp_path / "one")!r})
ours, theirs = forks.Pipe()
forks.Process(target=forked.stay, args=(file, theirs)).start()
theirs.close()
while not file.exists() or not file.read_text():
    time.sleep(0.02)
os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", worker], cwd=root, check=False)
    number, parent = numbers(tmp_path / "one")
    wait_for(lambda: told(tmp_path / "one")[1:] == ["stopped"])
    wait_for(lambda: is_gone(number) and is_gone(parent))


def test_a_process_that_is_stuck_is_ended_by_its_worker(start: Callable[..., Started]) -> None:
    process, ours = start(forked.hang)
    assert wait_for_end(process, ours, 0.5, threading.Event()) is False
    process.kill()
    process.join(30)
    assert not process.is_alive()


def test_a_process_that_says_something_is_left_alone(start: Callable[..., Started]) -> None:
    process, ours = start(forked.speak)
    # From when it runs, however long a busy machine takes to begin it.
    assert ours.poll(30)
    assert wait_for_end(process, ours, 1.5, threading.Event()) is True


def test_a_run_whose_process_could_not_start_is_taken_up_again(
    extracting: Extracting, org: Org, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    org.do("Account", "generate", count=5)
    extracting.make(["Account"], warehouse)
    run_id = extracting.start()
    settings = extracting.app.config["SETTINGS"]

    def fail(*_: object) -> None:
        raise OSError("no more processes")

    with extracting.app.app_context():
        monkeypatch.setattr(run_process.forks, "Process", lambda **_: type("Refused", (), {"start": fail})())
        assert RunProcesses(settings, do_run, threading.Event()).do(run_id)
        assert lease.due(utcnow()) == []
        with time_machine.travel(utcnow() + lease.SILENT_FOR + timedelta(seconds=1)):
            assert lease.due(utcnow()) == [run_id]


def test_a_process_whose_run_was_taken_over_meanwhile_touches_nothing(
    extracting: Extracting, org: Org, warehouse: str
) -> None:
    org.do("Account", "generate", count=5)
    extracting.make(["Account"], warehouse)
    run_id = extracting.start()
    with extracting.app.app_context():
        late = states.claim(run_id)
        with time_machine.travel(utcnow() + lease.SILENT_FOR + timedelta(seconds=1)):
            assert (owner := states.claim(run_id))
            (page := states.folder_of(run_id) / "page").parent.mkdir(parents=True)
            page.write_text("the owner's")
            asked = extracting.walk.practice.requests()
            Runner(extracting.app, run_id, late).run()
            assert extracting.walk.practice.requests() == asked
            assert states.load(run_id).lease_id == owner
    assert page.read_text() == "the owner's"
    assert extracting.stored(run_id).state == "running"


def test_a_lease_is_renewed_while_a_process_takes_long_to_start(
    extracting: Extracting, org: Org, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    org.do("Account", "generate", count=5)
    extracting.make(["Account"], warehouse)
    run_id = extracting.start()
    app, start, begun = extracting.app, run_process.forks.Process.start, []
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.05)

    def start_late(process: BaseProcess) -> None:
        begun.append(extracting.stored(run_id).heartbeat_at)
        wait_for(lambda: extracting.stored(run_id).heartbeat_at > begun[0])
        start(process)

    monkeypatch.setattr(run_process.forks.Process, "start", start_late)
    with app.app_context():
        assert RunProcesses(app.config["SETTINGS"], do_run, threading.Event()).do(run_id)
    assert begun
    assert extracting.stored(run_id).state == "done"


def test_a_process_that_never_reports_is_ended_once_and_its_lease_lasts_until_then(
    extracting: Extracting, org: Org, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    extracting.make(["Account"], warehouse)
    run_id = extracting.start()
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.05)
    settings = extracting.app.config["SETTINGS"].model_copy(update={"stalled_after": 1.0})
    with extracting.app.app_context():
        assert RunProcesses(settings, forked.never_report, threading.Event()).do(run_id)
    run = extracting.stored(run_id)
    assert (run.state, run.problem, run.stalls) == ("paused", "run.no_progress", 1)
    assert run.heartbeat_at > run.started_at


def test_a_process_is_told_to_stop_before_it_reports(extracting: Extracting, org: Org, warehouse: str) -> None:
    extracting.make(["Account"], warehouse)
    run_id = extracting.start()
    settings, stopping = extracting.app.config["SETTINGS"], threading.Event()
    stopping.set()
    with extracting.app.app_context():
        assert RunProcesses(settings, forked.stop_when_told, stopping).do(run_id)
    assert told(settings.instance_dir / "one")[1:] == ["stopped"]


def test_when_all_slots_are_busy_a_run_stays_queued(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=5)
    extracting.make(["Account"], warehouse)
    run_id = extracting.start()
    settings = extracting.app.config["SETTINGS"].model_copy(update={"run_processes": 1})
    processes = RunProcesses(settings, do_run, threading.Event())
    with extracting.app.app_context():
        processes._slots.acquire()
        assert not processes.do(run_id)
        assert lease.due(utcnow()) == [run_id]
        processes._slots.release()
        # The whole thing: forked, done, over.
        assert processes.do(run_id)
    assert extracting.stored(run_id).state == "done"


def test_what_runs_are_forked_from_has_no_threads_and_has_loaded_what_runs_need() -> None:
    code = """
import os, sys
import datasync_flask.extractions.runs.preloaded
print(len(os.listdir("/proc/self/task")), [name for name in ("dlt", "pyarrow", "duckdb") if name in sys.modules])
sys.stdout.flush()
os._exit(0)
"""
    made = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | RUN_ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert made.stdout.strip() == "1 ['dlt', 'pyarrow', 'duckdb']"


class Waiting:
    """A runner that waits until it is told to stop."""

    def __init__(self, *_: object) -> None:
        self._stop = threading.Event()

    def stop(self) -> None:
        self._stop.set()

    def run(self) -> None:
        while not self._stop.wait(0.001):
            pass


def test_a_signal_stops_a_run_wherever_it_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "Runner", Waiting)
    ours, theirs = run_process.forks.Pipe()
    with ours, theirs:
        assert ends_wherever_it_is_interrupted(lambda: run_process.work(Flask("run"), "run", "lease", theirs))
