"""What can be wrong with an object store, found by a check and told at its field."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from datasync_flask.destinations.base import DestinationError, Fault
from datasync_flask.destinations.registry import open_destination
from datasync_flask.problems.destination import DESTINATION
from tests.support.servers import ObjectStore
from tests.support.store_proxy import refusing

pytestmark = pytest.mark.checks_apart

ELSEWHERE = {
    "bucket": "lake", "prefix": "", "endpoint": "http://127.0.0.1:1", "region": "", "access_key": "writer",
    "password": "writer-secret",
}  # fmt: skip


def found_by_check(settings: dict[str, str], folder: Path) -> DestinationError:
    with pytest.raises(DestinationError) as error:
        open_destination("object_storage", settings, folder).check()
    assert "writer-secret" not in str(error.value)
    assert DESTINATION[error.value.fault].meaning
    return error.value


FAULTS = {
    "no bucket": ({"bucket": "lake-elsewhere"}, Fault.NO_BUCKET, "bucket"),
    "unknown key": ({"access_key": "stranger"}, Fault.KEY_REFUSED, "access_key"),
    "wrong secret": ({"password": "guess"}, Fault.SECRET_REFUSED, "password"),
    "no secret": ({"password": ""}, Fault.SECRET_REFUSED, "password"),
    "only reads": ({"access_key": "reader", "password": "reader-secret"}, Fault.NO_RIGHT_IN_BUCKET, "bucket"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_what_a_real_store_refuses(store: ObjectStore, tmp_path: Path, what: str) -> None:
    changes, fault, field = FAULTS[what]
    error = found_by_check(store.settings(**changes), tmp_path)
    assert (error.fault, error.field) == (fault, field)


ADDRESSES = {
    "nothing listens": ("http://127.0.0.1:1", Fault.NOT_REACHABLE),
    "no such host": ("https://no-such-host.invalid", Fault.HOST_NOT_FOUND),
}


@pytest.mark.parametrize("what", ADDRESSES)
def test_an_endpoint_that_is_not_there(tmp_path: Path, what: str) -> None:
    endpoint, fault = ADDRESSES[what]
    error = found_by_check(ELSEWHERE | {"endpoint": endpoint}, tmp_path)
    assert (error.fault, error.field) == (fault, "endpoint")


def test_a_store_without_tls(store: ObjectStore, tmp_path: Path) -> None:
    error = found_by_check(store.settings(endpoint=f"https://127.0.0.1:{store.port}"), tmp_path)
    assert (error.fault, error.field) == (Fault.NO_TLS, "endpoint")


@pytest.fixture
def stranger() -> Iterator[int]:
    """A server whose certificate nobody here knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                except OSError:
                    return
                try:
                    with plain, context.wrap_socket(plain, server_side=True) as connection:
                        connection.recv(1)
                        pytest.fail("something was sent")
                except OSError:
                    continue

        serving = threading.Thread(target=serve)
        serving.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        serving.join()


def test_a_certificate_that_nobody_trusts(stranger: int, tmp_path: Path) -> None:
    error = found_by_check(ELSEWHERE | {"endpoint": f"https://127.0.0.1:{stranger}"}, tmp_path)
    assert (error.fault, error.field) == (Fault.CERTIFICATE_REFUSED, "endpoint")


ANSWERS = {
    "clock": (403, "RequestTimeTooSkewed", Fault.CLOCK_WRONG, ""),
    "region": (400, "AuthorizationHeaderMalformed", Fault.WRONG_REGION, "region"),
    "another region": (301, "PermanentRedirect", Fault.WRONG_REGION, "region"),
    "expired key": (403, "ExpiredToken", Fault.KEY_REFUSED, "access_key"),
    "busy": (503, "SlowDown", Fault.TOO_SLOW, "endpoint"),
    "full": (507, "XMinioStorageFull", Fault.BUCKET_FULL, "bucket"),
    "no conditions": (501, "NotImplemented", Fault.NO_CONDITIONS, "endpoint"),
    "broken": (500, "InternalError", Fault.UNEXPECTED, ""),
}


@pytest.mark.parametrize("what", ANSWERS)
@pytest.mark.slow
def test_what_stores_answer(tmp_path: Path, what: str) -> None:
    status, code, fault, field = ANSWERS[what]
    with refusing(lambda *_: (status, code)) as endpoint:
        error = found_by_check(ELSEWHERE | {"endpoint": endpoint}, tmp_path)
    assert (error.fault, error.field) == (fault, field)


@pytest.mark.parametrize("header", ["If-None-Match", "If-Match"])
def test_a_store_that_ignores_conditions(store: ObjectStore, tmp_path: Path, header: str) -> None:
    with refusing(lambda *_: None, store.port, ignores=header) as endpoint:
        error = found_by_check(store.settings(endpoint=endpoint), tmp_path)
    assert (error.fault, error.field) == (Fault.NO_CONDITIONS, "endpoint")


@pytest.mark.parametrize(
    ("method", "doing"), [("PUT", "writing"), ("GET", "listing"), ("GET", "reading"), ("DELETE", "deleting")]
)
def test_a_right_that_is_missing_is_named(store: ObjectStore, tmp_path: Path, method: str, doing: str) -> None:
    def rule(asked: str, path: str) -> tuple[int, str] | None:
        is_it = asked == method and (method != "GET" or ("list-type" in path) == (doing == "listing"))
        return (403, "AccessDenied") if is_it else None

    with refusing(rule, store.port) as endpoint:
        error = found_by_check(store.settings(endpoint=endpoint), tmp_path)
    assert (error.fault, error.field) == (Fault.NO_RIGHT_IN_BUCKET, "bucket")
    assert error.detail == f"{doing}: AccessDenied: Told by the store."


def test_a_check_leaves_nothing_behind(store: ObjectStore, tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []
    with refusing(lambda method, path: asked.append((method, path)), store.port) as endpoint:
        open_destination("object_storage", store.settings(endpoint=endpoint), tmp_path).check()
    written = {path for method, path in asked if method == "PUT"}
    assert written == {path for method, path in asked if method == "DELETE"} != set()


ROLE = {"AWS_ACCESS_KEY_ID": "writer", "AWS_SECRET_ACCESS_KEY": "writer-secret"}


def test_the_machines_own_role(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ROLE.items():
        monkeypatch.setenv(name, value)
    # Where it goes is said by the settings alone.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    open_destination("object_storage", store.settings(access_key="", password=""), tmp_path).check()


def test_a_key_is_used_without_what_the_environment_says(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "of-something-else")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    open_destination("object_storage", store.settings(), tmp_path).check()
