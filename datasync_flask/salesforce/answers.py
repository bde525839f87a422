"""The limits of one request, and the meaning of a refusal.

A My Domain that is renamed and an org that moves to another instance leave redirects, 404 answers or nothing behind
(Salesforce help "My Domain URL Formats"; REST API Developer Guide "Status Codes and Error Responses": 3xx means that
the resource was not found at this address, 404 `URL_NOT_RESET` that the domain is not set up).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2

from datasync_flask.salesforce import transport
from datasync_flask.salesforce.data_refusals import classify_api_error
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.transport import http_date, redirect_target, text_of, time_of
from datasync_flask.salesforce.tries import TRIES

# A page of 2,000 rows with long texts is large; a describe of 800 fields with picklists too.
MAX_JSON_BYTES = 64_000_000
# Answers with only a few numbers.
SMALL_BYTES = 2_000_000
# The longest Retry-After that we accept, in seconds.
MAX_RETRY_AFTER = 24 * 3600
# How much of a refusal is read: a page's head may be long.
REFUSAL_CHARACTERS = 20_000
# A host that is no longer the org's answers with its own 404; the API's are JSON.
BARE = "HTTP 404 without a word of the API"

_MOVED_PHRASES = ("url_not_reset", "destination url not reset", "url no longer exists")


@dataclass(frozen=True)
class Bounds:
    """How large an answer may be, how often to request it, and how long it may take if the client's time-outs don't
    fit.
    """

    tries: int = TRIES
    timeout: httpx2.Timeout | None = None
    seconds: float = 0.0
    max_bytes: int = MAX_JSON_BYTES
    # Keep numbers as they are written.
    is_exact: bool = False
    # Not every org has it, so a 404 says nothing about the org's address.
    is_optional: bool = False


USUAL = Bounds()
OPTIONAL = Bounds(is_optional=True)
# Salesforce aborts a query after 120 seconds, and says so.
QUERY = Bounds(timeout=httpx2.Timeout(130.0, connect=10.0), seconds=300.0, is_exact=True)
# Optional information: request it once, with a short time-out.
COMFORT = Bounds(1, httpx2.Timeout(30.0, connect=10.0), 40.0, SMALL_BYTES, is_optional=True)
# For checks, not for runs: the answer says whether the connection works.
CHECK = Bounds(1, transport.TIMEOUT, transport.TOTAL_SECONDS, SMALL_BYTES)


def refusal_of(response: httpx2.Response, body: Any, *, is_optional: bool = False) -> SalesforceError:
    """The error for an answer of the API that isn't a success; `body` is its JSON, None if it has none.

    With `is_optional`, not every org has the resource, so a 404 says nothing about the org's address.
    """
    if 300 <= response.status_code < 400:
        target = urlsplit(redirect_target(response, "")).hostname or "another page"
        return SalesforceError(Problem.INSTANCE_MOVED, f"HTTP {response.status_code} to {target}")
    words = text_of(response)[:REFUSAL_CHARACTERS]
    said = classify_api_error(response.status_code, body, words, retry_after=_retry_after(response))
    if said.problem is Problem.MAINTENANCE:
        return said
    if (response.status_code in {400, 404, 410} or body is None) and says_moved(words):
        return SalesforceError(Problem.INSTANCE_MOVED, said.detail)
    if response.status_code == 404 and body is None:
        return SalesforceError(Problem.NOT_FOUND, "HTTP 404" if is_optional else BARE)
    return said


def says_moved(words: str) -> bool:
    """True for what Salesforce says at an address that was the org's once."""
    return any(part in words.lower() for part in _MOVED_PHRASES)


def _retry_after(response: httpx2.Response) -> float | None:
    """The seconds in Retry-After, which is a number or a date (RFC 9110 section 10.2.3)."""
    told = response.headers.get("retry-after", "").strip()
    if told.isascii() and told.isdigit():
        return float(min(int(told[:9]), MAX_RETRY_AFTER))
    until = http_date(told)
    if until is None:
        return None
    return min(max((until - (time_of(response) or datetime.now(UTC))).total_seconds(), 0.0), MAX_RETRY_AFTER)
