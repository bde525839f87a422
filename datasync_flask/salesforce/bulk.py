"""Bulk API 2.0 query jobs: create, wait, read the result's pages, clean up.

Source: Bulk API 2.0 and Bulk API Developer Guide, "Query" (create a job, get information about a job, get results for
a job, abort and delete a job) and "Limits". result_pages.py has the addresses of a result's pages.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx2

from datasync_flask.salesforce.answers import COMFORT
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.data_refusals import classify_api_error
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.exact_json import number_of

# Salesforce aborts a job after 24 hours.
MAX_WAIT_SECONDS = 24 * 3600
FIRST_POLL_SECONDS = 0.25
MAX_POLL_SECONDS = 10.0

# REST would give these errors too; any other error about a query may be specific to Bulk.
_SAME_BY_REST = frozenset({Problem.FIELD_GONE, Problem.OBJECT_GONE})
# Bulk may be switched off, or refused to this user, while REST works.
_SWITCHED_OFF = frozenset({Problem.API_DISABLED_FOR_ORG, Problem.API_DISABLED_FOR_USER})


class NotInBulk(Exception):
    """The org refuses to run this query as a bulk job; REST may work. `problem` is Bulk's refusal."""

    def __init__(self, words: str, problem: Problem = Problem.NOT_IN_BULK) -> None:
        self.problem = problem
        super().__init__(words)


@dataclass(frozen=True)
class Page:
    """One open page of a job's result: its rows still have to be read from `response`."""

    response: httpx2.Response
    # The number of rows according to Salesforce; None when it doesn't say.
    rows: int | None
    # '' on the last page.
    next_locator: str


def create_job(api: SalesforceApi, soql: str, *, with_deleted: bool) -> str:
    """Start a query job and return its id. Raises NotInBulk, or SalesforceError."""
    order = {
        "operation": "queryAll" if with_deleted else "query",
        "query": soql,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }
    try:
        answer = api.request("POST", f"{api.base}/jobs/query", json=order)
    except SalesforceError as error:
        if may_be_bulks_alone(error):
            raise NotInBulk(error.detail, error.problem) from None
        raise
    job_id = answer.get("id") if isinstance(answer, dict) else None
    if not isinstance(job_id, str) or not re.fullmatch(r"[A-Za-z0-9]{1,40}", job_id):
        raise SalesforceError(Problem.NOT_SALESFORCE, "a job without an id")
    return job_id


def may_be_bulks_alone(error: SalesforceError) -> bool:
    """True when the Bulk API refuses something that REST may still allow."""
    if error.problem is Problem.REQUEST_LIMIT_EXCEEDED:
        # LIMIT_EXCEEDED is Bulk's own limit; REQUEST_LIMIT_EXCEEDED is the limit of all calls.
        return error.detail.upper().startswith("LIMIT_EXCEEDED")
    return error.problem in _SWITCHED_OFF or (error.is_about_the_request and error.problem not in _SAME_BY_REST)


def wait_for_job(api: SalesforceApi, job_id: str) -> int | None:
    """Wait for a job to complete; return its number of rows, None if Salesforce doesn't say.

    Raises NotInBulk when the job failed (REST says more clearly why), SalesforceError for everything else.
    """
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    interval = FIRST_POLL_SECONDS
    while time.monotonic() < deadline:
        answer = api.request("GET", f"{api.base}/jobs/query/{job_id}")
        state = answer.get("state") if isinstance(answer, dict) else None
        if state == "JobComplete":
            return number_of(answer.get("numberRecordsProcessed"))
        if state in {"Failed", "Aborted"}:
            words = str(answer.get("errorMessage") or f"the job ended as {state}")
            is_spent = classify_api_error(400, None, words).problem is Problem.BULK_LIMIT_REACHED
            raise NotInBulk(words, Problem.BULK_LIMIT_REACHED if is_spent else Problem.NOT_IN_BULK)
        if not isinstance(state, str):
            raise SalesforceError(Problem.NOT_SALESFORCE, "a job without a state")
        api.wait(interval)
        interval = min(interval * 1.5, MAX_POLL_SECONDS)
    raise SalesforceError(Problem.NO_ANSWER_IN_TIME, "a bulk job that took over 24 hours")


def place(locator: str, max_records: int) -> str:
    """The place of the page at a locator, for result_page(); '' is the first page's."""
    return urlencode({"maxRecords": max_records} | ({"locator": locator} if locator else {}))


@contextmanager
def result_page(api: SalesforceApi, job_id: str, at: str) -> Iterator[Page]:
    """Yield one page of a complete job's result. Raises SalesforceError, also while the caller reads."""
    with api.streamed(f"{api.base}/jobs/query/{job_id}/results?{at}") as response:
        found = response.headers.get("sforce-numberofrecords", "")
        # The last page has the four letters "null", an empty header, or no header.
        following = response.headers.get("sforce-locator", "").strip()
        rows = int(found) if re.fullmatch(r"[0-9]{1,18}", found) else None
        yield Page(response, rows, "" if following.lower() == "null" else following)


def abort_job(api: SalesforceApi, job_id: str) -> None:
    """Stop a job that is no longer wanted, and delete it; ignore a refusal."""
    try:
        api.request("PATCH", f"{api.base}/jobs/query/{job_id}", json={"state": "Aborted"}, bounds=COMFORT)
    except SalesforceError as error:
        if not error.is_about_the_request and not error.problem.is_transient:
            raise
    delete_job(api, job_id)


def delete_job(api: SalesforceApi, job_id: str) -> None:
    """Delete a finished job, so that its result doesn't count against the org's storage; ignore a refusal."""
    try:
        api.request("DELETE", f"{api.base}/jobs/query/{job_id}", bounds=COMFORT)
    except SalesforceError as error:
        if not error.is_about_the_request and not error.problem.is_transient:
            raise


def jobs_left(api: SalesforceApi) -> int | None:
    """How many query jobs the org may still create today; None if it doesn't say.

    This needs the permission "View Setup and Configuration".
    """
    answer = api.comfort(f"{api.base}/limits")
    found = answer.get("DailyBulkV2QueryJobs") if isinstance(answer, dict) else None
    return number_of(found.get("Remaining")) if isinstance(found, dict) else None
