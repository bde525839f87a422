"""Where notices may go and where not, and receivers that never come to an end."""

from __future__ import annotations

import gzip
import itertools
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from datasync_flask.extensions import db
from datasync_flask.notices import courier, targets
from datasync_flask.notices.failures import NotSent
from datasync_flask.notices.models import Channel
from datasync_flask.security.crypto import SecretBox
from tests.notices.test_notices import add, press_test
from tests.support.visitor import Visitor
from tests.support.worker import work_off
from tools import translations

Answer = Callable[[socket.socket], None]


@pytest.fixture
def answering() -> Iterator[Callable[[Answer], int]]:
    """Start servers that read a request and answer it as a function says; give their ports."""
    servers = []

    def start(answer: Answer) -> int:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.recv(65536)
                try:
                    answer(self.request)
                except OSError:
                    return

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        servers.append((server, thread))
        return int(server.server_address[1])

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def endless(request: socket.socket) -> None:
    request.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    while True:
        request.sendall(b"x" * 65536)


def endless_headers(request: socket.socket) -> None:
    request.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in itertools.count():
        request.sendall(f"X-{number}: {'x' * 1000}\r\n".encode())


def dripping(request: socket.socket) -> None:
    request.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        request.sendall(b"x")
        time.sleep(0.2)


BOMB = gzip.compress(b"\0" * 30_000_000, 1)


def bomb(request: socket.socket) -> None:
    body = BOMB
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    request.sendall(head.encode() + body)


def silent(request: socket.socket) -> None:
    request.recv(1)


ORDER = {"allow_internal": True, "content": "{}", "signing_key": "key", "title": "x", "body": "y"}


def outcome(kind: str, target: str, **changes: Any) -> str:
    try:
        courier.deliver({**ORDER, "kind": kind, "target": target, **changes})
    except NotSent as failure:
        return str(failure)
    return "sent"


@pytest.mark.parametrize("answer", [endless_headers, dripping, silent, endless, bomb])
@pytest.mark.parametrize("kind", ["webhook", "service"])
@pytest.mark.slow
def test_receivers_without_end(
    answering: Callable[[Answer], int], monkeypatch: pytest.MonkeyPatch, kind: str, answer: Answer
) -> None:
    monkeypatch.setattr(courier, "TOTAL_SECONDS", 8)
    port = answering(answer)
    address = f"http://127.0.0.1:{port}/" if kind == "webhook" else f"json://127.0.0.1:{port}/"
    found = outcome(kind, address)
    if answer is dripping:
        # The bound on the whole ends it, not one on a step, which is longer.
        assert found == "there was no whole answer within 8 seconds"
    elif kind == "webhook" and answer in {endless, bomb}:
        # The status says that it took the message; what follows isn't read.
        assert found == "sent"
    else:
        assert found != "sent"


@pytest.mark.slow
def test_a_mail_server_without_end(answering: Callable[[Answer], int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "TOTAL_SECONDS", 4)

    def greet(request: socket.socket) -> None:
        while True:
            request.sendall(b"220-here\r\n" * 1000)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _handler(greet)) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        url = f"smtp://127.0.0.1:{server.server_address[1]}"
        # It returns, because the time is over or the memory is full.
        assert outcome("email", "team@example.com", smtp_url=url, sender="a@example.com") != "sent"
        server.shutdown()
        thread.join()


def _handler(answer: Answer) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                answer(self.request)
            except OSError:
                return

    return Handler


def test_nothing_goes_in_clear_to_a_mail_server_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that offers no STARTTLS gets neither the password nor the message, unless that was chosen."""
    said: list[bytes] = []

    def talk(request: socket.socket) -> None:
        request.sendall(b"220 here\r\n")
        while line := request.recv(1000):
            said.append(line)
            request.sendall(b"250 ok\r\n")

    with socketserver.ThreadingTCPServer(("0.0.0.0", 0), _handler(talk)) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        # Another address of this machine stands for one elsewhere.
        url = f"smtp://user:pa55@127.0.0.2:{server.server_address[1]}"
        found = outcome("email", "team@example.com", smtp_url=url, sender="a@example.com")
        assert "offers no encryption" in found
        assert b"AUTH" not in b"".join(said)
        assert b"team@example.com" not in b"".join(said)
        outcome(
            "email", "team@example.com", smtp_url=f"{url}?tls=off".replace("user:pa55@", ""), sender="a@example.com"
        )
        assert b"team@example.com" in b"".join(said)
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "::127.0.0.1", "224.0.0.1", "ff02::1", "fd00:ec2::254", "255.255.255.255",
    ],
)  # fmt: skip
def test_internal_addresses_are_known_as_such(address: str) -> None:
    assert targets.is_internal(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_internet(address: str) -> None:
    assert not targets.is_internal(address)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "localhost.", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0"],
)
@pytest.mark.slow
def test_internal_receivers_get_nothing_unless_an_administrator_allowed_it(
    answering: Callable[[Answer], int], host: str
) -> None:
    asked: list[bool] = []

    def take(request: socket.socket) -> None:
        asked.append(True)
        request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    port = answering(take)
    assert "internal address" in outcome("webhook", f"https://{host}:{port}/", allow_internal=False)
    found = outcome("service", f"jsons://{host.strip('[]')}:{port}/", allow_internal=False)
    assert found != "sent"
    assert asked == []


def test_what_is_connected_to_is_what_was_checked() -> None:
    """A name that leads elsewhere at the second look-up: the address itself is checked when it is connected to."""
    limits = courier._Limits(allow_internal=False)
    with pytest.raises(PermissionError, match=r"leads to 127\.0\.0\.1"):
        limits._audit("socket.connect", (None, ("127.0.0.1", 80)))
    with pytest.raises(PermissionError, match="a socket of this machine"):
        limits._audit("socket.connect", (None, "/run/docker.sock"))
    limits._audit("socket.connect", (None, ("8.8.8.8", 443)))


@pytest.mark.slow
def test_redirects_are_not_followed(answering: Callable[[Answer], int]) -> None:
    reached: list[bool] = []

    def take(request: socket.socket) -> None:
        reached.append(True)
        request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    behind = answering(take)

    def lead_on(request: socket.socket) -> None:
        where = f"http://127.0.0.1:{behind}/"
        request.sendall(f"HTTP/1.1 307 Elsewhere\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n".encode())

    port = answering(lead_on)
    assert "307" in outcome("webhook", f"http://127.0.0.1:{port}/")
    assert outcome("service", f"json://127.0.0.1:{port}/") != "sent"
    assert reached == []


def test_a_service_gets_through(answering: Callable[[Answer], int]) -> None:
    port = answering(lambda request: request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    assert outcome("service", f"json://127.0.0.1:{port}/") == "sent"


@pytest.mark.parametrize("between", [",", ";", "?x=1,", "&"])
@pytest.mark.slow
def test_one_address_is_one_service(answering: Callable[[Answer], int], between: str) -> None:
    reached = []

    def take(request: socket.socket) -> None:
        reached.append(True)
        request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    first, second = answering(take), answering(take)
    outcome("service", f"json://127.0.0.1:{first}/{between}json://127.0.0.1:{second}/")
    assert len(reached) == 1


@pytest.mark.parametrize(
    "target",
    [
        "syslog://", "rsyslog://127.0.0.1", "dbus://", "qt://", "kde://", "glib://", "gnome://", "macosx://", "windows://",
        "file:///etc/passwd", "mailto://user:pass@example.com", "irc://example.com/x", "exec://x", "growl://127.0.0.1",
        "amqp://example.com/x", "vapid://x", "fcm://x/y", "apprise://example.com/x", "SYSLOG://", "myplugin://x",
        "discord://1/2?template=/etc/passwd", "jsons://example.com/?verify=no", "slack://a/b/c?Template=/etc/passwd",
        "jsons://example.com/?x=1;verify=no", "jsons://example.com/?;VERIFY=no", "jsons://example.com/?%76erif%79=no",
        "jsons://example.com/?x=1&%20verify=no", "discord://1/2?x=1;templat%65=/etc/passwd",
    ],
)  # fmt: skip
@pytest.mark.slow
def test_kinds_that_reach_into_this_machine_are_refused(app: Flask, visitor: Visitor, target: str) -> None:
    fields = {"kind": "service", "target": target, "description": "x", "allow_internal": "1"}
    visitor.get("/notices")
    assert visitor.post("/notices", fields).status_code == 422
    assert visitor.error_at("target")
    # One that was stored by an earlier version isn't sent to any more, and says why.
    with app.app_context():
        box: SecretBox = app.extensions["secret_box"]
        db.session.add(Channel(kind="service", description="old", target_sealed=box.seal(target), allow_internal=True))
        db.session.commit()
    press_test(app, visitor)
    assert "failed:" in visitor.text
    assert "notices can go to" in visitor.text or "aren’t used" in visitor.text


@pytest.mark.parametrize(
    ("kind", "target", "wording"),
    [
        ("webhook", "http://hooks.example.com/x", "unencrypted"),
        ("webhook", "http://127.0.0.1/x", "unencrypted"),
        ("webhook", "https://127.0.0.1/x", "internal"),
        ("webhook", "https://[::1]/x", "internal"),
        ("webhook", "https://169.254.169.254/latest", "internal"),
        ("service", "json://example.com/x", "unencrypted"),
        ("service", "jsons://10.0.0.1/x", "internal"),
    ],
)
def test_what_needs_a_choice(visitor: Visitor, kind: str, target: str, wording: str) -> None:
    fields = {"kind": kind, "target": target, "description": "x"}
    visitor.get("/notices")
    assert visitor.post("/notices", fields).status_code == 422
    assert wording in visitor.error_at("target")
    assert visitor.post("/notices", {**fields, "allow_internal": "1"}).status_code in {200, 303}


def test_the_choice_can_be_taken_back(app: Flask, visitor: Visitor, answering: Callable[[Answer], int]) -> None:
    port = answering(lambda request: request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    add(visitor, "webhook", f"http://127.0.0.1:{port}/")
    press_test(app, visitor)
    assert "Test sent" in visitor.text
    visitor.get("/notices")
    (form,) = [form for form in visitor.page.forms if form.xpath(".//input[@name='allow_internal'][@checked]")]
    values = {name: value for name, value in form.form_values() if name != "allow_internal"}
    visitor.post(form.get("action"), values)
    press_test(app, visitor)
    assert "unencrypted" in visitor.text


def test_the_page_itself_asks_nobody(app: Flask, visitor: Visitor, answering: Callable[[Answer], int]) -> None:
    asked: list[bool] = []
    port = answering(lambda _: asked.append(True))
    add(visitor, "webhook", f"http://127.0.0.1:{port}/")
    visitor.get("/notices")
    (form,) = [form for form in visitor.page.forms if (form.get("action") or "").endswith("/test")]
    for _ in range(3):
        visitor.post(form.get("action"), dict(form.form_values()))
    assert asked == []
    fragment = visitor.get("/notices/ways")
    assert "Sending a test…" in fragment.text
    assert 'hx-trigger="every' in fragment.text
    work_off(app)
    assert len(asked) == 1
    assert "hx-trigger" not in visitor.get("/notices/ways").text


@pytest.mark.slow
def test_why_an_address_is_refused_is_translated(app: Flask) -> None:
    with app.test_request_context(headers={"Accept-Language": "de"}):
        for kind, target in (
            ("webhook", "http://hooks.example.com/"),
            ("webhook", "https://127.0.0.1/"),
            ("service", "syslog://"),
            ("service", "jsons://hooks.example.com/?template=/etc/passwd"),
        ):
            with pytest.raises(targets.TargetRefused) as refusal:
                targets.check(kind, target, allow_internal=False)
            assert refusal.value.message in {message.id for message in translations.template()}, refusal.value.message
            assert str(refusal.value) == refusal.value.message % refusal.value.values
