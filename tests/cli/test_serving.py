"""The programs as people run them: started, stopped, killed, on each storage."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import httpx2
import psutil
import pytest
import redis

from tests.support.practice import PracticeOrg
from tests.support.program import Program, Site, command_of, running_site, wait_for
from tests.support.servers import free_port, is_open, wait_until_open

pytestmark = pytest.mark.slow


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def storage(request: pytest.FixtureRequest) -> dict[str, str]:
    """Database and queue settings of each supported kind."""
    if request.param == "sqlite":
        return {}
    make: Callable[[], str] = request.getfixturevalue("new_postgresql_database")
    address = make()
    variables = {"DATABASE_URL": f"postgresql+psycopg://{address}", "QUEUE_URL": f"postgresql://{address}"}
    if request.param == "redis":
        # A database of each test process's own, empty at the start.
        number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) + 1
        variables["QUEUE_URL"] = f"{request.getfixturevalue('redis_url')}/{number}"
        with redis.Redis.from_url(variables["QUEUE_URL"]) as client:
            client.flushdb()
    return variables


def children(site: Site) -> dict[str, psutil.Process]:
    assert site.program.process is not None
    found = psutil.Process(site.program.process.pid).children()
    running = [child for child in found if child.status() != psutil.STATUS_ZOMBIE]
    return {command_of(child) or "starting": child for child in running}


def test_the_way_on_each_storage_with_kills_in_the_middle(
    tmp_path: Path, practice: PracticeOrg, storage: dict[str, str]
) -> None:
    with running_site(tmp_path, practice, **storage) as site:
        site.sign_in()
        app = practice.register(site.callback_url, propagation_seconds=4)
        connection_id = site.save(app)
        wait_for(lambda: site.status(connection_id) == ("waiting_for_propagation", "client_unknown"))

        # kill -9 of everything in the middle of the wait
        site.program.kill_all()
        wait_for(lambda: not is_open(int(site.address.rsplit(":", 1)[1])))
        site.program.start()
        wait_until_open(int(site.address.rsplit(":", 1)[1]))
        site.wait_for_state(connection_id, "ready_to_authorize", 45)

        # kill -9 of the worker between callback and exchange
        children(site)["worker"].kill()
        site.allow(connection_id)
        assert site.status(connection_id)[0] == "authorizing"
        site.wait_for_state(connection_id, "connected", 45)
        assert "Practice Org" in site.http.get(f"/connections/{connection_id}").text
        asked = sum(practice.requests().values())
        assert asked < 60


def test_two_workers_share_the_work(tmp_path: Path, practice: PracticeOrg, storage: dict[str, str]) -> None:
    with running_site(tmp_path, practice, PROBE_INTERVAL="1", **storage) as site:
        second = Program(
            tmp_path,
            "worker",
            **{
                key.removeprefix("DATASYNC_"): value
                for key, value in site.program.environment.items()
                if key.startswith("DATASYNC_")
            },
        )
        second.start()
        try:
            site.sign_in()
            app = practice.register(site.callback_url, propagation_seconds=6)
            connection_id = site.save(app)
            site.wait_for_state(connection_id, "ready_to_authorize")
            # Six seconds at one probe a second, and one probe that finds it ready with two requests to each endpoint.
            assert practice.requests()["token"] <= 9
        finally:
            second.kill_all()


def test_ctrl_c_stops_web_and_worker(tmp_path: Path, practice: PracticeOrg) -> None:
    with running_site(tmp_path, practice) as site:
        wait_for(lambda: len(children(site)) == 2)
        family = list(children(site).values())
        assert site.program.stop(signal.SIGINT) == 0
        assert psutil.wait_procs(family, timeout=5)[1] == []
        assert "Traceback" not in site.program.output


def test_a_killed_supervisor_leaves_nothing_behind(tmp_path: Path, practice: PracticeOrg) -> None:
    with running_site(tmp_path, practice) as site:
        assert site.program.process is not None
        family = psutil.Process(site.program.process.pid).children(recursive=True)
        site.program.process.kill()
        assert psutil.wait_procs(family, timeout=15)[1] == []


def test_web_and_worker_come_back_by_themselves(tmp_path: Path, practice: PracticeOrg) -> None:
    with running_site(tmp_path, practice) as site:
        for name in ("web", "worker"):
            before = wait_for(lambda name=name: children(site).get(name))
            before.kill()
            wait_for(lambda name=name, before=before: children(site).get(name, before).pid != before.pid)
        wait_for(lambda: is_open(int(site.address.rsplit(":", 1)[1])))
        site.sign_in()


def test_a_taken_port_is_said(tmp_path: Path, practice: PracticeOrg) -> None:
    with running_site(tmp_path, practice) as site:
        answer = site.program.command("run", "--port", site.address.rsplit(":", 1)[1])
        assert answer.returncode == 1
        assert "can't be used" in answer.stderr
        assert "PORT=8000" in answer.stderr


def test_without_an_account_a_set_up_link_is_printed(tmp_path: Path, practice: PracticeOrg) -> None:
    with running_site(tmp_path, practice, ADMIN_EMAIL="", ADMIN_PASSWORD="") as site:
        link = re.search(r"http://\S+/setup\?token=\S+", site.program.output)
        assert link is not None
        assert site.address in site.program.output
        assert "Create administrator" in site.http.get(link.group()).text


def test_web_and_worker_refuse_an_old_schema(tmp_path: Path) -> None:
    program = Program(tmp_path, "web", "--port", str(free_port()))
    for command in ("web", "worker"):
        answer = program.command(command)
        assert answer.returncode == 1
        assert "datasync db upgrade" in answer.stderr
    assert program.command("db", "upgrade").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "variables", "status", "message"),
    [
        (["run", "--port", "5060"], {}, 2, "browsers refuse"),
        (["run", "--port", "x"], {}, 2, "not a valid integer"),
        (["nonsense"], {}, 2, "No such command"),
        (["run"], {"DATASYNC_PROBE_INTERVAL": "x"}, 1, "DATASYNC_PROBE_INTERVAL"),
        (["practice-org", "--host", "0.0.0.0"], {}, 2, "this computer only"),
        (
            ["run"],
            {"DATASYNC_ADMIN_EMAIL": "x", "DATASYNC_ADMIN_PASSWORD": "long enough password", "DATASYNC_PORT": "0"},
            1,
            "DATASYNC_PORT",
        ),
    ],
)
def test_wrong_use_and_bad_settings(
    tmp_path: Path, arguments: list[str], variables: dict[str, str], status: int, message: str
) -> None:
    answer = Program(tmp_path, "run").command(*arguments, **variables)
    assert answer.returncode == status
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("name", ["DATABASE_URL", "QUEUE_URL"])
def test_a_database_that_cannot_be_reached_is_said_without_its_password(tmp_path: Path, name: str) -> None:
    scheme = "postgresql+psycopg" if name == "DATABASE_URL" else "postgresql"
    address = f"{scheme}://me:geheim@127.0.0.1:{free_port()}/x"
    answer = Program(tmp_path, "run").command("run", "--port", str(free_port()), **{f"DATASYNC_{name}": address})
    assert answer.returncode == 1
    assert "can't be reached" in answer.stderr
    assert "geheim" not in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_demo_is_ready_at_once(tmp_path: Path) -> None:
    port, practice_port = free_port(), free_port()
    demo = Program(tmp_path, "demo", "--port", str(port), "--practice-port", str(practice_port))
    demo.start()
    try:
        wait_until_open(port)
        wait_until_open(practice_port)
        assert "demo@example.com" in demo.output
        assert f"http://127.0.0.1:{practice_port}/lightning/setup/home" in demo.output
        assert httpx2.get(f"http://127.0.0.1:{practice_port}/lightning/setup/home").status_code == 302
        assert httpx2.get(f"http://127.0.0.1:{port}/login").status_code == 200
        assert demo.stop(signal.SIGINT) == 0
        assert "Traceback" not in demo.output
    finally:
        demo.kill_all()


def test_the_practice_org_over_tls(tmp_path: Path) -> None:
    import ssl

    port = free_port()
    org = Program(tmp_path, "practice-org", "--port", str(port), "--propagation", "0", "--tls")
    org.start()
    try:
        wait_until_open(port)
        authority = wait_for(lambda: re.search(r"SSL_CERT_FILE=(\S+)", org.output))
        context = ssl.create_default_context(cafile=authority.group(1))
        answer = httpx2.get(f"https://127.0.0.1:{port}/services/data/", verify=context)
        assert answer.json()[0]["version"] == "31.0"
    finally:
        org.kill_all()
