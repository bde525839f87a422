"""The data of an org: objects and their fields, queries, counts. Bulk jobs are in bulk.py.

Sources: REST API Developer Guide "Describe Global", "sObject Describe", "Composite Batch", "Query", "QueryAll",
"Limit Info Header", "Record Count".
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

import httpx2

from datasync_flask.salesforce.address import at_the_orgs_address, refusal_of
from datasync_flask.salesforce.answers import (
    COMFORT,
    HURRIED,
    HURRIED_SECONDS,
    MAX_JSON_BYTES,
    OPTIONAL,
    QUERY,
    REFUSAL_CHARACTERS,
    SMALL_BYTES,
    TIMEOUT,
    TOTAL_SECONDS,
    USUAL,
    Bounds,
    QueryPage,
    parse_page,
)
from datasync_flask.salesforce.data_refusals import classify_api_error, is_passing_page
from datasync_flask.salesforce.descriptions import (
    ObjectDescription,
    ObjectEntry,
    checked_name,
    is_api_name,
    is_object,
    parse_description,
    parse_entry,
)
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.exact_json import loads, number_of
from datasync_flask.salesforce.hosts import is_trusted_origin
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

# Longer addresses are answered 414 or 431.
MAX_QUERY_LENGTH = 12_000
DESCRIBES_PER_CALL = 25
# Salesforce's own size of a page of a REST query.
REST_PAGE_ROWS = 2_000
COUNTS_PER_CALL = 100

_LIMIT_INFO = re.compile(r"api-usage=(\d+)/(\d+)", re.A)
_NEXT_PAGE = re.compile(r"/services/data/v\d{1,3}\.\d/(?:query|queryAll)/(?!\.)[\w.~=+-]{1,200}", re.A)
_VERSION = re.compile(r"\d{1,3}\.\d", re.A)

T = TypeVar("T")
Refresh = Callable[[TokenAnswer], TokenAnswer]


class DataApi:
    """Calls with an org's token: counted, made again when that may help, the token renewed when its session ended."""

    def __init__(
        self,
        token: TokenAnswer,
        version: str,
        refresh: Refresh,
        trusted: Collection[str] = (),
        *,
        hurried: bool = False,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """With `hurried` somebody waits for a page: short time-outs, and only a renewed token is worth another try.

        `wait` waits so many seconds before another try and may raise to stop.
        """
        self._hurried, self._wait = hurried, wait
        self._token, self._refresh, self._trusted = token, refresh, trusted
        if not _VERSION.fullmatch(version):
            raise SalesforceError(Problem.NOT_SALESFORCE, f"an API version {version[:20]}")
        self.version = version
        self.calls = 0
        # (used, most) of the day's calls, as the last answer told; None before the first.
        self.usage: tuple[int, int] | None = None
        # What Salesforce's clock said in the last answer.
        self.server_time: datetime | None = None
        timeout, total_seconds = (HURRIED, HURRIED_SECONDS) if hurried else (TIMEOUT, TOTAL_SECONDS)
        self._client = BoundedClient(trusted, timeout=timeout, total_seconds=total_seconds, max_bytes=MAX_JSON_BYTES)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @property
    def org_id(self) -> str:
        """The id of the org that the token is for, '' when the token doesn't tell."""
        return self._token.org_id

    @property
    def base(self) -> str:
        """The path that all resources are below."""
        return f"/services/data/v{self.version}"

    @property
    def token(self) -> TokenAnswer:
        """The token that the next request goes with."""
        return self._token

    def renew(self, stale: TokenAnswer) -> None:
        """Ask for a token instead of `stale`. Raises SalesforceError; REVOKED when the token endpoint says so."""
        self._token = self._refresh(stale)

    def wait(self, seconds: float) -> None:
        """Wait before another try."""
        self._wait(seconds)

    def tries(self, most: int = TRIES) -> Tries:
        """Return how often one request may be made."""
        return Tries(self, most=1 if self._hurried else most)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: dict[str, str] | None = None,
        bounds: Bounds = USUAL,
    ) -> Any:
        """Return the JSON of an answer ('' for one without content). Raises SalesforceError."""
        tries = self.tries(bounds.tries)
        while True:
            try:
                return self._once(method, path, json, params, bounds)
            except SalesforceError as error:
                tries.again(error)

    def comfort(self, path: str, params: dict[str, str] | None = None) -> Any:
        """Return the JSON of something that is only good to know, asked for once; None for whatever goes wrong."""
        try:
            return self.request("GET", path, params=params, bounds=COMFORT)
        except SalesforceError as error:
            log.info("%s: %s", path, error)
            return None

    def _renewed(self, stale: TokenAnswer) -> TokenAnswer:
        self.renew(stale)
        return self._token

    def _once(self, method: str, path: str, json: Any, params: dict[str, str] | None, bounds: Bounds) -> Any:
        return at_the_orgs_address(self._token, self._renewed, lambda: self._answer(method, path, json, params, bounds))

    def _answer(self, method: str, path: str, json: Any, params: dict[str, str] | None, bounds: Bounds) -> Any:
        limits = self._limits(bounds)
        response = self._client.send(self.build(method, path, json=json, params=params, extensions=limits))
        self.note(response)
        body = loads(response.content) if bounds.is_exact else json_of(response)
        if response.status_code not in {200, 201, 202, 204}:
            raise refusal_of(response, body, is_optional=bounds.is_optional)
        if response.status_code == 204 or not response.content:
            return ""
        if body is None:
            words = text_of(response)[:REFUSAL_CHARACTERS]
            if is_passing_page(words):
                raise classify_api_error(503, None, words)
            raise SalesforceError(Problem.NOT_SALESFORCE, f"HTTP {response.status_code}, not JSON")
        return body

    def _limits(self, bounds: Bounds) -> dict[str, Any]:
        """Return what httpx2 and BoundedClient are told of one request's limits."""
        limits: dict[str, Any] = {MAX_BYTES_KEY: bounds.max_bytes}
        if bounds.timeout is not None and not self._hurried:
            limits |= {"timeout": bounds.timeout.as_dict(), TOTAL_SECONDS_KEY: bounds.seconds}
        return limits

    def build(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: dict[str, str] | None = None,
        accept: str = "",
        extensions: dict[str, Any] | None = None,
    ) -> httpx2.Request:
        """Return a request with the token, for the org's instance only."""
        url = self._token.instance_url + path
        if not is_trusted_origin(url, self._trusted):
            raise SalesforceError(Problem.UNTRUSTED_INSTANCE, self._token.instance_url)
        headers = {"Authorization": f"Bearer {self._token.access_token}", "Accept": accept or "application/json"}
        return self._client.build_request(
            method, url, json=json, params=params, headers=headers, extensions=extensions or None
        )

    @contextmanager
    def streamed(self, path: str, params: dict[str, str]) -> Iterator[httpx2.Response]:
        """Yield an answer whose body is read piece by piece. Raises SalesforceError for all but 200."""
        with ExitStack() as stack:
            yield at_the_orgs_address(self._token, self._renewed, lambda: self._opened(stack, path, params))

    def _opened(self, stack: ExitStack, path: str, params: dict[str, str]) -> httpx2.Response:
        request = self.build("GET", path, params=params, accept="text/csv")
        response = stack.enter_context(self._client.opened(request))
        self.note(response)
        if response.status_code == 204:
            raise SalesforceError(Problem.SERVER_ERROR, "the result isn't ready (HTTP 204)")
        if response.status_code != 200:
            whole = self._client.whole(response, max_bytes=SMALL_BYTES)
            raise refusal_of(whole, json_of(whole))
        return response

    def note(self, response: httpx2.Response) -> None:
        """Count a call, and remember what the answer's headers tell."""
        self.calls += 1
        usage = _LIMIT_INFO.search(response.headers.get("sforce-limit-info", ""))
        if usage:
            self.usage = (int(usage.group(1)), int(usage.group(2)))
        self.server_time = time_of(response)

    def objects(self) -> list[ObjectEntry]:
        """Return the org's objects, in the order of their names."""
        answer = self.request("GET", f"{self.base}/sobjects")
        entries = answer.get("sobjects") if isinstance(answer, dict) else None
        if not isinstance(entries, list):
            raise SalesforceError(Problem.NOT_SALESFORCE, "no list of objects")
        found = [
            parse_entry(entry)
            for entry in entries
            if isinstance(entry, dict) and is_api_name(entry.get("name")) and is_object(entry)
        ]
        return sorted(found, key=lambda entry: entry.name.lower())

    def describe(self, name: str) -> ObjectDescription:
        """Return an object's fields. Raises SalesforceError: OBJECT_GONE when there is no such object for this user,
        NOT_DESCRIBED when the answer isn't about it.
        """
        return parse_description(self.request("GET", f"{self.base}/sobjects/{checked_name(name)}/describe"), name)

    def describe_many(self, names: list[str]) -> dict[str, ObjectDescription | SalesforceError]:
        """Return the fields of several objects, up to 25 in one call; where that resource is missing, one by one."""
        found: dict[str, ObjectDescription | SalesforceError] = {}
        for start in range(0, len(names), DESCRIBES_PER_CALL):
            chunk = names[start : start + DESCRIBES_PER_CALL]
            found.update(self._describe_batch(chunk) if len(chunk) > 1 else {})
        for name in names:
            if name not in found:
                try:
                    found[name] = self.describe(name)
                except SalesforceError as error:
                    if not error.problem.is_about_the_request:
                        raise
                    found[name] = error
        return found

    def _describe_batch(self, names: list[str]) -> dict[str, ObjectDescription | SalesforceError]:
        requests = [{"method": "GET", "url": f"{self.base}/sobjects/{checked_name(name)}/describe"} for name in names]
        try:
            answer = self.request(
                "POST",
                f"{self.base}/composite/batch",
                json={"haltOnError": False, "batchRequests": requests},
                bounds=OPTIONAL,
            )
        except SalesforceError as error:
            if error.problem.is_about_the_request:
                return {}
            raise
        results = answer.get("results") if isinstance(answer, dict) else None
        if not isinstance(results, list) or len(results) != len(names):
            return {}
        answers = [each.get("result") for each in results if isinstance(each, dict) and each.get("statusCode") == 200]
        by_name = {str(answer.get("name")).lower(): answer for answer in answers if isinstance(answer, dict)}
        found: dict[str, ObjectDescription | SalesforceError] = {}
        for name in names:
            # What the batch doesn't describe is asked for alone.
            with suppress(SalesforceError):
                found[name] = parse_description(by_name.get(name.lower()), name)
        return found

    def count(self, soql_tail: str) -> int | None:
        """Return how many rows ``SELECT COUNT() FROM`` + tail has; None where Salesforce doesn't tell."""
        answer = self.comfort(f"{self.base}/query", {"q": "SELECT COUNT() FROM " + soql_tail})
        return number_of(answer.get("totalSize")) if isinstance(answer, dict) else None

    def record_counts(self, names: list[str]) -> dict[str, int]:
        """Return about how many rows objects have, all in one call (REST API Developer Guide "Record Count").

        Without the right "View Setup and Configuration" there is none, and some objects (history, feeds) never are.
        """
        found: dict[str, int] = {}
        for start in range(0, len(names), COUNTS_PER_CALL):
            asked = names[start : start + COUNTS_PER_CALL]
            answer = self.comfort(f"{self.base}/limits/recordCount", {"sObjects": ",".join(asked)})
            told = answer.get("sObjects") if isinstance(answer, dict) else None
            if not isinstance(told, list):
                break
            for entry in told:
                if isinstance(entry, dict) and entry.get("name") in asked:
                    count = number_of(entry.get("count"))
                    found |= {} if count is None else {entry["name"]: count}
        return found

    def all_record_counts(self) -> dict[str, int] | None:
        """Return about how many rows all objects have, in one call; None where Salesforce doesn't tell."""
        answer = self.comfort(f"{self.base}/limits/recordCount", {})
        told = answer.get("sObjects") if isinstance(answer, dict) else None
        if not isinstance(told, list):
            return None
        counts = {
            entry["name"]: number_of(entry.get("count"))
            for entry in told
            if isinstance(entry, dict) and is_api_name(entry.get("name"))
        }
        return {name: count for name, count in counts.items() if count is not None}

    def bulk_jobs_left(self) -> int | None:
        """Return how many bulk query jobs the org may still make today; None where it doesn't tell (it takes the right
        "View Setup and Configuration").
        """
        answer = self.comfort(f"{self.base}/limits")
        found = answer.get("DailyBulkV2QueryJobs") if isinstance(answer, dict) else None
        return number_of(found.get("Remaining")) if isinstance(found, dict) else None

    def query(self, soql: str, *, with_deleted: bool, tries: int = TRIES) -> QueryPage:
        """Return the first page of a query; `with_deleted` asks for deleted and archived rows too."""
        path = f"{self.base}/{'queryAll' if with_deleted else 'query'}"
        return parse_page(self.request("GET", path, params={"q": soql}, bounds=replace(QUERY, tries=tries)))

    def hidden_fields(self, description: ObjectDescription) -> list[str] | None:
        """Return the fields of an object that the user may not see; None where Salesforce doesn't tell (it takes the
        right "View Setup and Configuration").
        """
        which = f"EntityDefinition.QualifiedApiName = '{description.name}'"
        soql = f"SELECT QualifiedApiName FROM FieldDefinition WHERE {which}"
        try:
            page = self.query(soql, with_deleted=False, tries=1)
        except SalesforceError as error:
            log.info("%s: %s", which, error)
            return None
        seen = {field.name for field in description.fields}
        found = sorted(str(record.get("QualifiedApiName") or "") for record in page.records)
        return [name for name in found if name and name not in seen] if found else None

    def next_page(self, path: str) -> QueryPage:
        """Return the page behind a nextRecordsUrl. Raises SalesforceError, LOCATOR_GONE when it is too old."""
        if not _NEXT_PAGE.fullmatch(path):
            raise SalesforceError(Problem.NOT_SALESFORCE, "a next page somewhere else")
        return parse_page(self.request("GET", path, bounds=QUERY))
