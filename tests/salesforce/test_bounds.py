"""Bodies without end, packed too well or trickling, over real HTTP: each is cut off, and memory stays where it was."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from datasync_flask.destinations.base import Column, ColumnType
from datasync_flask.extractions.runs.plan import Choice, make_plan
from datasync_flask.extractions.runs.progress import Progress
from datasync_flask.extractions.runs.reading import Reader
from datasync_flask.salesforce import oauth, objects, query, transport
from datasync_flask.salesforce.answers import COMFORT, Bounds
from datasync_flask.salesforce.api import PATIENT, SalesforceApi
from datasync_flask.salesforce.descriptions import Field, ObjectDescription
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.oauth import TokenAnswer

OBJECT = ObjectDescription("Account", "Account", (Field("Id", "Id", "id"), Field("Name", "Name", "string")))
Sender = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nSforce-Locator: null\r\n"
MEGABYTE = 1_000_000
PACKED = gzip.compress(b" " * 64 * MEGABYTE)
ROWS = b'"1","x"\n' * 10_000
PACKED_ROWS = gzip.compress(b'"Id","Name"\n' + ROWS * 400)


@contextlib.contextmanager
def server(send: Sender) -> Iterator[SalesforceApi]:
    """Yield calls of an org that answers each with what `send` writes, until the other side hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))
    is_over = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(65_536)
            send(connection)

    def serve() -> None:
        while not is_over.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listening.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
    token = TokenAnswer("token", "", origin, "", ())
    api = SalesforceApi(token, "66.0", lambda stale: stale, (origin,), wait=lambda _: None)
    try:
        with api:
            yield api
    finally:
        is_over.set()
        # Wakes accept().
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def endless(piece: bytes, head: bytes = b"") -> Sender:
    def send(connection: socket.socket) -> None:
        connection.sendall(HEAD + head + b"\r\n")
        while True:
            connection.sendall(piece)

    return send


def bomb(connection: socket.socket) -> None:
    """Send 64 megabytes, packed a thousand to one."""
    connection.sendall(HEAD + b"Content-Encoding: gzip\r\n\r\n" + PACKED)


def peak_of(work: Callable[[], object]) -> tuple[SalesforceError, int]:
    """Return what `work` raises, and the bytes by which this process grows meanwhile."""
    # Linux's own count: tracemalloc crashes where threads that hold no GIL allocate (CPython issue 128679).
    Path("/proc/self/clear_refs").write_text("5")
    before = _kilobytes("VmRSS")
    with pytest.raises(SalesforceError) as error:
        work()
    return error.value, (_kilobytes("VmHWM") - before) * 1024


def _kilobytes(what: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what))


def reader(api: SalesforceApi, folder: Path) -> Reader:
    plan = make_plan(OBJECT, Choice("Account", "none"), datetime.now(UTC))
    columns = {"Id": Column("id", ColumnType.TEXT), "Name": Column("name", ColumnType.TEXT)}
    return Reader(api, plan, columns, folder, Progress(job_id="1"))


@pytest.mark.parametrize("send", [endless(b"x" * 65_536), endless(b'"Id",' * 10_000)], ids=["letters", "names"])
def test_a_first_line_without_end_is_given_up(tmp_path: Path, send: Sender) -> None:
    with server(send) as api:
        error, peak = peak_of(reader(api, tmp_path)._read_page)
    assert error.problem is Problem.NOT_SALESFORCE
    assert peak < 30 * MEGABYTE


def test_a_row_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasync_flask.extractions.runs.reading.MAX_BLOCK_BYTES", 4 * MEGABYTE)

    def send(connection: socket.socket) -> None:
        connection.sendall(HEAD + b'\r\n"Id","Name"\n"1","')
        while True:
            connection.sendall(b"x" * 65_536)

    with server(send) as api:
        error, peak = peak_of(reader(api, tmp_path)._read_page)
    assert error.problem is Problem.NOT_SALESFORCE
    assert peak < 100 * MEGABYTE


def packed_rows(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Content-Encoding: gzip\r\n\r\n" + PACKED_ROWS)


@pytest.mark.parametrize("send", [endless(ROWS, b'\r\n"Id","Name"'), packed_rows], ids=["endless", "packed"])
def test_a_page_has_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, send: Sender) -> None:
    limited = transport.unpacked
    monkeypatch.setattr(
        "datasync_flask.extractions.runs.reading.unpacked",
        lambda response, packed: limited(response, packed, 20 * MEGABYTE),
    )
    with server(send) as api:
        error, peak = peak_of(reader(api, tmp_path)._read_page)
    assert "more than 20000000 bytes" in error.detail
    assert peak < 100 * MEGABYTE


def test_json_counts_unpacked() -> None:
    with server(bomb) as api:
        error, peak = peak_of(lambda: api.request("GET", "/services/data/v66.0/limits", bounds=COMFORT))
    assert "more than 2000000 bytes" in error.detail
    assert peak < 8 * MEGABYTE


@pytest.mark.parametrize("packing", [b"gzip, gzip", b"br", b"zstd"])
def test_other_packings_are_not_unpacked(packing: bytes) -> None:
    body = gzip.compress(PACKED)

    def send(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Encoding: " + packing + b"\r\n\r\n" + body)

    with server(send) as api:
        error, peak = peak_of(lambda: objects.describe(api, "Account"))
    assert error.problem is Problem.NOT_SALESFORCE
    assert peak < 8 * MEGABYTE


@pytest.mark.slow
def test_a_body_that_trickles_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "SLOW_AFTER_SECONDS", 0.3)

    def send(connection: socket.socket) -> None:
        connection.sendall(HEAD + b'\r\n"Id","Name"\n')
        while True:
            connection.sendall(b'"1","x"\n')
            threading.Event().wait(0.02)

    with server(send) as api:
        error, _ = peak_of(reader(api, tmp_path)._read_page)
    assert error.problem is Problem.NO_ANSWER_IN_TIME


def test_headers_without_end_are_given_up() -> None:
    def send(connection: socket.socket) -> None:
        connection.sendall(HEAD)
        while True:
            connection.sendall(b"X-Filler: " + b"x" * 8_000 + b"\r\n")

    with server(send) as api:
        error, peak = peak_of(lambda: objects.describe(api, "Account"))
    assert error.problem is Problem.CONNECTION_FAILED
    assert peak < 8 * MEGABYTE


def test_a_refusal_without_end_is_read_only_so_far(tmp_path: Path) -> None:
    def send(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 500 No\r\nContent-Type: text/html\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65_536)

    with server(send) as api:
        error, peak = peak_of(reader(api, tmp_path)._read_page)
    assert error.problem is Problem.NOT_SALESFORCE
    assert peak < 12 * MEGABYTE


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b""], ids=["one header", "early hints"])
def test_a_head_that_drips_is_given_up(head: bytes) -> None:
    def send(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(150):
            connection.sendall(b"x" if head else b"HTTP/1.1 103 Early Hints\r\n\r\n")
            threading.Event().wait(0.02)
        connection.sendall(b"\r\nContent-Length: 2\r\n\r\n[]" if head else b"HTTP/1.1 200 OK\r\n\r\n[]")

    bounds = Bounds(tries=1, timeout=PATIENT.timeout, seconds=0.3)
    with server(send) as api, pytest.raises(SalesforceError) as error:
        api.request("GET", "/services/data/", bounds=bounds)
    assert error.value.problem is Problem.NO_ANSWER_IN_TIME


def test_a_token_answer_whose_head_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport.BoundedClient, "_total_seconds", 0.3)

    def send(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 No\r\nX-Slow: ")
        for _ in range(150):
            connection.sendall(b"x")
            threading.Event().wait(0.02)
        connection.sendall(b'\r\nContent-Length: 25\r\n\r\n{"error":"invalid_grant"} ')

    with server(send) as api:
        app = oauth.AppCredentials(api.token.instance_url, "3MVG", "secret", (api.token.instance_url,))
        with pytest.raises(SalesforceError) as error:
            oauth.refresh(app, "refresh")
    assert error.value.problem is Problem.NO_ANSWER_IN_TIME


def pages(answers: list[bytes]) -> Sender:
    """Answer one request after the other, the last answers again and again."""
    numbers = itertools.cycle(range(len(answers)))
    return lambda connection: connection.sendall(answers[next(numbers)])


def csv_page(locator: bytes) -> bytes:
    body = b'"Id","Name"\n"1","x"\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nConnection: close\r\nSforce-NumberOfRecords: 1\r\n"
    return head + b"Sforce-Locator: " + locator + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def json_page(next_path: str) -> bytes:
    body = json.dumps({"totalSize": 9, "done": False, "records": [{"Id": "1"}], "nextRecordsUrl": next_path}).encode()
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def in_time(found: Reader) -> Reader:
    """Have reading fail where it goes on for ever."""
    found.api.wait = lambda _: None if found.progress.pages < 20 else pytest.fail("it goes on for ever")
    return found


@pytest.mark.parametrize("locators", [[b"A"], [b"A", b"B"], [b"A", b"B", b"C"]])
def test_bulk_pages_in_a_circle_end_with_their_own_reason(
    tmp_path: Path, locators: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasync_flask.salesforce.bulk.wait_for_job", lambda *_: None)
    with server(pages([csv_page(locator) for locator in locators])) as api:
        found = in_time(reader(api, tmp_path))
        with pytest.raises(SalesforceError) as error:
            list(found._read_job())
    assert error.value.problem is Problem.PAGES_REPEAT


@pytest.mark.parametrize("count", [1, 2, 3])
def test_rest_pages_in_a_circle_end_with_their_own_reason(tmp_path: Path, count: int) -> None:
    answers = [json_page(f"/services/data/v66.0/query/01g-{number}") for number in range(count)]
    with server(pages(answers)) as api:
        found = in_time(reader(api, tmp_path))
        with pytest.raises(SalesforceError) as error:
            list(found._read_rest())
    assert error.value.problem is Problem.PAGES_REPEAT


@pytest.mark.parametrize("path", ["query/01g-1", "/queryAll/01g-1"])
def test_a_next_page_may_be_below_the_versions_address(path: str) -> None:
    with server(pages([json_page(path)])) as api:
        page = query.first_page(api, "SELECT Id FROM Account")
    assert page.next_path == f"/services/data/v66.0/{path.lstrip('/')}"


def test_a_next_page_may_have_the_orgs_own_address_and_no_other(tmp_path: Path) -> None:
    path, last = (
        "/services/data/v66.0/query/01g-1",
        json.dumps({"totalSize": 2, "done": True, "records": [{"Id": "2"}]}),
    )
    for host, is_read in (("", True), ("{own}", True), ("{own}0", False), ("http://127.0.0.1.example.com", False)):
        answers = [b"", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + last.encode()]
        with server(pages(answers)) as api:
            answers[0] = json_page(host.format(own=api.token.instance_url) + path)
            found = in_time(reader(api, tmp_path))
            if is_read:
                list(found._read_rest())
                assert found.progress.rows == 2
                continue
            with pytest.raises(SalesforceError) as error:
                list(found._read_rest())
            assert error.value.problem is Problem.NOT_SALESFORCE
