"""What the data API refuses, as one table: by status, code and words, which problem it is and what helps.

Sources, by the short names in the table: REST is the REST API Developer Guide "Status Codes and Error Responses",
SOAP the SOAP API Developer Guide "Core Data Types: ExceptionCode", BULK the Bulk API 2.0 Developer Guide "Query" and
"Limits", CLIENTS what clients in the open (jsforce, simple-salesforce, Singer, Airbyte, dlt) treat as that.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Any

from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.pages import says_maintenance


class Course(enum.StrEnum):
    """What a refusal leaves to do."""

    PASSING = "passing"
    OTHER_WAY = "other way"
    ONE_OBJECT = "one object"
    WHOLE_CONNECTION = "whole connection"


@dataclass(frozen=True)
class Refusal:
    """One row: what has to be in an answer (0 and '' stand for anything), and what it means."""

    status: int
    code: str
    # In lower case, a part of the message.
    words: str
    problem: Problem
    course: Course
    source: str

    def fits(self, status: int, code: str, words: str) -> bool:
        """True when an answer is this refusal; codes are told apart without regard to case."""
        return self.status in {0, status} and self.code in {"", code.upper()} and self.words in words


_PASSING, _OTHER_WAY, _ONE_OBJECT, _WHOLE = Course

# The first row that fits counts.
REFUSALS = (
    Refusal(401, "", "not valid for use with the", Problem.API_SCOPE_MISSING, _WHOLE, "CLIENTS (jsforce)"),
    Refusal(401, "", "not attached to agent", Problem.API_SCOPE_MISSING, _WHOLE, "CLIENTS (jsforce)"),
    Refusal(401, "", "", Problem.SESSION_REFUSED, _WHOLE, "REST: the session ended, renewing the token helps"),
    Refusal(403, "", "bad_oauth_token", Problem.SESSION_REFUSED, _WHOLE, "CLIENTS (nforce)"),
    Refusal(0, "INVALID_SESSION_ID", "", Problem.SESSION_REFUSED, _WHOLE, "REST"),
    Refusal(403, "", "inactive_user", Problem.USER_INACTIVE, _WHOLE, "CLIENTS (VS Code)"),
    Refusal(0, "INACTIVE_ORG", "", Problem.USER_INACTIVE, _WHOLE, "SOAP"),
    Refusal(0, "", "inactive organization", Problem.USER_INACTIVE, _WHOLE, "SOAP"),
    Refusal(0, "ORG_LOCKED", "", Problem.USER_INACTIVE, _WHOLE, "SOAP"),
    # Limits: those of the moment pass, those of Bulk are Bulk's alone, those of the day have to be waited for.
    Refusal(0, "REQUEST_LIMIT_EXCEEDED", "concurrent", Problem.TOO_MANY_REQUESTS, _PASSING, "REST"),
    Refusal(0, "", "concurrentperorglongtxn", Problem.TOO_MANY_REQUESTS, _PASSING, "CLIENTS (Airbyte)"),
    Refusal(0, "", "max bulk v2", Problem.BULK_LIMIT_REACHED, _OTHER_WAY, "BULK"),
    Refusal(0, "LIMIT_EXCEEDED", "bulk", Problem.BULK_LIMIT_REACHED, _OTHER_WAY, "BULK"),
    Refusal(0, "EXCEEDED_QUOTA", "", Problem.BULK_LIMIT_REACHED, _OTHER_WAY, "CLIENTS (Bulk 1.0)"),
    Refusal(0, "REQUEST_LIMIT_EXCEEDED", "", Problem.REQUEST_LIMIT_EXCEEDED, _PASSING, "REST: TotalRequests"),
    Refusal(0, "LIMIT_EXCEEDED", "", Problem.REQUEST_LIMIT_EXCEEDED, _PASSING, "SOAP"),
    Refusal(429, "", "", Problem.TOO_MANY_REQUESTS, _PASSING, "RFC 6585 section 4"),
    Refusal(420, "", "", Problem.TOO_MANY_REQUESTS, _PASSING, "CLIENTS (jsforce)"),
    # What Salesforce itself can't do at the moment.
    Refusal(0, "SERVER_UNAVAILABLE", "", Problem.SERVER_ERROR, _PASSING, "REST"),
    Refusal(0, "UNKNOWN_EXCEPTION", "", Problem.SERVER_ERROR, _PASSING, "REST"),
    Refusal(0, "TXN_SECURITY_METERING_ERROR", "", Problem.SERVER_ERROR, _PASSING, "CLIENTS (Airbyte)"),
    Refusal(0, "UNABLE_TO_LOCK_ROW", "", Problem.SERVER_ERROR, _PASSING, "SOAP"),
    Refusal(0, "UNKNOWN_ERROR", "retry", Problem.SERVER_ERROR, _PASSING, "CLIENTS"),
    Refusal(406, "", "", Problem.SERVER_ERROR, _PASSING, "CLIENTS: comes and goes"),
    # Switches and rights that concern all calls.
    Refusal(0, "API_CURRENTLY_DISABLED", "organization", Problem.API_DISABLED_FOR_ORG, _WHOLE, "SOAP"),
    Refusal(0, "API_CURRENTLY_DISABLED", "", Problem.API_DISABLED_FOR_USER, _WHOLE, "SOAP"),
    Refusal(0, "API_DISABLED_FOR_ORG", "", Problem.API_DISABLED_FOR_ORG, _WHOLE, "REST"),
    Refusal(0, "INVALID_LOGIN_IP", "", Problem.IP_RESTRICTED, _WHOLE, "SOAP"),
    Refusal(0, "", "ip restricted", Problem.IP_RESTRICTED, _WHOLE, "SOAP"),
    Refusal(403, "", "ip address", Problem.IP_RESTRICTED, _WHOLE, "CLIENTS"),
    # What Bulk doesn't do and REST may.
    Refusal(0, "INVALIDENTITY", "", Problem.NOT_IN_BULK, _OTHER_WAY, "BULK"),
    Refusal(0, "INVALIDJOB", "", Problem.NOT_IN_BULK, _OTHER_WAY, "BULK"),
    Refusal(0, "FEATURENOTENABLED", "", Problem.NOT_IN_BULK, _OTHER_WAY, "CLIENTS (dlt)"),
    Refusal(0, "", "async api not enabled", Problem.NOT_IN_BULK, _OTHER_WAY, "CLIENTS (dlt)"),
    Refusal(0, "", "not supported by the bulk api", Problem.NOT_IN_BULK, _OTHER_WAY, "BULK"),
    Refusal(0, "", "not supported in bulk query", Problem.NOT_IN_BULK, _OTHER_WAY, "BULK"),
    Refusal(0, "API_ERROR", "implementation restriction", Problem.NOT_IN_BULK, _OTHER_WAY, "CLIENTS (Airbyte)"),
    # Fields and objects, told apart by the words: only the first ones mean that a field is missing.
    Refusal(0, "INVALID_FIELD", "no such column", Problem.FIELD_GONE, _ONE_OBJECT, "REST"),
    Refusal(0, "INVALID_FIELD", "no such field", Problem.FIELD_GONE, _ONE_OBJECT, "CLIENTS"),
    Refusal(0, "INVALID_FIELD", "", Problem.QUERY_REFUSED, _ONE_OBJECT, "SOAP"),
    Refusal(0, "INVALID_TYPE", "", Problem.OBJECT_GONE, _ONE_OBJECT, "REST"),
    Refusal(0, "MALFORMED_QUERY", "", Problem.QUERY_REFUSED, _ONE_OBJECT, "REST"),
    Refusal(0, "INVALID_QUERY_FILTER_OPERATOR", "", Problem.QUERY_REFUSED, _ONE_OBJECT, "SOAP"),
    Refusal(0, "INVALID_TYPE_FOR_OPERATION", "", Problem.QUERY_REFUSED, _ONE_OBJECT, "SOAP"),
    Refusal(0, "ENTITY_NOT_QUERYABLE", "", Problem.QUERY_REFUSED, _ONE_OBJECT, "SOAP"),
    Refusal(0, "QUERY_TOO_COMPLICATED", "", Problem.QUERY_REFUSED, _ONE_OBJECT, "SOAP"),
    Refusal(0, "OPERATION_TOO_LARGE", "", Problem.QUERY_REFUSED, _ONE_OBJECT, "CLIENTS (Singer)"),
    Refusal(0, "", "does not support query", Problem.QUERY_REFUSED, _ONE_OBJECT, "CLIENTS (Airbyte)"),
    Refusal(0, "QUERY_TIMEOUT", "", Problem.QUERY_TIMED_OUT, _ONE_OBJECT, "REST: after 120 seconds"),
    Refusal(0, "INVALID_QUERY_LOCATOR", "", Problem.LOCATOR_GONE, _ONE_OBJECT, "SOAP"),
    Refusal(0, "NOT_FOUND", "", Problem.NOT_FOUND, _ONE_OBJECT, "REST"),
    Refusal(0, "INSUFFICIENT_ACCESS", "", Problem.NO_ACCESS, _ONE_OBJECT, "SOAP"),
    Refusal(0, "INSUFFICIENT_ACCESS_OR_READONLY", "", Problem.NO_ACCESS, _ONE_OBJECT, "SOAP"),
    Refusal(0, "FORBIDDEN", "", Problem.NO_ACCESS, _ONE_OBJECT, "REST"),
    Refusal(0, "FUNCTIONALITY_NOT_ENABLED", "", Problem.NO_ACCESS, _ONE_OBJECT, "SOAP"),
    Refusal(408, "", "", Problem.NO_ANSWER_IN_TIME, _PASSING, "RFC 9110 section 15.5.9"),
)  # fmt: skip
# An external data source behind an object: EXTERNAL_OBJECT_EXCEPTION, EXTERNAL_OBJECT_UNSUPPORTED_EXCEPTION, … (SOAP).
_EXTERNAL = "EXTERNAL_OBJECT_"


def words_for(problem: Problem) -> list[str]:
    """Return the codes, or where a row has none the words, by which Salesforce tells `problem`."""
    found = [row.code or row.words for row in REFUSALS if row.problem is problem and (row.code or row.words)]
    return list(dict.fromkeys(found)) + ([f"{_EXTERNAL}…"] if problem is Problem.EXTERNAL_SOURCE else [])


def classify_api_error(status: int, body: Any, text: str, *, retry_after: float | None = None) -> SalesforceError:
    """Return the error for an answer of the data API that isn't a success.

    `body` is its JSON: an array of objects with errorCode and message, one object, or anything else. Of several errors
    the first that is known decides; all of them are told.
    """
    told = _errors_in(body) or _errors_in_xml(text) or [("", _plain(text))]
    problems = [_problem_of(status, code, message.lower()) for code, message in told]
    known = [problem for problem in problems if problem is not Problem.UNEXPECTED]
    detail = "; ".join(": ".join(part for part in each if part) for each in told)
    problem = known[0] if known else Problem.UNEXPECTED
    return SalesforceError(problem, detail or f"HTTP {status}", retry_after=retry_after)


def _problem_of(status: int, code: str, words: str) -> Problem:
    if code.upper().startswith(_EXTERNAL):
        return Problem.EXTERNAL_SOURCE
    if not code and says_maintenance(words):
        return Problem.MAINTENANCE
    for row in REFUSALS:
        if row.fits(status, code, words):
            return row.problem
    return Problem.SERVER_ERROR if status >= 500 else Problem.UNEXPECTED


def _errors_in(body: Any) -> list[tuple[str, str]]:
    found = []
    for entry in body if isinstance(body, list) else [body]:
        if isinstance(entry, dict):
            code = entry.get("errorCode") or entry.get("exceptionCode") or entry.get("error") or ""
            message = entry.get("message") or entry.get("exceptionMessage") or entry.get("error_description") or ""
            if code or message:
                found.append((str(code), str(message)))
    return found


_XML = re.compile(r"<(errorCode|exceptionCode|message|exceptionMessage)>([^<]{1,300})<")


def _errors_in_xml(text: str) -> list[tuple[str, str]]:
    """Read an answer in XML, as gateways before the API send it whatever was asked for."""
    parts = {name.lower().removeprefix("error").removeprefix("exception"): value for name, value in _XML.findall(text)}
    return [(parts.get("code", ""), parts.get("message", ""))] if parts else []


def _plain(text: str) -> str:
    """Return the words of a page: what isn't markup."""
    if "<" not in text:
        return text
    return re.sub(r"<[^>]*>?", " ", re.sub(r"<(script|style|head)\b.*?(</\1>|$)", " ", text, flags=re.S | re.I))


def is_passing_page(text: str) -> bool:
    """True for the pages that Salesforce shows, with status 200 too, while an org is being set up or maintained."""
    return says_maintenance(_plain(text))
