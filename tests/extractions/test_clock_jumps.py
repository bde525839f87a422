"""This machine's clock is set forward or back in the middle of a run; Salesforce's isn't."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine

from datasync_flask import clock_repairs
from datasync_flask.clock import utcnow
from datasync_flask.extractions.runs import lease, states
from datasync_flask.extractions.runs.reading import Reader
from datasync_flask.extractions.runs.runner import Runner
from tests.support.extraction import Extracting, Org
from tests.support.practice import PracticeOrg
from tests.support.program import Program
from tests.support.servers import free_port, wait_until_open


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[PracticeOrg]:
    """An org with a clock of its own: in a process of its own."""
    port = free_port()
    program = Program(tmp_path, "practice-org", "--port", str(port), "--propagation", "0")
    program.start()
    try:
        wait_until_open(port)
        org = PracticeOrg(f"http://127.0.0.1:{port}")
        yield org
        org.http.close()
    finally:
        program.kill_all()


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Time that can be told to jump, and goes on from there. Has to be a test's first fixture."""
    with time_machine.travel(utcnow(), tick=True) as traveller:
        yield traveller


@pytest.fixture
def ready(clock: time_machine.Traveller, extracting: Extracting, org: Org, warehouse: str) -> Extracting:
    """7,000 rows in pages of 1,000."""
    org.do("Account", "generate", count=7000)
    extracting.walk.practice.change_org(result_page_rows=1000)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date_deletes"})
    return extracting


@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(days=1)], ids=["back", "forward"])
def test_another_process_takes_over_and_the_first_writes_nothing(
    clock: time_machine.Traveller, ready: Extracting, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    run_id = ready.start()
    with ready.app.app_context():
        first = states.claim(run_id)
    original, taken = Reader._read_page, []

    def read(reader: Reader) -> None:
        original(reader)
        if reader.progress.pages == 3 and not taken:
            taken.append(True)
            clock.shift(jump)
            with ready.app.app_context():
                clock_repairs.repair(utcnow())
                clock.shift(lease.SILENT_FOR + timedelta(seconds=1))
                assert lease.due(utcnow()) == [run_id]
            ready.work_on(run_id)
            assert ready.stored(run_id).state == "done"

    with monkeypatch.context() as patch:
        patch.setattr(Reader, "_read_page", read)
        Runner(ready.app, run_id, first).run()
    assert taken
    assert ready.stored(run_id).state == "done"
    ready.assert_same("Account")
    ready.org.do("Account", "update", ids=ready.org.ids("Account")[:10], values={"Name": "after the jump"})
    assert ready.done().state == "done"
    ready.assert_same("Account")


def test_a_pause_ends_though_the_clock_went_back(clock: time_machine.Traveller, ready: Extracting) -> None:
    ready.walk.practice.change_org(daily_requests=14)
    run = ready.run()
    assert run.state == "paused"
    ready.walk.practice.change_org(daily_requests=15000)
    clock.shift(timedelta(days=-2))
    with ready.app.app_context():
        clock_repairs.repair(utcnow())
        assert lease.due(utcnow()) == [run.id]
    ready.work_on(run.id)
    assert ready.stored(run.id).state == "done"
