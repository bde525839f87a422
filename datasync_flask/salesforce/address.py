"""Whether the org is still where its token says, and whether its data API is open.

A My Domain that is renamed and an org that moves to another instance leave redirects, 404 answers or nothing behind
(Salesforce help "My Domain URL Formats"; REST API Developer Guide "Status Codes and Error Responses": 3xx means that
the resource was not found at this address, 404 `URL_NOT_RESET` that the domain is not set up). The login host knows the
new address: a token answer's `instance_url` holds it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2

from datasync_flask.salesforce import answers
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.oauth import TokenAnswer
from datasync_flask.salesforce.transport import text_of

T = TypeVar("T")
_ORG_ID = re.compile(r"00D[0-9A-Za-z]{12}([0-9A-Za-z]{3})?")

_MOVED_WORDS = ("url_not_reset", "destination url not reset", "url no longer exists")
# A host that isn't the org's any more answers a 404 of its own; the API's are JSON.
_BARE = "HTTP 404 without a word of the API"
# Parts of what OpenSSL says of a certificate that belongs to another host.
_OTHER_NAME = ("hostname mismatch", "is not valid for", "ip address mismatch")


def refusal_of(response: httpx2.Response, body: Any, *, is_optional: bool = False) -> SalesforceError:
    """Return the error for an answer of the API that isn't a success; `body` is its JSON, None where it has none.

    With `is_optional` not every org has what was asked for, so that a 404 says nothing about the org's address.
    """
    said = answers.refusal_of(response, body)
    if response.is_redirect or 300 <= response.status_code < 400:
        target = urlsplit(response.headers.get("location", "")).hostname or "another page"
        return SalesforceError(Problem.INSTANCE_MOVED, f"HTTP {response.status_code} to {target}")
    if said.problem is Problem.MAINTENANCE:
        return said
    words = text_of(response)[: answers.REFUSAL_CHARACTERS].lower()
    if response.status_code in {400, 404} and any(part in words for part in _MOVED_WORDS):
        return SalesforceError(Problem.INSTANCE_MOVED, said.detail)
    if response.status_code == 404 and body is None:
        return SalesforceError(Problem.NOT_FOUND, "HTTP 404" if is_optional else _BARE)
    return said


def _is_bare(error: SalesforceError) -> bool:
    return error.problem in {Problem.NOT_FOUND, Problem.DATA_API_CLOSED} and error.detail == _BARE


def may_have_moved(error: SalesforceError) -> bool:
    """True when a call with a token failed as it does when the org isn't at the token's address any more."""
    if error.problem in {Problem.INSTANCE_MOVED, Problem.HOST_NOT_FOUND} or _is_bare(error):
        return True
    words = error.detail.lower()
    return any(part in words for part in _OTHER_NAME)


def at_the_orgs_address(token: TokenAnswer, refresh: Callable[[TokenAnswer], TokenAnswer], call: Callable[[], T]) -> T:
    """Return what `call` gives; where the org seems to have moved, have `token` refreshed once, and call once more.

    `refresh` asks the login host and lets `call` use the new token. Raises SalesforceError: what kept the login host
    from answering, INSTANCE_MOVED when its answer didn't help, DATA_API_CLOSED when the org is where it was.
    """
    try:
        return call()
    except SalesforceError as error:
        if not may_have_moved(error):
            raise
        first = error
    try:
        fresh = refresh(token)
    except SalesforceError as error:
        if error.problem is Problem.NO_REFRESH_TOKEN:
            raise _still_failing(first, is_same=False) from None
        raise
    try:
        return call()
    except SalesforceError as error:
        raise _still_failing(error, is_same=token.instance_url == fresh.instance_url) from None


def _still_failing(error: SalesforceError, *, is_same: bool) -> SalesforceError:
    if not may_have_moved(error):
        return error
    if is_same and _is_bare(error):
        # The org is here, and has nothing at this path.
        return error
    is_closed = is_same and error.problem is Problem.INSTANCE_MOVED
    return SalesforceError(Problem.DATA_API_CLOSED if is_closed else Problem.INSTANCE_MOVED, error.detail)


def prove_data_api(get: Callable[[str, dict[str, str]], Any], version: str) -> dict[str, Any]:
    """Make a call of the kind that runs make, and return the org's record: {} when the user may not see it.

    `get` returns the JSON of a GET (path, parameters). Raises SalesforceError: DATA_API_CLOSED when each call is
    refused as no open data API refuses it, what it said otherwise. That a user is known proves nothing about the data.
    """
    base = f"/services/data/v{version}"
    soql = "SELECT Id, Name, IsSandbox, OrganizationType, InstanceName FROM Organization"
    try:
        return _first_record(get(f"{base}/query", {"q": soql}))
    except SalesforceError as error:
        if not error.problem.is_about_the_request:
            raise
    try:
        # The list of resources is open to everybody who may call at all.
        resources = get(f"{base}/", {})
    except SalesforceError as error:
        if not error.problem.is_about_the_request:
            raise
        raise SalesforceError(Problem.DATA_API_CLOSED, error.detail) from None
    if not is_resource_list(resources):
        raise SalesforceError(Problem.NOT_SALESFORCE, "no list of resources")
    return {}


def is_resource_list(answer: Any) -> bool:
    """True for the data API's list of its resources (REST API Developer Guide "Resources by Version")."""
    return isinstance(answer, dict) and bool({"query", "sobjects"} & answer.keys())


def org_id_in(record: dict[str, Any]) -> str:
    """Return the Id of a record of Organization, '' for anything else (SOAP API Developer Guide "ID Field Type")."""
    found = record.get("Id")
    return found if isinstance(found, str) and _ORG_ID.fullmatch(found) else ""


def _first_record(answer: Any) -> dict[str, Any]:
    records = answer.get("records") if isinstance(answer, dict) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise SalesforceError(Problem.NOT_SALESFORCE, "a query's answer without records")
    return records[0] if records else {}
