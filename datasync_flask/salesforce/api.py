"""One client for an org's API: it counts calls with the org's token, and repeats them when that may help.

The requests are functions over it: identity.py, objects.py, query.py, bulk.py. Sources: REST API Developer Guide
"Limit Info Header", "Status Codes and Error Responses".
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2

from datasync_flask.salesforce.address import at_the_orgs_address
from datasync_flask.salesforce.answers import (
    COMFORT,
    MAX_JSON_BYTES,
    REFUSAL_CHARACTERS,
    SMALL_BYTES,
    USUAL,
    Bounds,
    refusal_of,
    says_moved,
)
from datasync_flask.salesforce.data_refusals import classify_api_error, is_passing_page
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.exact_json import loads
from datasync_flask.salesforce.hosts import is_api_origin
from datasync_flask.salesforce.lanes import Lanes
from datasync_flask.salesforce.oauth import TokenAnswer
from datasync_flask.salesforce.transport import (
    MAX_BYTES_KEY,
    TOTAL_SECONDS_KEY,
    BoundedClient,
    json_of,
    text_of,
    time_of,
)
from datasync_flask.salesforce.tries import TRIES, Tries

log = logging.getLogger(__name__)

# The newest version this program was written for; with an older org, we use the org's newest.
PINNED_VERSION = "66.0"

# Not what one app used: per-app-api-usage. No org has more calls than nine digits tell.
_LIMIT_INFO = re.compile(r"(?<![\w-])api-usage=(\d{1,9})/(\d{1,9})(?!\d)", re.A)
# It becomes part of every address.
VERSION = re.compile(r"\d{1,3}\.\d", re.A)

# What pages and refusals come as, whatever their status.
_NO_CSV = ("html", "json", "xml")

T = TypeVar("T")
Refresh = Callable[[TokenAnswer], TokenAnswer]


@dataclass(frozen=True)
class Policy:
    """How long one request may take, and how often it may be tried."""

    timeout: httpx2.Timeout
    seconds: float
    tries: int


PATIENT = Policy(httpx2.Timeout(60.0, connect=10.0), 180.0, TRIES)
# Somebody is waiting for a page: try again only with a renewed token.
INTERACTIVE = Policy(httpx2.Timeout(6.0, connect=3.0), 8.0, 1)


class SalesforceApi:
    """Calls with an org's token, which is renewed after its session ends; several threads can make them."""

    def __init__(
        self,
        token: TokenAnswer,
        version: str,
        refresh: Refresh,
        trusted: Collection[str] = (),
        *,
        policy: Policy = PATIENT,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """`wait` waits some seconds before another try, and may raise to stop."""
        if not VERSION.fullmatch(version):
            raise SalesforceError(Problem.NOT_SALESFORCE, f"an API version {version[:20]}")
        self.token, self.version, self.wait = token, version, wait
        self._refresh, self._trusted, self._policy = refresh, trusted, policy
        self._lock, self._renewing = threading.Lock(), threading.Lock()
        # Addresses that nothing connected to, after which the login host was asked for the org's.
        self._asked_about = set[str]()
        self.lanes = Lanes()
        self.calls = 0
        # Bytes of streamed answers read so far, and answers being read.
        self._received, self._streamed = 0, list[httpx2.Response]()
        # (used, most) of the day's calls, from the last answer; None before the first.
        self.usage: tuple[int, int] | None = None
        # Salesforce's clock in the last answer.
        self.server_time: datetime | None = None
        self._client = BoundedClient(
            trusted, timeout=policy.timeout, total_seconds=policy.seconds, max_bytes=MAX_JSON_BYTES
        )

    def __enter__(self) -> SalesforceApi:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @property
    def base(self) -> str:
        """The path that all resources are below."""
        return f"/services/data/v{self.version}"

    def renew(self, stale: TokenAnswer) -> TokenAnswer:
        """Replace the token `stale` with a new one. Raises SalesforceError; REVOKED when the token endpoint says so."""
        # One after the other: an older answer must not replace a newer one.
        with self._renewing:
            self.token = self._refresh(stale)
            return self.token

    def tries(self, most: int = TRIES) -> Tries:
        """How often one request may be tried."""
        return Tries(self, most=min(most, self._policy.tries))

    def at_its_address(self, call: Callable[[], T]) -> T:
        """The result of `call`, with a new token if the org seems to have moved. Raises SalesforceError."""
        return at_the_orgs_address(self.token, self.renew, call, self._may_ask_for_address)

    def _may_ask_for_address(self) -> bool:
        """True once for each address: the network may be to blame as well, and each request would ask again."""
        with self._lock:
            is_first = self.token.instance_url not in self._asked_about
            self._asked_about.add(self.token.instance_url)
        return is_first

    def request(self, method: str, path: str, *, bounds: Bounds = USUAL, **content: Any) -> Any:
        """The JSON of an answer ('' where there is none, HTTP 204). Raises SalesforceError."""
        tries = self.tries(bounds.tries)
        while True:
            try:
                return self.at_its_address(lambda: self.once(method, path, bounds=bounds, **content))
            except SalesforceError as error:
                tries.again(error)

    def comfort(self, path: str, **params: str) -> Any:
        """The JSON of optional information, requested once; None if anything goes wrong."""
        try:
            return self.request("GET", path, params=params, bounds=COMFORT)
        except SalesforceError as error:
            log.info("%s: %s", path, error)
            return None

    def once(self, method: str, path: str, *, bounds: Bounds = USUAL, **content: Any) -> Any:
        """Like `request`, but only once and with the current token."""
        limits: dict[str, Any] = {MAX_BYTES_KEY: bounds.max_bytes}
        if bounds.timeout is not None and self._policy is PATIENT:
            limits |= {"timeout": bounds.timeout.as_dict(), TOTAL_SECONDS_KEY: bounds.seconds}
        response = self._client.send(self._request(method, path, extensions=limits, **content))
        self._note(response)
        body = loads(response.content) if bounds.is_exact else json_of(response)
        if response.status_code not in {200, 201, 202, 204}:
            raise refusal_of(response, body, is_optional=bounds.is_optional)
        if response.status_code == 204:
            return ""
        if body is None:
            raise _instead_of_data(response, "JSON")
        return body

    @contextmanager
    def streamed(self, path: str) -> Iterator[httpx2.Response]:
        """Yield an answer whose body is read piece by piece. Raises SalesforceError for anything but 200."""
        with ExitStack() as stack:
            response = self.at_its_address(lambda: self._opened(stack, path))
            with self._lock:
                self._streamed.append(response)
            try:
                yield response
            finally:
                with self._lock:
                    self._streamed.remove(response)
                    self._received += response.num_bytes_downloaded

    def _opened(self, stack: ExitStack, path: str) -> httpx2.Response:
        request = self._request("GET", path, accept="text/csv")
        response = stack.enter_context(self._client.opened(request))
        self._note(response)
        if response.status_code == 204:
            raise SalesforceError(Problem.SERVER_ERROR, "the result isn't ready (HTTP 204)")
        if response.status_code != 200:
            whole = self._client.whole(response, max_bytes=SMALL_BYTES)
            raise refusal_of(whole, json_of(whole))
        if any(kind in response.headers.get("content-type", "").lower() for kind in _NO_CSV):
            # Its lines would be taken for rows.
            raise _instead_of_data(self._client.whole(response, max_bytes=SMALL_BYTES), "CSV")
        return response

    def _request(self, method: str, path: str, *, accept: str = "application/json", **content: Any) -> httpx2.Request:
        """A request with the token."""
        url = path if path.startswith("http") else self.token.instance_url + path
        # An identity URL may belong to a site with somebody's own pages: send no token there.
        if not is_api_origin(url, self._trusted):
            raise SalesforceError(Problem.UNTRUSTED_INSTANCE, urlsplit(url).hostname or "")
        headers = {"Authorization": f"Bearer {self.token.access_token}", "Accept": accept}
        return self._client.build_request(method, url, headers=headers, **content)

    @property
    def received(self) -> int:
        """Bytes of streamed answers as received, still compressed."""
        with self._lock:
            return self._received + sum(response.num_bytes_downloaded for response in self._streamed)

    def _note(self, response: httpx2.Response) -> None:
        with self._lock:
            self.calls += 1
        usage = _LIMIT_INFO.search(response.headers.get("sforce-limit-info", ""))
        if usage:
            self.usage = (int(usage.group(1)), int(usage.group(2)))
        self.server_time = time_of(response)


def _instead_of_data(response: httpx2.Response, wanted: str) -> SalesforceError:
    """The error for a page that came as a success in place of data."""
    words = text_of(response)[:REFUSAL_CHARACTERS]
    if is_passing_page(words):
        return classify_api_error(503, None, words)
    if says_moved(words):
        return SalesforceError(Problem.INSTANCE_MOVED, f"HTTP {response.status_code}, a page instead of {wanted}")
    return SalesforceError(Problem.NOT_SALESFORCE, f"HTTP {response.status_code}, not {wanted}")
