"""What figures were measured on and with: machine, versions of servers and packages."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path

import psutil
import psycopg
import pymysql

from benchmarks.peers import VENVS
from tests.support.servers import mysql_server, postgresql_server

PACKAGES = (
    "flask", "sqlalchemy", "gunicorn", "huey", "dlt", "pyarrow", "duckdb", "adbc-driver-postgresql", "psycopg",
    "simple-salesforce", "matplotlib",
)  # fmt: skip
PEER_PACKAGES = {"tap": ("tap-salesforce", "singer-python"), "target": ("meltanolabs-target-postgres", "singer-sdk")}


def machine() -> str:
    """What the figures were measured on."""
    info, model = Path("/proc/cpuinfo"), "unknown processor"
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GB of memory, {platform.platform()}"


def _version(told: str) -> str:
    """The first version in what a program tells of itself."""
    found = re.search(r"\d+(\.\d+)+", told)
    return found[0] if found else "unknown"


def _told_by(*command: str) -> str:
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout or found.stderr


def servers() -> dict[str, str]:
    """The versions of the programs beside us."""
    with postgresql_server() as address, psycopg.connect(f"postgresql://{address}/postgres") as connection:
        major, minor = divmod(connection.info.server_version, 10_000)
    with mysql_server() as (host, port):
        mariadb = pymysql.connect(host=host, port=port, user="root")
        version = str(mariadb.get_server_info())
        mariadb.close()
    return {
        "Python": platform.python_version(),
        "PostgreSQL": f"{major}.{minor}",
        # Old clients knew no versions above 5: servers say that one first.
        "MariaDB": _version(version.removeprefix("5.5.5-")),
        "Redis": _version(_told_by("redis-server", "--version")),
        "wrk": _version(_told_by("wrk", "--version")),
    }


def _peer_version(venv: str, package: str) -> str:
    script = f"import importlib.metadata; print(importlib.metadata.version({package!r}))"
    python = VENVS / venv / "bin/python"
    found = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def report(command: str) -> str:
    """The section of the report."""
    packages = {name: importlib.metadata.version(name) for name in PACKAGES}
    packages |= {name: _peer_version(venv, name) for venv, names in PEER_PACKAGES.items() for name in names}
    rows = [f"| {name} | {version} |" for name, version in (servers() | packages).items()]
    return "\n".join(
        [
            "## Setting",
            "",
            f"Machine: {machine()}.",
            "",
            f"Command: `make bench`, which runs `{command}` in one go, with nothing else beside it. Each way of an "
            "extraction is a process of its own: `python -m benchmarks.compared NAME …`; ours is what a worker "
            "does for a run. Figures of two runs differ by a third on a machine that is shared; those of one "
            "run, and their ratios, can be compared.",
            "",
            "| what | version |",
            "|---|---|",
            *rows,
        ]
    )
