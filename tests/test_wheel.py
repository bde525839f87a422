"""The wheel, in an empty environment, is the whole program."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx2
import pytest

from tests.support.program import wait_for
from tests.support.servers import free_port, wait_until_open

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # A copy, so that nothing is left behind in the tree and tests in parallel don't meet.
    source = folder / "source"
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, files.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)],
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


def test_everything_needed_is_in_it_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for part in ("templates/base.html", "templates/connections/_status.html", "static/style.css", "static/kinds/salesforce.svg",
                 "static/vendor/htmx-4.0.1.min.js", "migrations/env.py", "migrations/versions/0001_initial_schema.py",
                 "practice_org/templates/allow.html", "practice_org/practice.css", "py.typed", "docs/using.md",
                 "translations/de/LC_MESSAGES/messages.mo"):  # fmt: skip
        assert f"datasync_flask/{part}" in names
    assert not [
        name
        for name in names
        if re.search(r"(^|/)(tests?|benchmarks|tools|instance)/|\.env|\.sqlite|(encryption_keys|secret_key)$", name)
    ]
    tracked = subprocess.run(
        ["git", "ls-files", "templates", "static", "migrations"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in tracked.stdout.split():
        assert f"datasync_flask/{name}" in names


@pytest.mark.parametrize("command", ["run", "demo"])
def test_it_serves_from_an_empty_environment(wheel: Path, tmp_path: Path, command: str) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    # The dependencies come from the tests' own environment, which has them pinned; the program itself only from the wheel.
    subprocess.run(
        [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "install",
            "-q",
            "--python",
            str(python),
            "-r",
            str(ROOT / "requirements/base.txt"),
            str(wheel),
        ],
        check=True,
    )
    port = free_port()
    arguments = [str(environment / "bin" / "datasync"), command, "--port", str(port)]
    if command == "demo":
        arguments += ["--practice-port", str(free_port())]
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DATASYNC_", "PYTHON"))}
    log = tmp_path / "log"
    with log.open("wb") as output:
        program = subprocess.Popen(arguments, cwd=tmp_path, env=clean, stdout=output, stderr=output)
    try:
        wait_until_open(port)
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True) as browser:
            if command == "run":
                link = wait_for(lambda: re.search(r"http://\S+/setup\?token=\S+", log.read_text()))
                page = browser.get(link.group())
                fields = {"email": "ada@example.com", "password": "correct horse battery"}
                where = str(page.url)
            else:
                page = browser.get("/login")
                fields = {"email": "demo@example.com", "password": "practice makes perfect"}
                where = "/login"
            token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
            assert token is not None
            assert browser.post(where, data={"csrf_token": token.group(1), **fields}).status_code == 200
            for path in ("/connections", "/connections/new", "/connections/new/salesforce"):
                text = browser.get(path).text
                assert "DataSync" in text
                for asset in re.findall(r'(?:src|href)="(/static/[^"]+)"', text):
                    assert browser.get(asset).status_code == 200, asset
    finally:
        program.send_signal(signal.SIGINT)
        assert program.wait(30) == 0, log.read_text()
    assert "Traceback" not in log.read_text()


def test_neither_web_nor_worker_load_what_only_runs_need() -> None:
    code = (
        "import sys; from datasync_flask import PAGES, PARTS; from datasync_flask.cli.serve import load; "
        "load((*PARTS, 'cli.web_server', 'worker', *PAGES)); "
        "print([name for name in ('pyarrow', 'dlt', 'duckdb', 'psycopg2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
