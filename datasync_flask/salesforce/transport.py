"""HTTP towards Salesforce: bounded in time and bytes, no redirect followed, every fault a SalesforceError."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Collection
from typing import Any

import httpx2

from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.hosts import is_trusted_origin

CONNECT_SECONDS = 4.0
READ_SECONDS = 8.0
TOTAL_SECONDS = 12.0
MAX_BYTES = 2_000_000
TIMEOUT = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
USER_AGENT = "datasync_flask"

# httpx2 sets these again for the decoded body.
_BODY_HEADERS = {"content-encoding", "content-length", "transfer-encoding"}


class BoundedClient(httpx2.Client):
    """A client for a few trusted origins whose answers are cut off after TOTAL_SECONDS and MAX_BYTES."""

    def __init__(self, trusted: Collection[str] = ()) -> None:
        self._trusted = trusted
        super().__init__(timeout=TIMEOUT, headers={"User-Agent": USER_AGENT})

    def send(self, request: httpx2.Request, **kwargs: Any) -> httpx2.Response:
        """Send to a trusted origin only. Raises SalesforceError for everything that keeps the answer from coming."""
        url = str(request.url)
        if not is_trusted_origin(url, self._trusted):
            raise SalesforceError(Problem.UNTRUSTED_INSTANCE, f"{request.url.scheme}://{request.url.host}")
        kwargs["stream"] = True
        kwargs["follow_redirects"] = False
        deadline = time.monotonic() + TOTAL_SECONDS
        try:
            response = super().send(request, **kwargs)
            try:
                content = _read(response, deadline)
            finally:
                response.close()
        except httpx2.TimeoutException as error:
            raise SalesforceError(Problem.NO_ANSWER_IN_TIME, f"no answer from {request.url.host}") from error
        except httpx2.ConnectError as error:
            problem = Problem.HOST_NOT_FOUND if _is_unknown_host(error) else Problem.CONNECTION_FAILED
            raise SalesforceError(problem, f"{request.url.host}: {error}") from error
        except httpx2.DecodingError as error:
            raise SalesforceError(Problem.NOT_SALESFORCE, "an answer that could not be unpacked") from error
        except httpx2.RequestError as error:
            raise SalesforceError(Problem.CONNECTION_FAILED, f"{request.url.host}: {error}") from error
        headers = [pair for pair in response.headers.multi_items() if pair[0].lower() not in _BODY_HEADERS]
        return httpx2.Response(response.status_code, headers=headers, content=content, request=request)


def _read(response: httpx2.Response, deadline: float) -> bytes:
    chunks, size = [], 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > MAX_BYTES:
            raise SalesforceError(Problem.NOT_SALESFORCE, f"an answer of more than {MAX_BYTES} bytes")
        if time.monotonic() > deadline:
            raise SalesforceError(Problem.NO_ANSWER_IN_TIME, f"an answer that took over {TOTAL_SECONDS:.0f} seconds")
        chunks.append(chunk)
    return b"".join(chunks)


def _is_unknown_host(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, socket.gaierror):
            return True
        error = error.__cause__ or error.__context__
    return False


def text_of(response: httpx2.Response) -> str:
    """Return the body as text whatever encoding the answer claims."""
    try:
        return response.text
    except (LookupError, ValueError):
        return response.content.decode("utf-8", "replace")


def json_of(response: httpx2.Response) -> Any:
    """Return the body as JSON, or None when it isn't (an HTML page, half an answer)."""
    try:
        return json.loads(response.content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
