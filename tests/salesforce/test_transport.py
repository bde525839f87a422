"""What an odd remote end can do to us, over real HTTP."""

from __future__ import annotations

import contextlib
import gzip
import socket
import socketserver
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from werkzeug.serving import make_server

from datasync_flask.practice_org.org import Org
from datasync_flask.practice_org.server import QuietHandler, create_practice_org
from datasync_flask.salesforce import oauth, objects, transport
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.transport import BoundedClient, json_of, text_of
from tests.support.practice import PracticeOrg
from tests.support.servers import free_port


def ask(practice: PracticeOrg) -> transport.httpx2.Response:
    with BoundedClient((practice.origin,)) as client:
        return client.get(practice.origin + "/services/data/")


def problem_of(practice: PracticeOrg) -> Problem:
    with pytest.raises(SalesforceError) as error:
        ask(practice)
    return error.value.problem


def test_a_proper_answer(practice: PracticeOrg) -> None:
    assert json_of(ask(practice))[0]["version"] == "31.0"


def test_redirects_are_not_followed(practice: PracticeOrg) -> None:
    practice.fault("api", status=302, headers={"Location": "https://evil.example/"})
    assert ask(practice).status_code == 302


def test_a_reset(practice: PracticeOrg) -> None:
    practice.fault("api", kind="reset")
    assert problem_of(practice) is Problem.CONNECTION_FAILED


def test_an_endless_answer_is_cut_off(practice: PracticeOrg) -> None:
    practice.fault("api", kind="endless")
    assert problem_of(practice) is Problem.NOT_SALESFORCE


def test_a_silent_remote_end(practice: PracticeOrg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", transport.httpx2.Timeout(0.3))
    practice.fault("api", kind="hang", seconds=1)
    assert problem_of(practice) is Problem.NO_ANSWER_IN_TIME


def test_broken_compression(practice: PracticeOrg) -> None:
    practice.fault("api", body="not gzip", headers={"Content-Encoding": "gzip"})
    assert problem_of(practice) is Problem.NOT_SALESFORCE


def test_nothing_listens() -> None:
    origin = f"http://127.0.0.1:{free_port()}"
    with BoundedClient((origin,)) as client, pytest.raises(SalesforceError) as error:
        client.get(origin)
    assert error.value.problem is Problem.CONNECTION_FAILED


def test_no_such_host() -> None:
    with BoundedClient() as client, pytest.raises(SalesforceError) as error:
        client.get("https://no-such-org-at-all.my.salesforce.com/")
    assert error.value.problem is Problem.HOST_NOT_FOUND


@pytest.mark.parametrize(
    "url", ["https://evil.example/", "http://acme.my.salesforce.com/", "https://x@acme.my.salesforce.com/"]
)
def test_nothing_is_sent_elsewhere(url: str) -> None:
    with BoundedClient() as client, pytest.raises(SalesforceError) as error:
        client.get(url)
    assert error.value.problem is Problem.UNTRUSTED_INSTANCE


@pytest.mark.parametrize("kind", ["text/html; charset=no-such-charset", "text/html; charset=utf-16", "text/html"])
def test_odd_encodings_are_read_somehow(practice: PracticeOrg, kind: str) -> None:
    practice.fault("api", body="<p>wörds</p>", headers={"Content-Type": kind})
    assert isinstance(text_of(ask(practice)), str)


def test_half_json_is_none(practice: PracticeOrg) -> None:
    practice.fault("api", body='[{"version": "6', headers={"Content-Type": "application/json"})
    assert json_of(ask(practice)) is None


@pytest.mark.parametrize(
    ("packing", "pack"),
    [("gzip", gzip.compress), ("X-GZip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes), ("", bytes)],
)
def test_a_body_is_unpacked(packing: str, pack: Callable[[bytes], bytes]) -> None:
    body = pack(b'"Id"\n' * 1000)
    response = transport.httpx2.Response(
        200,
        headers={"Content-Encoding": packing},
        content=(body[start : start + 7] for start in range(0, len(body), 7)),
    )
    assert b"".join(transport.pieces_of(response)) == b'"Id"\n' * 1000


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def fresh_trust() -> Iterator[None]:
    """What the environment names as trusted is read once per process."""
    transport.trust.cache_clear()
    yield
    transport.trust.cache_clear()


@pytest.fixture
def encrypted(authority: trustme.CA, request: pytest.FixtureRequest) -> Iterator[str]:
    """A server behind TLS, with a certificate for the name that the test's parameter gives."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    name, until = getattr(request, "param", "127.0.0.1"), None
    if name == "expired":
        name, until = "127.0.0.1", datetime.now(UTC) - timedelta(days=1)
    authority.issue_cert(name, not_after=until).configure_cert(context)

    def answer(_environ: object, start: object) -> list[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])  # type: ignore[operator]
        return [b"reached"]

    server = make_server("127.0.0.1", 0, answer, threaded=True, ssl_context=context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_authority_that_is_not_trusted_is_named_as_that(encrypted: str) -> None:
    with BoundedClient((encrypted,)) as client, pytest.raises(SalesforceError) as error:
        client.get(encrypted)
    assert error.value.problem is Problem.CERTIFICATE_NOT_TRUSTED
    assert "issuer certificate" in error.value.detail


@pytest.mark.usefixtures("fresh_trust")
@pytest.mark.parametrize(
    ("encrypted", "said"), [("other.example", "mismatch"), ("expired", "expired")], indirect=["encrypted"]
)
def test_a_certificate_for_another_host_or_one_that_has_expired(
    encrypted: str, said: str, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with BoundedClient((encrypted,)) as client, pytest.raises(SalesforceError) as error:
        client.get(encrypted)
    assert error.value.problem is Problem.CERTIFICATE_NOT_TRUSTED
    assert said in error.value.detail


@pytest.mark.usefixtures("fresh_trust")
def test_the_file_that_ssl_cert_file_names_is_trusted(
    encrypted: str, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with BoundedClient((encrypted,)) as client:
        assert client.get(encrypted).text == "reached"


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    """A proxy that notes which CONNECT it is asked for, and lets none through."""
    asked: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                asked.append(peer.recv(4096).decode().split("\r\n")[0])
                peer.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_salesforce_is_asked_through_the_proxy_and_this_machine_is_not(
    practice: PracticeOrg, proxy: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, asked = proxy
    monkeypatch.setenv("HTTPS_PROXY", address)
    monkeypatch.setenv("HTTP_PROXY", address)
    with BoundedClient() as client, pytest.raises(SalesforceError) as error:
        client.get("https://acme.my.salesforce.com/")
    assert error.value.problem is Problem.CONNECTION_FAILED
    assert asked == ["CONNECT acme.my.salesforce.com:443 HTTP/1.1"]
    assert ask(practice).status_code == 200
    assert len(asked) == 1


ACME = "acme.my.salesforce.com"


@pytest.fixture
def tunnel(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A proxy that lets CONNECT through, to a practice org that stands for acme.my.salesforce.com; gives what it was
    asked for.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(ACME).configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    org = create_practice_org(Org(propagation=0))
    server = make_server("127.0.0.1", 0, org, threaded=True, ssl_context=context, request_handler=QuietHandler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    asked: list[str] = []

    class Tunnel(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked.append(self.rfile.readline().decode().strip())
            while self.rfile.readline().strip():
                pass
            with socket.create_connection(server.server_address[:2]) as behind:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=self.pump, args=(behind, self.connection), daemon=True)
                back.start()
                self.pump(self.connection, behind)
                back.join(5)

        @staticmethod
        def pump(source: socket.socket, target: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while piece := source.recv(65_536):
                    target.sendall(piece)
                target.shutdown(socket.SHUT_WR)

    proxy = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tunnel)
    proxy.daemon_threads, proxy.block_on_close = True, False
    threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_address[1]}")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    yield asked
    for each in (proxy, server):
        each.shutdown()
        each.server_close()


@pytest.mark.usefixtures("fresh_trust")
def test_everything_goes_through_the_proxy(tunnel: list[str]) -> None:
    with BoundedClient() as client:
        made = client.post(
            f"https://{ACME}/practice/apps",
            json={"callback_urls": ["https://x.example/cb"], "scopes": ["api", "refresh_token"],
                  "propagation_seconds": 0, "client_credentials": True, "run_as": "ada@practice.example"},
        ).json()  # fmt: skip
    token = oauth.exchange_without_person(
        oauth.AppCredentials(f"https://{ACME}", made["client_id"], made["client_secret"])
    )
    assert token.instance_url == f"https://{ACME}"
    with SalesforceApi(token, "66.0", lambda stale: stale) as api:
        assert objects.describe(api, "Account").name == "Account"
    assert set(tunnel) == {f"CONNECT {ACME}:443 HTTP/1.1"}
    assert len(tunnel) == 3


@pytest.mark.usefixtures("fresh_trust")
@pytest.mark.parametrize("exception", [ACME, ".salesforce.com", "salesforce.com", "*"])
def test_no_proxy_is_obeyed(tunnel: list[str], monkeypatch: pytest.MonkeyPatch, exception: str) -> None:
    monkeypatch.setenv("NO_PROXY", f"example.com,{exception}")
    with BoundedClient() as client, pytest.raises(SalesforceError) as error:
        client.get(f"https://{ACME}/")
    # Asked for directly, where there is no such host.
    assert error.value.problem is Problem.HOST_NOT_FOUND
    assert tunnel == []
