"""Runs of extractions in real processes: killed in the middle, stopped by Ctrl-C, started from the command line."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.practice import PracticeOrg
from tests.support.program import Site, running_site, wait_for
from tests.support.servers import free_port, own_redis

pytestmark = pytest.mark.slow


@pytest.fixture
def site(tmp_path: Path, practice: PracticeOrg) -> Iterator[Site]:
    with running_site(tmp_path, practice) as site:
        site.sign_in()
        yield site


def make_extraction(site: Site, practice: PracticeOrg) -> str:
    """The id of an extraction of 9,000 rows in pages of 1,000."""
    practice.http.post("/practice/data", json={"object": "Account", "do": "generate", "count": 9000}, timeout=60)
    practice.change_org(result_page_rows=1000)
    source = site.save(practice.register(site.callback_url))
    site.wait_for_state(source, "ready_to_authorize")
    site.allow(source)
    site.wait_for_state(source, "connected")
    saved = site.post("/connections/new/duckdb", {"description": "Warehouse", "path": "w.duckdb"})
    fields = {
        "description": "Nightly", "source": source, "destination": saved.headers["location"].rsplit("/", 1)[-1],
        "dataset": "crm", "objects": "Account",
    }  # fmt: skip
    answer = site.post("/extractions/new", fields)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"].rsplit("/", 1)[-1])


def progress(site: Site, place: str) -> tuple[str, int, int]:
    """A run's state, rows read, rows in the table."""
    text = site.http.get(f"{place}/progress").text
    state = re.search(r'data-state="(\w+)"', text)
    rows = re.search(r'data-rows="(\d+)"', text)
    target = re.search(r'data-target-count="(\d*)"', text)
    assert state and rows and target, text  # noqa: PT018
    return state[1], int(rows[1]), int(target[1] or 0)


def is_up(site: Site) -> bool:
    """True when the program answers; the connection that was kept open died with the one before."""
    try:
        return site.http.get("/healthz").status_code == 200
    except httpx2.HTTPError:
        return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_a_run_goes_on_after_everything_was_stopped(site: Site, practice: PracticeOrg, number: int) -> None:
    extraction_id = make_extraction(site, practice)
    # Slow enough to be caught in the middle: each page takes a moment.
    practice.fault("results", kind="hang", seconds=0.4, times=None)
    place = site.post(f"/extractions/{extraction_id}/runs").headers["location"]
    wait_for(lambda: 2000 <= progress(site, place)[1] < 9000, 30)
    if number == signal.SIGKILL:
        site.program.kill_all()
    else:
        site.program.stop(number)
    practice.clear_faults()
    site.program.start()
    wait_for(lambda: is_up(site), 30)
    wait_for(lambda: progress(site, place)[0] == "done", 90)
    assert progress(site, place) == ("done", 9000, 9000)


def test_a_queue_that_goes_and_comes_back_in_mid_run(tmp_path: Path, practice: PracticeOrg) -> None:
    port = free_port()
    with running_site(tmp_path, practice, QUEUE_URL=f"redis://127.0.0.1:{port}") as site:
        site.sign_in()
        with own_redis(port):
            extraction_id = make_extraction(site, practice)
            practice.fault("results", kind="hang", seconds=0.4, times=None)
            place = site.post(f"/extractions/{extraction_id}/runs").headers["location"]
            wait_for(lambda: 2000 <= progress(site, place)[1] < 9000, 60)
        # The queue is gone with all that was in it: the run goes on, and pages, Save among them, work.
        practice.clear_faults()
        wait_for(lambda: progress(site, place)[0] == "done", 60)
        assert progress(site, place) == ("done", 9000, 9000)
        app = practice.register(site.callback_url, propagation_seconds=600)
        meanwhile = site.save(app, description="Saved meanwhile")
        second = site.post(f"/extractions/{extraction_id}/runs").headers["location"]
        assert site.status(meanwhile)[0] == "waiting_for_propagation"
        assert progress(site, second)[0] == "queued"
        practice.change(app["client_id"], known_now=True)
        with own_redis(port):
            # Whatever was asked for meanwhile is found by the sweep of the next minute.
            site.wait_for_state(meanwhile, "ready_to_authorize", 120)
            wait_for(lambda: progress(site, second)[0] == "done", 90)


def test_from_the_command_line(site: Site, practice: PracticeOrg) -> None:
    make_extraction(site, practice)
    done = site.program.command("extraction", "run", "nightly", "--wait", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["objects"][0]["target_count"] == 9000
    listed = json.loads(site.program.command("extraction", "list", "--json").stdout)
    assert [(row["description"], row["last_run"]["state"]) for row in listed] == [("Nightly", "done")]
    practice.expire("refresh")
    practice.fault("describe", status=500, body="[]", times=None)
    assert site.program.command("extraction", "run", "nothing of this name").returncode == 1


def test_more_runs_than_processes_come_one_after_the_other(tmp_path: Path, practice: PracticeOrg) -> None:
    with running_site(tmp_path, practice, RUN_PROCESSES="1") as site:
        site.sign_in()
        make_extraction(site, practice)
        page = site.post("/extractions/new", {}).text
        source = re.search(r'name="source"[^>]*>\s*<option[^>]*value="([0-9a-f]{16})"', page)
        destination = re.search(r'name="destination"[^>]*>\s*<option[^>]*value="([0-9a-f]{16})"', page)
        assert source and destination  # noqa: PT018
        places = []
        for number in range(3):
            fields = {
                "description": f"Number {number}", "source": source[1], "destination": destination[1],
                "dataset": f"crm{number}", "objects": "Account",
            }  # fmt: skip
            made = site.post("/extractions/new", fields).headers["location"]
            places.append(site.post(f"{made}/runs").headers["location"])
        wait_for(lambda: all(progress(site, place)[0] == "done" for place in places), 90)
