"""Servers that want the password itself don't get it, whatever they ask; one that wants a file gets none."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from datasync_flask.destinations import checking
from datasync_flask.destinations.base import DestinationError, Fault, Table
from datasync_flask.destinations.registry import open_destination

pytestmark = pytest.mark.checks_apart

PASSWORD = "Tr0ub4dor-and-3"

Talk = Callable[[socket.socket, bytearray], None]


@contextlib.contextmanager
def server(talk: Talk) -> Iterator[tuple[int, bytearray]]:
    heard = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client, contextlib.suppress(OSError, struct.error):
                    client.settimeout(3)
                    talk(client, heard)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], heard
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def hear(client: socket.socket, heard: bytearray) -> bytes:
    data = client.recv(65536)
    heard += data
    return data


def postgresql_asks(method: bytes) -> Talk:
    def talk(client: socket.socket, heard: bytearray) -> None:
        first = hear(client, heard)
        while first[4:8] in {b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"}:
            client.sendall(b"N")
            first = hear(client, heard)
        client.sendall(b"R" + struct.pack("!i", 4 + len(method)) + method)
        hear(client, heard)

    return talk


def packet(number: int, body: bytes) -> bytes:
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


def greeting(plugin: bytes) -> bytes:
    # Protocol::HandshakeV10 without SSL, with CLIENT_PLUGIN_AUTH, SECURE_CONNECTION and CONNECT_WITH_DB.
    flags = 0x00080000 | 0x8000 | 0x0200 | 0x0008 | 0x0001
    return (
        b"\x0a8.0.36\0" + struct.pack("<I", 7) + b"12345678\0" + struct.pack("<H", flags & 0xFFFF)
        + b"\x2d\x02\0" + struct.pack("<H", flags >> 16) + b"\x15" + b"\0" * 10 + b"123456789012\0" + plugin + b"\0"
    )  # fmt: skip


def mysql_asks(greets_with: bytes, answers: list[bytes]) -> Talk:
    def talk(client: socket.socket, heard: bytearray) -> None:
        client.sendall(packet(0, greeting(greets_with)))
        number = 2
        for answer in answers:
            if not hear(client, heard):
                return
            client.sendall(packet(number, answer))
            number += 2
        hear(client, heard)

    return talk


OK = b"\0\0\0\x02\0\0\0"


def check(kind: str, port: int, folder: Path) -> DestinationError:
    settings: dict[str, Any] = {
        "host": "127.0.0.1", "port": port, "database": "warehouse", "username": "loader", "password": PASSWORD,
    }  # fmt: skip
    with pytest.raises(DestinationError) as error:
        open_destination(kind, settings, folder).check()
    return error.value


@pytest.mark.parametrize("method", [struct.pack("!i", 3), struct.pack("!i", 7)], ids=["cleartext", "gss"])
def test_postgresql_never_gets_the_password_in_clear(tmp_path: Path, method: bytes) -> None:
    with server(postgresql_asks(method)) as (port, heard):
        error = check("postgresql", port, tmp_path)
    assert error.fault is Fault.PASSWORD_IN_CLEAR
    assert b"loader" in heard
    assert PASSWORD.encode() not in heard


MYSQL = {
    "clear from the start": (b"mysql_clear_password", [OK]),
    "switched to clear": (b"mysql_native_password", [b"\xfemysql_clear_password\0"]),
    "switched to dialog": (b"mysql_native_password", [b"\xfedialog\0\x04Password: "]),
    "switched to the old one": (b"mysql_native_password", [b"\xfemysql_old_password\x0012345678"]),
    "sha256 with a key of its own": (b"sha256_password", [b"\x01-----BEGIN PUBLIC KEY-----"]),
    "switched to sha256": (b"mysql_native_password", [b"\xfesha256_password\x0012345678901234567890\0"]),
    "caching sha2, all of it": (b"caching_sha2_password", [b"\x01\x04", b"\x01-----BEGIN PUBLIC KEY-----"]),
}


@pytest.mark.parametrize("name", MYSQL)
def test_mysql_never_gets_the_password_itself(tmp_path: Path, name: str) -> None:
    with server(mysql_asks(*MYSQL[name])) as (port, heard):
        error = check("mysql", port, tmp_path)
    assert error.fault is Fault.PASSWORD_IN_CLEAR, error.detail
    assert b"loader" in heard
    assert PASSWORD.encode() not in heard


def test_mysql_gets_no_file_of_this_machine(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("what nobody may read")

    def talk(client: socket.socket, heard: bytearray) -> None:
        client.sendall(packet(0, greeting(b"mysql_native_password")))
        hear(client, heard)
        client.sendall(packet(2, OK))
        while hear(client, heard):
            client.sendall(packet(1, b"\xfb" + str(secret).encode()))

    with server(talk) as (port, heard):
        error = check("mysql", port, tmp_path)
    assert error.fault is Fault.ASKS_FOR_FILES, error.detail
    assert b"what nobody" not in heard


@pytest.mark.parametrize(("kind", "talk"), [("postgresql", postgresql_asks(struct.pack("!i", 3))),
                                            ("mysql", mysql_asks(b"mysql_native_password", [OK]))])  # fmt: skip
def test_a_server_without_tls_gets_nothing_where_tls_is_required(tmp_path: Path, kind: str, talk: Talk) -> None:
    with server(talk) as (port, heard):
        settings = {"host": "127.0.0.1", "port": port, "database": "w", "username": "loader", "password": PASSWORD}
        with pytest.raises(DestinationError) as error:
            open_destination(kind, settings | {"tls": "required"}, tmp_path).check()
    assert (error.value.fault, error.value.field) == (Fault.NO_TLS, "tls")
    assert b"loader" not in heard


@pytest.mark.parametrize("variable", ["PGHOSTADDR", "PGPASSFILE", "PGSSLMODE", "PGREQUIREAUTH", "PGOPTIONS"])
def test_the_environment_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, postgresql_address: str
) -> None:
    (tmp_path / "pgpass").write_text("*:*:*:*:from-a-file\n")
    (tmp_path / "pgpass").chmod(0o600)
    values = {"PGHOSTADDR": "127.0.0.9", "PGPASSFILE": str(tmp_path / "pgpass"), "PGSSLMODE": "verify-full",
              "PGREQUIREAUTH": "password", "PGOPTIONS": "-c nonsense=1"}  # fmt: skip
    monkeypatch.setenv(variable, values[variable])
    host, _, port = postgresql_address.rpartition("@")[2].partition(":")
    settings = {"host": host, "port": int(port), "database": "postgres", "username": "postgres", "password": ""}
    assert not open_destination("postgresql", settings, tmp_path).has_table(Table("nowhere", "nothing"))


def endless_greeting(client: socket.socket, _heard: bytearray) -> None:
    for number in itertools.count():
        client.sendall(b"\xff\xff\xff" + bytes([number % 256]) + b"\x0a" * 0xFFFFFF)


def test_a_server_without_end_fills_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "MEMORY_BYTES", 200 << 20)
    monkeypatch.setattr(checking, "CHECK_SECONDS", 60)
    with server(endless_greeting) as (port, _):
        settings = {"host": "127.0.0.1", "port": port, "database": "w", "username": "loader", "password": PASSWORD}
        with pytest.raises(DestinationError) as error:
            checking.check("mysql", settings, tmp_path)
    # It ended by itself, and didn't have to be ended.
    assert error.value.fault is Fault.UNEXPECTED
