"""Real servers for tests: those of this machine, or ones started here; never skipped."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx
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


def postgresql_settings(address: str) -> dict[str, Any]:
    """A destination's settings for USER@HOST:PORT/DATABASE."""
    url = urlsplit(f"postgresql://{address}")
    return {"host": url.hostname, "port": url.port, "database": url.path.removeprefix("/"), "username": url.username,
            "password": ""}  # fmt: skip


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


# Who may do what in the object store: access key and secret key are the name and the name with "-secret".
STORE_USERS = {"writer": ["Read", "List", "Write", "Tagging"], "reader": ["Read", "List"]}


@dataclass(frozen=True)
class ObjectStore:
    """A SeaweedFS with S3's protocol."""

    port: int
    filer_port: int

    bucket: str = "lake"

    def settings(self, **changes: str) -> dict[str, str]:
        """Settings of a destination with a prefix of its own."""
        return {
            "bucket": self.bucket, "prefix": f"raw/{uuid.uuid4().hex[:12]}", "endpoint": f"http://127.0.0.1:{self.port}",
            "region": "", "access_key": "writer", "password": "writer-secret", "table_format": "parquet",
        } | changes  # fmt: skip


@contextlib.contextmanager
def object_store(*options: str) -> Iterator[ObjectStore]:
    """Run a store that checks signatures and holds to conditions, and keeps nothing beyond its end."""
    with tempfile.TemporaryDirectory(prefix="datasync-s3-") as folder:
        users = [
            {"name": name, "credentials": [{"accessKey": name, "secretKey": f"{name}-secret"}], "actions": actions}
            for name, actions in STORE_USERS.items()
        ]
        Path(folder, "users.json").write_text(json.dumps({"identities": users}))
        parts = {
            f"{part}.port{kind}": free_port() for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")
        }
        server = subprocess.Popen(
            [Path(sys.executable).with_name("weed"), "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
             "-filer", "-s3", f"-s3.config={folder}/users.json", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
             "-s3.autoCreateBucket=false", "-master.telemetry=false", "-volume.max=20",
             "-master.volumeSizeLimitMB=64", *(f"-{name}={port}" for name, port in parts.items()), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
        )  # fmt: skip
        try:
            found = ObjectStore(parts["s3.port"], parts["filer.port"])
            for port in parts.values():
                wait_until_open(port, 60)
            _make_bucket(found)
            yield found
        finally:
            # Its way to end takes half a minute.
            server.kill()
            server.wait(30)


def _make_bucket(store: ObjectStore, seconds: float = 60) -> None:
    """Its parts find each other some time after they listen."""
    folder, deadline = f"http://127.0.0.1:{store.filer_port}/buckets/{store.bucket}/", time.monotonic() + seconds
    while httpx.put(f"{folder}ready", content=b"x" * 4096, timeout=30).is_error:
        if time.monotonic() > deadline:
            raise TimeoutError("the object store takes no file")
        time.sleep(0.1)
