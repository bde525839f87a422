"""One request to the data API: its limits, and its answer read as a page of records or as a refusal.

Sources: REST API Developer Guide "Query" and "Status Codes and Error Responses".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from datasync_flask.salesforce.data_refusals import classify_api_error
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.exact_json import number_of
from datasync_flask.salesforce.transport import text_of, time_of
from datasync_flask.salesforce.tries import TRIES

# A page of 2,000 rows with long texts is large; a describe of 800 fields with picklists too.
MAX_JSON_BYTES = 64_000_000
# Answers of a few numbers.
SMALL_BYTES = 2_000_000
TIMEOUT = httpx2.Timeout(60.0, connect=10.0)
TOTAL_SECONDS = 180.0
# Salesforce gives a query up after 120 seconds, and says so.
QUERY_TIMEOUT, QUERY_SECONDS = httpx2.Timeout(130.0, connect=10.0), 300.0
# What is only good to know is waited for once, and not for long.
COMFORT_TIMEOUT, COMFORT_SECONDS = httpx2.Timeout(30.0, connect=10.0), 40.0
HURRIED, HURRIED_SECONDS = httpx2.Timeout(6.0, connect=3.0), 8.0
# Retry-After is a number of seconds; the longest that is believed.
MAX_RETRY_AFTER = 24 * 3600
# What is read of a refusal: a page's head may be long.
REFUSAL_CHARACTERS = 20_000


@dataclass(frozen=True)
class Bounds:
    """How long one request may take, how large its answer may be, and how often it is made."""

    tries: int = TRIES
    timeout: httpx2.Timeout | None = None
    seconds: float = TOTAL_SECONDS
    max_bytes: int = MAX_JSON_BYTES
    # Numbers of the answer stay as they are written.
    is_exact: bool = False
    # Not every org has it: that it isn't there says nothing about the org's address.
    is_optional: bool = False


QUERY = Bounds(timeout=QUERY_TIMEOUT, seconds=QUERY_SECONDS, is_exact=True)
COMFORT = Bounds(tries=1, timeout=COMFORT_TIMEOUT, seconds=COMFORT_SECONDS, max_bytes=SMALL_BYTES, is_optional=True)
OPTIONAL = Bounds(is_optional=True)
USUAL = Bounds()


@dataclass(frozen=True)
class QueryPage:
    """One page of a REST query; `next_path` is '' on the last."""

    records: list[dict[str, Any]]
    total: int
    next_path: str


def parse_page(answer: Any) -> QueryPage:
    """Return a query's answer. Raises SalesforceError when it is none."""
    found = answer.get("records") if isinstance(answer, dict) else None
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise SalesforceError(Problem.NOT_SALESFORCE, "a query's answer without records")
    next_path, total = answer.get("nextRecordsUrl"), number_of(answer.get("totalSize"))
    if answer.get("done") is False and not isinstance(next_path, str):
        raise SalesforceError(Problem.NOT_SALESFORCE, "a page that isn't the last, without a next one")
    is_last = answer.get("done") is True or not isinstance(next_path, str)
    return QueryPage(found, len(found) if total is None else total, "" if is_last else str(next_path))


def refusal_of(response: httpx2.Response, body: Any) -> SalesforceError:
    """Return the error for an answer that isn't a success; `body` is its JSON, None where it has none."""
    words = text_of(response)[:REFUSAL_CHARACTERS]
    return classify_api_error(response.status_code, body, words, retry_after=_retry_after(response))


def _retry_after(response: httpx2.Response) -> float | None:
    """Return the seconds that Retry-After asks for, as a number or as a date (RFC 9110 section 10.2.3)."""
    told = response.headers.get("retry-after", "").strip()
    if told.isascii() and told.isdigit():
        return float(min(int(told[:9]), MAX_RETRY_AFTER))
    try:
        until = parsedate_to_datetime(told).astimezone(UTC)
    except (ValueError, TypeError):
        return None
    return min(max((until - (time_of(response) or datetime.now(UTC))).total_seconds(), 0.0), MAX_RETRY_AFTER)
