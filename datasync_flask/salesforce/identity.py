"""Finds out whose an access token is, which org it opens, and whether the data API accepts it.

Sources: REST API Developer Guide "Versions", "Query", "Limits", "Limit Info Header"; Salesforce help "Identity URLs"
and "UserInfo Endpoint".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from datasync_flask.salesforce.answers import CHECK
from datasync_flask.salesforce.api import PINNED_VERSION, VERSION, SalesforceApi
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.hosts import looks_like_sandbox
from datasync_flask.salesforce.query import records_in

VERSIONS_PATH = "/services/data/"

# No org has more calls a day; the database takes no larger numbers.
_MOST_CALLS = 10**9
_RECORD_ID = re.compile(r"[0-9A-Za-z]{15,18}")
_ORG_ID = re.compile(r"00D[0-9A-Za-z]{12}([0-9A-Za-z]{3})?")

# A GET: a path, and `params`.
Get = Callable[..., Any]


@dataclass
class AccessReport:
    """The org and user of an access token. Unknown texts are empty, unknown numbers None."""

    instance_url: str
    api_version: str = ""
    user_id: str = ""
    username: str = ""
    display_name: str = ""
    org_id: str = ""
    org_name: str = ""
    is_sandbox: bool = False
    org_type: str = ""
    instance_name: str = ""
    api_calls_max: int | None = None
    api_calls_left: int | None = None


def check_access(api: SalesforceApi) -> AccessReport:
    """Make the first real API calls with a token, each once, and report its user and org.

    Raises SalesforceError when calls don't work; values that the org merely refuses to give stay unknown.
    """
    token, get = api.token, partial(api.once, "GET", bounds=CHECK)
    report = AccessReport(instance_url=token.instance_url, org_id=token.org_id, user_id=token.user_id)
    report.is_sandbox = looks_like_sandbox(token.instance_url)
    api.version = report.api_version = _choose_version(get)
    # First what runs need: the endpoints below for the user's identity also work without the data API.
    _take_organization(prove_data_api(get, api.base), report)
    _read_user(get, api, report)
    _read_limits(get, api, report)
    return report


def prove_data_api(get: Get, base: str) -> dict[str, Any]:
    """Make a call of the kind that runs make, and return the org's record: {} when the user can't see it.

    Raises SalesforceError: DATA_API_CLOSED when each call is refused in a way that an open data API never does,
    otherwise the API's own error. A known user proves nothing about the data.
    """
    soql = "SELECT Id, Name, IsSandbox, OrganizationType, InstanceName FROM Organization"
    try:
        records = records_in(get(f"{base}/query", params={"q": soql}))
        return records[0] if records else {}
    except SalesforceError as error:
        if not error.is_about_the_request:
            raise
    try:
        # Everybody who may call the API can read the list of resources.
        resources = get(f"{base}/")
    except SalesforceError as error:
        if not error.is_about_the_request:
            raise
        raise SalesforceError(Problem.DATA_API_CLOSED, error.detail) from None
    if not is_resource_list(resources):
        raise SalesforceError(Problem.NOT_SALESFORCE, "no list of resources")
    return {}


def is_resource_list(answer: Any) -> bool:
    """True for the data API's list of its resources (REST API Developer Guide "Resources by Version")."""
    return isinstance(answer, dict) and bool({"query", "sobjects"} & answer.keys())


def org_id_in(record: dict[str, Any]) -> str:
    """The Id of a record of Organization, '' for anything else (SOAP API Developer Guide "ID Field Type")."""
    found = record.get("Id")
    return found if isinstance(found, str) and _ORG_ID.fullmatch(found) else ""


def _choose_version(get: Get) -> str:
    """The newest version that both sides know; reading the list needs no token, so it proves nothing about one."""
    try:
        versions = get(VERSIONS_PATH)
    except SalesforceError as error:
        if not error.is_about_the_request and error.problem is not Problem.INSTANCE_MOVED:
            raise
        return PINNED_VERSION
    entries = versions if isinstance(versions, list) else []
    told = [entry.get("version") for entry in entries if isinstance(entry, dict)]
    numbers = [float(each) for each in told if isinstance(each, str) and VERSION.fullmatch(each)]
    if not numbers:
        raise SalesforceError(Problem.NOT_SALESFORCE, "no list of API versions")
    return f"{min(float(PINNED_VERSION), max(numbers)):.1f}"


def _take_organization(record: dict[str, Any], report: AccessReport) -> None:
    report.org_id = org_id_in(record) or report.org_id
    report.org_name = _text(record, "Name")
    report.org_type = _text(record, "OrganizationType")
    report.instance_name = _text(record, "InstanceName")
    if isinstance(record.get("IsSandbox"), bool):
        report.is_sandbox = record["IsSandbox"]


def _read_user(get: Get, api: SalesforceApi, report: AccessReport) -> None:
    """Read the UserInfo endpoint, the identity URL and the User object, until one gives the user's name."""
    for source in ("/services/oauth2/userinfo", api.token.identity_url):
        if not source:
            continue
        try:
            found = get(source)
        except SalesforceError:
            continue
        if isinstance(found, dict) and (_text(found, "preferred_username") or _text(found, "username")):
            report.username = _text(found, "preferred_username") or _text(found, "username")
            report.display_name = _text(found, "name") or _text(found, "display_name")
            report.user_id = _text(found, "user_id") or report.user_id
            report.org_id = report.org_id or _text(found, "organization_id")
            return
    if not _RECORD_ID.fullmatch(report.user_id):
        return
    # The id was matched against letters and digits above.
    soql = f"SELECT Id, Username, Name FROM User WHERE Id = '{report.user_id}'"  # noqa: S608
    try:
        record = records_in(get(f"{api.base}/query", params={"q": soql}))[0]
    except (SalesforceError, IndexError):
        return
    report.username, report.display_name = _text(record, "Username"), _text(record, "Name")


def _read_limits(get: Get, api: SalesforceApi, report: AccessReport) -> None:
    """Read the day's API calls; without "View Setup and Configuration" the org refuses, and the header has to do."""
    try:
        daily = get(f"{api.base}/limits")["DailyApiRequests"]
        most, left = int(daily["Max"]), int(daily["Remaining"])
        if max(abs(most), abs(left)) > _MOST_CALLS:
            raise ValueError(most, left)
        report.api_calls_max, report.api_calls_left = most, left
    except (SalesforceError, KeyError, TypeError, ValueError):
        if api.usage is not None:
            used, most = api.usage
            report.api_calls_max, report.api_calls_left = most, max(most - used, 0)


def _text(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    return value[:255] if isinstance(value, str) else ""
