"""HTTP to Salesforce: limited in time and bytes, without redirects, every fault a SalesforceError."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from html import escape
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urljoin, urlsplit

import httpx2
from structlog.contextvars import get_contextvars

from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.hosts import is_trusted_origin

CONNECT_SECONDS = 4.0
READ_SECONDS = 8.0
TOTAL_SECONDS = 12.0
MAX_BYTES = 2_000_000
TIMEOUT = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
USER_AGENT = "datasync_flask"

# HTTPS_PROXY, HTTP_PROXY and NO_PROXY apply, but never to this machine itself.
DIRECT: dict[str, httpx2.BaseTransport | None] = {f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")}
# Limits that a request's extensions can set differently from the client's.
MAX_BYTES_KEY, TOTAL_SECONDS_KEY = "max_bytes", "total_seconds"
# A streamed body may be large, but not endless or too slow.
MAX_STREAM_BYTES = 8_000_000_000
MAX_STREAM_SECONDS = 3600.0
SLOW_AFTER_SECONDS, SLOWEST_BYTES_PER_SECOND = 60.0, 1_000
# Other encodings may be stacked, or expand more than a thousandfold.
ENCODINGS = {"", "identity", "gzip", "x-gzip", "deflate"}

# What a request holds that no page, log or history may show.
_SECRET_FIELDS = frozenset(
    {"client_secret", "refresh_token", "code", "code_verifier", "assertion", "client_assertion", "token"}
)
_SECRETS_PLACE = b"\xe2\x80\xa6"
# A shorter one, or one of letters alone, may be a word of the answer.
_SHORTEST_SECRET = 6

# httpx2 sets these again for the decoded body.
_BODY_HEADERS = {b"content-encoding", b"content-length", b"transfer-encoding"}


@cache
def trust() -> ssl.SSLContext:
    """The context for checking certificates: the machine's authorities, or those in SSL_CERT_FILE.

    Reading them for each client would be most of a probe's CPU time.
    """
    return httpx2.create_ssl_context()


# When the current request of this thread has to be over.
_request = threading.local()


@contextmanager
def _over_within(seconds: float) -> Iterator[None]:
    """Limit this thread's reads in the block to `seconds`, or to the caller's earlier deadline."""
    before: float | None = getattr(_request, "until", None)
    until = time.monotonic() + seconds
    _request.until = until if before is None else min(before, until)
    try:
        yield
    finally:
        _request.until = before


class _TimedStream:
    """A connection whose reads end when the request has to be over: httpx2 limits only single reads, so headers that
    come byte by byte could take for ever.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        until: float | None = getattr(_request, "until", None)
        if until is not None:
            left = until - time.monotonic()
            if left <= 0:
                raise httpx2.ReadTimeout("the answer takes too long")
            timeout = left if timeout is None else min(timeout, left)
        found: bytes = self._stream.read(max_bytes, timeout)
        return found

    def start_tls(self, *args: Any, **kwargs: Any) -> _TimedStream:
        return _TimedStream(self._stream.start_tls(*args, **kwargs))


class _TimedNetwork:
    """Opens connections, each with a time limit."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def connect_tcp(self, *args: Any, **kwargs: Any) -> _TimedStream:
        return _TimedStream(self._network.connect_tcp(*args, **kwargs))


def _timed(transport: Any) -> Any:
    # httpx2 has no option to set this, so replace it in the pool.
    transport._pool._network_backend = _TimedNetwork(transport._pool._network_backend)
    return transport


class BoundedClient(httpx2.Client):
    """A client for a few trusted origins that limits answers to `total_seconds` and `max_bytes`."""

    _total_seconds = TOTAL_SECONDS
    _max_bytes = MAX_BYTES

    def __init__(
        self,
        trusted: Collection[str] = (),
        *,
        timeout: httpx2.Timeout | None = None,
        total_seconds: float = TOTAL_SECONDS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._trusted, self._total_seconds, self._max_bytes = trusted, total_seconds, max_bytes
        super().__init__(timeout=timeout or TIMEOUT, headers={"User-Agent": USER_AGENT}, verify=trust(), mounts=DIRECT)

    def _init_transport(self, *args: Any, **kwargs: Any) -> httpx2.BaseTransport:
        found: httpx2.BaseTransport = _timed(super()._init_transport(*args, **kwargs))
        return found

    def _init_proxy_transport(self, *args: Any, **kwargs: Any) -> httpx2.BaseTransport:
        found: httpx2.BaseTransport = _timed(super()._init_proxy_transport(*args, **kwargs))
        return found

    def send(self, request: httpx2.Request, **kwargs: Any) -> httpx2.Response:
        """Send to a trusted origin only. Raises SalesforceError if there is no proper answer."""
        with _over_within(self._seconds_for(request)), self.opened(request, **kwargs) as response:
            return self.whole(response)

    def _seconds_for(self, request: httpx2.Request) -> float:
        return float(request.extensions.get(TOTAL_SECONDS_KEY) or self._total_seconds)

    def whole(self, response: httpx2.Response, *, max_bytes: int = 0) -> httpx2.Response:
        """An open answer with its body read, as far as the request's limits allow. Raises SalesforceError."""
        content, request = self._read(response, max_bytes), response.request
        if response.status_code >= 400:
            # Its words are shown and stored.
            content = _without_secrets_of(request, content)
        # As bytes: one that isn't ASCII couldn't be written again.
        headers = [pair for pair in response.headers.raw if pair[0].lower() not in _BODY_HEADERS]
        return httpx2.Response(response.status_code, headers=headers, content=content, request=request)

    @contextmanager
    def opened(self, request: httpx2.Request, **kwargs: Any) -> Iterator[httpx2.Response]:
        """Yield the answer of a trusted origin before its body is read. Raises SalesforceError, also for errors while
        the caller reads.
        """
        if not is_trusted_origin(str(request.url), self._trusted):
            raise SalesforceError(Problem.UNTRUSTED_INSTANCE, f"{request.url.scheme}://{request.url.host}")
        mark = get_contextvars().get("request_id")
        if mark:
            # Salesforce's event logs store it, so both sides can find the same call.
            request.headers["X-Request-ID"] = mark
        request.headers["Accept-Encoding"] = "gzip, deflate"
        kwargs["stream"] = True
        kwargs["follow_redirects"] = False
        try:
            with _over_within(self._seconds_for(request)):
                response = super().send(request, **kwargs)
            try:
                yield response
            finally:
                response.close()
        except httpx2.TimeoutException as error:
            raise SalesforceError(Problem.NO_ANSWER_IN_TIME, f"no answer from {request.url.host}") from error
        except httpx2.ConnectError as error:
            raise _not_connected(error, request.url.host) from error
        except httpx2.DecodingError as error:
            raise SalesforceError(Problem.NOT_SALESFORCE, "an answer that could not be unpacked") from error
        except httpx2.RequestError as error:
            raise SalesforceError(Problem.CONNECTION_FAILED, f"{request.url.host}: {error}") from error

    def _read(self, response: httpx2.Response, max_bytes: int) -> bytes:
        most = max_bytes or int(response.request.extensions.get(MAX_BYTES_KEY) or self._max_bytes)
        return b"".join(pieces_of(response, most, self._seconds_for(response.request)))


def _without_secrets_of(request: httpx2.Request, content: bytes) -> bytes:
    """An answer without the secrets of its request, which a server or a proxy may repeat in its error."""
    found = [request.headers.get("authorization", "").partition(" ")[2]]
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        fields = parse_qsl(request.content.decode("utf-8", "replace"))
        found += [value for name, value in fields if name in _SECRET_FIELDS]
    for secret in sorted(found, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET and not secret.isalpha():
            for form in {secret, quote(secret, safe=""), quote_plus(secret), escape(secret), json.dumps(secret)[1:-1]}:
                content = content.replace(form.encode(), _SECRETS_PLACE)
    return content


def pieces_of(
    response: httpx2.Response, max_bytes: int = MAX_STREAM_BYTES, max_seconds: float = MAX_STREAM_SECONDS
) -> Iterator[bytes]:
    """Yield a body's unpacked pieces. Raises what packed_pieces_of() and unpacked() raise."""
    return unpacked(response, packed_pieces_of(response, max_seconds), max_bytes)


def packed_pieces_of(response: httpx2.Response, max_seconds: float = MAX_STREAM_SECONDS) -> Iterator[bytes]:
    """Yield a body's pieces as they arrive, for unpacked().

    Raises SalesforceError for a body that is too large or too slow, or that takes over `max_seconds`. Only waiting
    counts, not the caller's work in between.
    """
    size, waited = 0, 0.0
    pieces = response.iter_raw()
    while True:
        asked = time.monotonic()
        piece = next(pieces, None)
        waited += time.monotonic() - asked
        if piece is None:
            return
        size += len(piece)
        _refuse_over(MAX_STREAM_BYTES, size)
        if waited > max_seconds:
            raise SalesforceError(Problem.NO_ANSWER_IN_TIME, f"an answer that took over {max_seconds:.0f} seconds")
        if waited > SLOW_AFTER_SECONDS and size < waited * SLOWEST_BYTES_PER_SECOND:
            raise SalesforceError(Problem.NO_ANSWER_IN_TIME, f"an answer of {size} bytes in {waited:.0f} seconds")
        yield piece


def unpacked(response: httpx2.Response, packed: Iterator[bytes], max_bytes: int = MAX_STREAM_BYTES) -> Iterator[bytes]:
    """Yield what an answer's packed pieces contain, in pieces of a megabyte at most.

    Raises SalesforceError for an encoding we didn't request, and for more than `max_bytes`.
    """
    packing = response.headers.get("content-encoding", "").strip().lower()
    if packing not in ENCODINGS:
        raise SalesforceError(Problem.NOT_SALESFORCE, f"an answer packed as {packing[:40]}")
    size = 0
    # httpx2's decoders, which don't know the old name (RFC 9110 section 8.4.1.3).
    headers = {"Content-Encoding": packing.removeprefix("x-")}
    for piece in httpx2.Response(200, headers=headers, content=packed).iter_bytes():
        size += len(piece)
        _refuse_over(max_bytes, size)
        yield piece


def _refuse_over(max_bytes: int, size: int) -> None:
    if size > max_bytes:
        raise SalesforceError(Problem.NOT_SALESFORCE, f"an answer of more than {max_bytes} bytes")


def _not_connected(error: httpx2.ConnectError, host: str) -> SalesforceError:
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return SalesforceError(Problem.HOST_NOT_FOUND, f"{host}: {error}")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return SalesforceError(Problem.CERTIFICATE_NOT_TRUSTED, f"{host}: {cause.verify_message}")
    return SalesforceError(Problem.CONNECTION_FAILED, f"{host}: {error}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def time_of(response: httpx2.Response) -> datetime | None:
    """The server's clock (RFC 9110 section 6.6.1), or None if the answer doesn't have it."""
    return http_date(response.headers.get("date", ""))


def http_date(text: str) -> datetime | None:
    """The moment that a header names (RFC 9110 section 5.6.7); None for anything else, and for one beyond all years."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def redirect_target(response: httpx2.Response, asked: str) -> str:
    """Where an answer to the address `asked` leads on to; '' where that is no address."""
    try:
        target = urljoin(asked, response.headers.get("location", ""))
        return target if urlsplit(target).hostname else ""
    except ValueError:
        return ""


def text_of(response: httpx2.Response) -> str:
    """The body as text, whatever encoding the answer claims."""
    try:
        return response.text
    except (LookupError, ValueError):
        return response.content.decode("utf-8", "replace")


def json_of(response: httpx2.Response) -> Any:
    """The body as JSON, or None when it isn't (an HTML page, half an answer)."""
    try:
        return json.loads(response.content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
