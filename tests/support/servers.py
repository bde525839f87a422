"""Real servers for tests: those of this machine, or ones started here; never skipped."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pymysql


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until_open(port: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_open(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing listens on port {port}")
        time.sleep(0.05)


@contextlib.contextmanager
def postgresql_server() -> Iterator[str]:
    """Yield the address (without database) of a PostgreSQL server that lets us make databases."""
    with contextlib.suppress(psycopg.OperationalError):
        psycopg.connect("postgresql://postgres@127.0.0.1:5432/postgres", connect_timeout=2).close()
        yield "postgres@127.0.0.1:5432"
        return
    binaries = [shutil.which("initdb"), *sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True)]
    initdb = next((Path(path) for path in binaries if path and Path(path).exists()), None)
    if initdb is None:
        raise RuntimeError("The tests need PostgreSQL: run 'make test-tools', or install its server.")
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="datasync-pg-") as folder:
        if user:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        data, port = f"{folder}/data", free_port()
        subprocess.run(
            [initdb, "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8"],
            check=True,
            user=user,
            capture_output=True,
        )
        server = subprocess.Popen(
            [initdb.with_name("postgres"), "-D", data, "-p", str(port), "-k", folder, "-h", "127.0.0.1"],
            user=user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until_open(port)
            yield f"postgres@127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(30)


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """Yield the address of a Redis server with a database of its own for this run."""
    if is_open(6379):
        yield "redis://127.0.0.1:6379"
        return
    port = free_port()
    with own_redis(port):
        yield f"redis://127.0.0.1:{port}"


@contextlib.contextmanager
def own_redis(port: int) -> Iterator[None]:
    """Run a Redis server that keeps nothing beyond its end."""
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_open(port)
        yield
    finally:
        server.terminate()
        server.wait(30)


@contextlib.contextmanager
def mysql_server() -> Iterator[tuple[str, int]]:
    """Yield host and port of a MariaDB server whose root has no password."""
    with contextlib.suppress(pymysql.OperationalError):
        pymysql.connect(host="127.0.0.1", port=3306, user="root", connect_timeout=2).close()
        yield "127.0.0.1", 3306
        return
    installer = shutil.which("mariadb-install-db")
    if installer is None:
        raise RuntimeError("The tests need MariaDB: run 'make test-tools', or install its server.")
    # MariaDB refuses to run as root.
    user = "mysql" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="datasync-my-") as folder:
        if user:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        data, port = f"{folder}/data", free_port()
        subprocess.run(
            [installer, f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True,
            user=user,
            capture_output=True,
        )
        server = subprocess.Popen(
            ["mariadbd", "--no-defaults", f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1",
             f"--socket={folder}/socket", f"--pid-file={folder}/pid"],
            user=user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_until_open(port)
            yield "127.0.0.1", port
        finally:
            server.terminate()
            server.wait(30)
