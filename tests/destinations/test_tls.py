"""TLS with real servers: what each setting takes and refuses."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
import pytest
import trustme

from datasync_flask.destinations.base import Column, ColumnType, DestinationError, Fault, Load, Table
from datasync_flask.destinations.registry import open_destination
from tests.support.servers import free_port, wait_until_open

pytestmark = pytest.mark.checks_apart

PASSWORD = "tls-password-1"
CA = trustme.CA()


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, dict[str, Any]]]:
    """A server with a certificate for localhost, and the settings of a user with a password."""
    with tempfile.TemporaryDirectory(prefix="datasync-tls-") as name:
        folder, port = Path(name), free_port()
        user = {"postgresql": "postgres", "mysql": "mysql"}[request.param] if os.geteuid() == 0 else None
        leaf = CA.issue_cert("localhost")
        leaf.private_key_pem.write_to_path(folder / "key.pem")
        leaf.cert_chain_pems[0].write_to_path(folder / "cert.pem")
        (folder / "key.pem").chmod(0o600)
        if user:
            for path in (folder, folder / "key.pem", folder / "cert.pem"):
                shutil.chown(path, pwd.getpwnam(user).pw_uid)
        settings = {"host": "localhost", "port": port, "username": "loader", "password": PASSWORD}
        if request.param == "postgresql":
            process = _postgresql(folder, port, user)
            settings["database"] = "postgres"
        else:
            process = _mariadb(folder, port, user)
            settings["database"] = "warehouse"
        try:
            wait_until_open(port)
            _make_user(request.param, port)
            yield request.param, settings
        finally:
            process.terminate()
            process.wait(30)


def _postgresql(folder: Path, port: int, user: str | None) -> subprocess.Popen[bytes]:
    found = [shutil.which("initdb"), *sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True)]
    initdb = next(Path(path) for path in found if path)
    data = folder / "data"
    subprocess.run(
        [initdb, "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8"], check=True, user=user, capture_output=True
    )
    (data / "pg_hba.conf").write_text("host all postgres 127.0.0.1/32 trust\nhostssl all loader all scram-sha-256\n")
    return subprocess.Popen(
        [initdb.with_name("postgres"), "-D", data, "-p", str(port), "-k", folder, "-h", "localhost,127.0.0.1",
         "-c", "ssl=on", "-c", f"ssl_cert_file={folder}/cert.pem", "-c", f"ssl_key_file={folder}/key.pem"],
        user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _mariadb(folder: Path, port: int, user: str | None) -> subprocess.Popen[bytes]:
    data = folder / "data"
    subprocess.run(
        ["mariadb-install-db", f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True, user=user, capture_output=True,
    )  # fmt: skip
    return subprocess.Popen(
        ["mariadbd", "--no-defaults", f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1",
         f"--socket={folder}/socket", f"--pid-file={folder}/pid", f"--ssl-cert={folder}/cert.pem", f"--ssl-key={folder}/key.pem"],
        user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _when_started(url: str) -> psycopg.Connection[Any]:
    for _ in range(200):
        with contextlib.suppress(psycopg.OperationalError):
            return psycopg.connect(url, autocommit=True)
        time.sleep(0.05)
    raise TimeoutError(url)


def _make_user(kind: str, port: int) -> None:
    if kind == "postgresql":
        with _when_started(f"postgresql://postgres@127.0.0.1:{port}/postgres") as connection:
            connection.execute(f"CREATE ROLE loader SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
        return
    admin = pymysql.connect(host="127.0.0.1", port=port, user="root", autocommit=True, ssl_disabled=True)
    with admin, admin.cursor() as cursor:
        cursor.execute("CREATE DATABASE warehouse")
        cursor.execute(f"CREATE USER loader@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL")
        cursor.execute("GRANT ALL ON warehouse.* TO loader@'%'")


@pytest.mark.parametrize(
    "tls",
    [{"tls": "required"}, {"tls": "verified", "tls_ca": CA.cert_pem.bytes().decode()}],
    ids=["required", "verified"],
)
def test_rows_are_written_over_tls(server: tuple[str, dict[str, Any]], tmp_path: Path, tls: dict[str, str]) -> None:
    kind, settings = server
    destination = open_destination(kind, settings | tls, tmp_path)
    destination.check()
    pq.write_table(pa.table({"id": ["1"]}), tmp_path / "1.parquet")
    columns, table = (Column("id", ColumnType.TEXT),), Table("crm", f"account_{tls['tls']}")
    destination.load(Load(table, columns, (tmp_path / "1.parquet",), 1, replaces=True, work_dir=tmp_path))
    assert destination.count(table, without_deleted=False) == 1


WRONG = {
    "another authority": {"tls_ca": trustme.CA().cert_pem.bytes().decode()},
    "no authority of this machine": {"tls_ca": ""},
    "another name": {"tls_ca": CA.cert_pem.bytes().decode(), "host": "127.0.0.1"},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_certificate_that_is_not_the_one_expected(
    server: tuple[str, dict[str, Any]], tmp_path: Path, name: str
) -> None:
    kind, settings = server
    with pytest.raises(DestinationError) as error:
        open_destination(kind, settings | {"tls": "verified"} | WRONG[name], tmp_path).check()
    assert (error.value.fault, error.value.field) == (Fault.TLS_NOT_VERIFIED, "tls_ca"), error.value.detail


def test_a_server_that_wants_tls_says_so(server: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    kind, settings = server
    with pytest.raises(DestinationError):
        open_destination(kind, settings | {"tls": "off"}, tmp_path).check()
