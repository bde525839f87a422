"""The refusals of the data API in one table: status, code and words decide which problem it is.

Sources, by the short names in the table: REST is the REST API Developer Guide "Status Codes and Error Responses",
SOAP the SOAP API Developer Guide "Core Data Types: ExceptionCode", BULK the Bulk API 2.0 Developer Guide "Query" and
"Limits", CLIENTS the behaviour of open-source clients (jsforce, simple-salesforce, Singer, Airbyte, dlt).
"""

from __future__ import annotations

import re
from typing import Any

from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.pages import says_maintenance
from datasync_flask.salesforce.refusals import Refusal, meaning_of

# The first matching row counts.
REFUSALS = (
    # An external data source behind an object.
    Refusal(Problem.EXTERNAL_SOURCE, code="EXTERNAL_OBJECT_…", source="SOAP"),
    Refusal(Problem.API_SCOPE_MISSING, words="not valid for use with the", source="CLIENTS (jsforce)"),
    Refusal(Problem.API_SCOPE_MISSING, words="not attached to agent", status=401, source="CLIENTS (jsforce)"),
    Refusal(Problem.SESSION_REFUSED, status=401, source="REST: the session ended, renewing the token helps"),
    Refusal(Problem.SESSION_REFUSED, words="bad_oauth_token", status=403, source="CLIENTS (nforce)"),
    Refusal(Problem.SESSION_REFUSED, code="INVALID_SESSION_ID", source="REST"),
    Refusal(Problem.USER_INACTIVE, words="inactive_user", status=403, source="CLIENTS (VS Code)"),
    Refusal(Problem.ORG_INACTIVE, code="INACTIVE_ORG", source="SOAP"),
    Refusal(Problem.ORG_INACTIVE, words="inactive organization", source="SOAP"),
    Refusal(Problem.ORG_INACTIVE, code="ORG_LOCKED", source="SOAP"),
    Refusal(Problem.ORG_INACTIVE, code="TRIAL_EXPIRED", source="SOAP"),
    # Limits: momentary ones pass, Bulk's don't concern REST, daily ones need a wait.
    Refusal(Problem.TOO_MANY_REQUESTS, code="REQUEST_LIMIT_EXCEEDED", words="concurrent", source="REST"),
    Refusal(Problem.TOO_MANY_REQUESTS, words="concurrentperorglongtxn", source="CLIENTS (Airbyte)"),
    Refusal(Problem.BULK_LIMIT_REACHED, words="max bulk v2", source="BULK"),
    Refusal(Problem.BULK_LIMIT_REACHED, code="LIMIT_EXCEEDED", words="bulk", source="BULK"),
    Refusal(Problem.BULK_LIMIT_REACHED, code="EXCEEDED_QUOTA", source="CLIENTS (Bulk 1.0)"),
    Refusal(Problem.REQUEST_LIMIT_EXCEEDED, code="REQUEST_LIMIT_EXCEEDED", source="REST: TotalRequests"),
    Refusal(Problem.REQUEST_LIMIT_EXCEEDED, code="LIMIT_EXCEEDED", source="SOAP"),
    Refusal(Problem.TOO_MANY_REQUESTS, status=429, source="RFC 6585 section 4"),
    Refusal(Problem.TOO_MANY_REQUESTS, status=420, source="CLIENTS (jsforce)"),
    # Salesforce's own temporary faults.
    Refusal(Problem.SERVER_ERROR, code="SERVER_UNAVAILABLE", source="REST"),
    Refusal(Problem.SERVER_ERROR, code="FUNCTIONALITY_TEMPORARILY_UNAVAILABLE", source="SOAP"),
    Refusal(Problem.SERVER_ERROR, code="UNKNOWN_EXCEPTION", source="REST"),
    Refusal(Problem.SERVER_ERROR, code="TXN_SECURITY_METERING_ERROR", source="CLIENTS (Airbyte)"),
    Refusal(Problem.SERVER_ERROR, code="UNABLE_TO_LOCK_ROW", source="SOAP"),
    Refusal(Problem.SERVER_ERROR, code="UNKNOWN_ERROR", words="retry", source="CLIENTS"),
    Refusal(Problem.SERVER_ERROR, status=406, source="CLIENTS: comes and goes"),
    # Settings and permissions that concern all calls.
    Refusal(Problem.API_DISABLED_FOR_ORG, code="API_CURRENTLY_DISABLED", words="organization", source="SOAP"),
    Refusal(Problem.API_DISABLED_FOR_USER, code="API_CURRENTLY_DISABLED", source="SOAP"),
    Refusal(Problem.API_DISABLED_FOR_ORG, code="API_DISABLED_FOR_ORG", source="REST"),
    Refusal(Problem.IP_RESTRICTED, code="INVALID_LOGIN_IP", source="SOAP"),
    Refusal(Problem.IP_RESTRICTED, code="LOGIN_DURING_RESTRICTED_…", source="SOAP: times and domains"),
    Refusal(Problem.IP_RESTRICTED, words="ip restricted", source="SOAP"),
    Refusal(Problem.IP_RESTRICTED, words="ip address", status=403, source="CLIENTS"),
    # Refusals of Bulk that REST may not have.
    Refusal(Problem.NOT_IN_BULK, code="INVALIDENTITY", source="BULK"),
    Refusal(Problem.NOT_IN_BULK, code="INVALIDJOB", source="BULK"),
    Refusal(Problem.NOT_IN_BULK, code="FEATURENOTENABLED", source="CLIENTS (dlt)"),
    Refusal(Problem.NOT_IN_BULK, words="async api not enabled", source="CLIENTS (dlt)"),
    Refusal(Problem.NOT_IN_BULK, words="not supported by the bulk api", source="BULK"),
    Refusal(Problem.NOT_IN_BULK, words="not supported in bulk query", source="BULK"),
    Refusal(Problem.NOT_IN_BULK, code="API_ERROR", words="implementation restriction", source="CLIENTS (Airbyte)"),
    # Fields and objects, distinguished by the words: only the first ones mean that a field is missing.
    Refusal(Problem.FIELD_GONE, code="INVALID_FIELD", words="no such column", source="REST"),
    Refusal(Problem.FIELD_GONE, code="INVALID_FIELD", words="no such field", source="CLIENTS"),
    Refusal(Problem.QUERY_REFUSED, code="INVALID_FIELD", source="SOAP"),
    Refusal(Problem.OBJECT_GONE, code="INVALID_TYPE", source="REST"),
    Refusal(Problem.QUERY_REFUSED, code="MALFORMED_QUERY", source="REST"),
    Refusal(Problem.QUERY_REFUSED, code="INVALID_QUERY_FILTER_OPERATOR", source="SOAP"),
    Refusal(Problem.QUERY_REFUSED, code="INVALID_TYPE_FOR_OPERATION", source="SOAP"),
    Refusal(Problem.QUERY_REFUSED, code="ENTITY_NOT_QUERYABLE", source="SOAP"),
    Refusal(Problem.QUERY_REFUSED, code="QUERY_TOO_COMPLICATED", source="SOAP"),
    Refusal(Problem.QUERY_REFUSED, code="OPERATION_TOO_LARGE", source="CLIENTS (Singer)"),
    Refusal(Problem.QUERY_REFUSED, words="does not support query", source="CLIENTS (Airbyte)"),
    Refusal(Problem.QUERY_TIMED_OUT, code="QUERY_TIMEOUT", source="REST: after 120 seconds"),
    Refusal(Problem.LOCATOR_GONE, code="INVALID_QUERY_LOCATOR", source="SOAP"),
    Refusal(Problem.NOT_FOUND, code="NOT_FOUND", source="REST"),
    Refusal(Problem.NO_ACCESS, code="INSUFFICIENT_ACCESS", source="SOAP"),
    Refusal(Problem.NO_ACCESS, code="INSUFFICIENT_ACCESS_OR_READONLY", source="SOAP"),
    Refusal(Problem.NO_ACCESS, code="FORBIDDEN", source="REST"),
    Refusal(Problem.NO_ACCESS, code="FUNCTIONALITY_NOT_ENABLED", source="SOAP"),
    Refusal(Problem.NO_ANSWER_IN_TIME, status=408, source="RFC 9110 section 15.5.9"),
)  # fmt: skip


def classify_api_error(status: int, body: Any, text: str, *, retry_after: float | None = None) -> SalesforceError:
    """The error for an answer of the data API that isn't a success.

    `body` is its JSON: an array of objects with errorCode and message, one object, or anything else. Of several errors
    the first known one decides; the text has all of them.
    """
    told = _errors_in(body) or _errors_in_xml(text) or [("", _plain(text))]
    problems = [_problem_of(status, code, message.lower()) for code, message in told]
    known = [problem for problem in problems if problem is not Problem.UNEXPECTED]
    detail = "; ".join(": ".join(part for part in each if part) for each in told)
    problem = known[0] if known else Problem.UNEXPECTED
    return SalesforceError(problem, detail or f"HTTP {status}", retry_after=retry_after)


def _problem_of(status: int, code: str, words: str) -> Problem:
    if not code and says_maintenance(words):
        return Problem.MAINTENANCE
    known = meaning_of(REFUSALS, code, words, status)
    if known is not None:
        return known
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
    """Read an answer in XML, which gateways in front of the API send whatever the request wanted."""
    parts = {name.lower().removeprefix("error").removeprefix("exception"): value for name, value in _XML.findall(text)}
    return [(parts.get("code", ""), parts.get("message", ""))] if parts else []


def _plain(text: str) -> str:
    """The text of a page without markup."""
    if "<" not in text:
        return text
    return re.sub(r"<[^>]*>?", " ", re.sub(r"<(script|style|head)\b.*?(</\1>|$)", " ", text, flags=re.S | re.I))


def is_passing_page(text: str) -> bool:
    """True for the pages that Salesforce shows, even with status 200, while an org is being set up or maintained."""
    return says_maintenance(_plain(text))
