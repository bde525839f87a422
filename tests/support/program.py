"""The real programs, as processes: web, worker, practice org."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
from lxml import html

from datasync_flask.salesforce.transport import trust
from tests.support.practice import PracticeOrg
from tests.support.servers import free_port, wait_until_open

EMAIL, PASSWORD = "ada@example.com", "correct horse battery"


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """What `condition` gives as soon as it gives something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise TimeoutError


def command_of(process: psutil.Process) -> str:
    """Which `datasync` command a process runs, by its title or arguments; '' while it starts.

    Titles are like "datasync worker" and gunicorn's "gunicorn: master [datasync web]".
    """
    return " ".join(process.cmdline()).strip(" ]").rpartition(" ")[2]


class Program:
    """A `datasync` command in a folder of its own."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        self.arguments = arguments
        self.log = folder / f"{arguments[0]}.log"
        self.folder = folder
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("DATASYNC_")} | {
            "DATASYNC_INSTANCE_DIR": str(folder / "instance"),
            "PYTHONUNBUFFERED": "1",
            **{f"DATASYNC_{key}": value for key, value in variables.items()},
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "datasync_flask.cli", *self.arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal to the program's own process and wait for its end."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    def kill_all(self) -> None:
        """kill -9 for the program and everything it started."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)

    def command(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run another `datasync` command with the same settings."""
        return subprocess.run(
            [sys.executable, "-m", "datasync_flask.cli", *arguments],
            cwd=self.folder,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


class Site:
    """A running DataSync beside a practice org, used over HTTP."""

    def __init__(self, program: Program, practice: PracticeOrg, address: str) -> None:
        self.program, self.practice, self.address = program, practice, address
        self.http = httpx2.Client(base_url=address, timeout=20, verify=trust())

    @property
    def callback_url(self) -> str:
        return f"{self.address}/oauth/salesforce/callback"

    def token(self, path: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.http.get(path).text)
        assert found is not None
        return found.group(1)

    def sign_in(self) -> None:
        answer = self.http.post(
            "/login", data={"csrf_token": self.token("/login"), "email": EMAIL, "password": PASSWORD}
        )
        assert answer.status_code == 303, answer.text

    def post(self, path: str, data: dict[str, str] | None = None) -> httpx2.Response:
        return self.http.post(path, data={"csrf_token": self.token("/connections/new/salesforce"), **(data or {})})

    def save(self, app: dict[str, Any], **changes: str) -> str:
        fields = {
            "description": "Sales EMEA",
            "login_host": "custom",
            "login_url": self.practice.origin,
            "client_id": app["client_id"],
            "client_secret": app["client_secret"],
            **changes,
        }
        answer = self.post("/connections/new/salesforce", fields)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"].rsplit("/", 1)[-1])

    def edit(self, connection_id: str, **changes: str) -> None:
        """Change fields of the connection's form and save."""
        page = html.fromstring(self.http.get(f"/connections/{connection_id}/edit").text)
        fields = {**dict(page.get_element_by_id("connection-form").form_values()), **changes}
        assert self.http.post(f"/connections/{connection_id}/edit", data=fields).status_code == 303

    def status(self, connection_id: str) -> tuple[str, str]:
        """Return state and reason from the status fragment."""
        text = self.http.get(f"/connections/{connection_id}/status").text
        found = re.search(r'data-state="([^"]*)" data-reason="([^"]*)"', text)
        assert found is not None, text
        return found.group(1), found.group(2)

    def wait_for_state(self, connection_id: str, state: str, seconds: float = 30) -> None:
        try:
            wait_for(lambda: self.status(connection_id)[0] == state, seconds)
        except TimeoutError:
            raise AssertionError(f"{self.status(connection_id)} is not {state}\n{self.program.output}") from None

    def leave(self, connection_id: str) -> str:
        return str(self.post(f"/connections/{connection_id}/authenticate").headers["location"])

    def allow(self, connection_id: str) -> None:
        back = self.practice.answer_as_person(self.leave(connection_id))
        assert self.http.get(back).status_code == 303


@contextlib.contextmanager
def running_site(folder: Path, practice: PracticeOrg, **variables: str) -> Iterator[Site]:
    """Yield a site whose web and worker run as one program (`datasync run`)."""
    port = free_port()
    settings = {
        "ADMIN_EMAIL": EMAIL,
        "ADMIN_PASSWORD": PASSWORD,
        "SALESFORCE_HOSTS": practice.origin,
        "PROBE_INTERVAL": "0.5",
        "WORKER_THREADS": "2",
        "WEB_THREADS": "8",
        **variables,
    }
    program = Program(folder, "run", "--port", str(port), **settings)
    program.start()
    try:
        wait_until_open(port)
        site = Site(program, practice, f"http://127.0.0.1:{port}")
        with site.http:
            yield site
    except TimeoutError:
        raise AssertionError(program.output) from None
    finally:
        program.kill_all()
