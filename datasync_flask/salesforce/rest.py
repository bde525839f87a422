"""The REST API with one access token: whose it is, which org it opens, and that calls really work.

Sources: REST API Developer Guide "Versions", "Query", "Limits", "Limit Info Header"; Salesforce help "Identity URLs"
and "UserInfo Endpoint".
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from datasync_flask.salesforce.address import org_id_in, prove_data_api, refusal_of
from datasync_flask.salesforce.data_refusals import is_passing_page
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.hosts import is_api_origin, looks_like_sandbox
from datasync_flask.salesforce.oauth import TokenAnswer
from datasync_flask.salesforce.transport import BoundedClient, json_of, text_of

# The newest version this program was written against; an org that is older is spoken to in its own newest.
PINNED_VERSION = 66.0
VERSIONS_PATH = "/services/data/"

_LIMIT_INFO = re.compile(r"api-usage=(\d+)/(\d+)")
_RECORD_ID = re.compile(r"[0-9A-Za-z]{15,18}")
# It becomes part of every address.
_VERSION = re.compile(r"[0-9]{1,3}\.[0-9]")


@dataclass
class AccessReport:
    """What an access token turned out to open. Unknown texts are empty, unknown numbers None."""

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


class _Api:
    """GET requests with the bearer token, to the instance only."""

    def __init__(self, client: BoundedClient, token: TokenAnswer, trusted: Collection[str]) -> None:
        self._client, self._token, self._trusted = client, token, trusted
        self.limit_info: tuple[int, int] | None = None

    def get(self, url: str, **params: str) -> Any:
        """Return the JSON of a GET. Raises SalesforceError for every other answer."""
        full = url if url.startswith("http") else self._token.instance_url + url
        # An identity URL may be that of a site, which is somebody's own pages: no token goes there.
        if not is_api_origin(full, self._trusted):
            raise SalesforceError(Problem.UNTRUSTED_INSTANCE, urlsplit(full).hostname or "")
        response = self._client.get(
            full,
            params=params or None,
            headers={"Authorization": f"Bearer {self._token.access_token}", "Accept": "application/json"},
        )
        usage = _LIMIT_INFO.search(response.headers.get("sforce-limit-info", ""))
        if usage:
            self.limit_info = (int(usage.group(1)), int(usage.group(2)))
        return _success(response)


def _success(response: httpx2.Response) -> Any:
    body = json_of(response)
    if response.status_code != 200:
        raise refusal_of(response, body)
    if body is None:
        if is_passing_page(text_of(response)):
            raise refusal_of(response, None)
        kind = response.headers.get("content-type", "no content type")
        raise SalesforceError(Problem.NOT_SALESFORCE, f"HTTP 200, {kind}")
    return body


def check_access(token: TokenAnswer, trusted: Collection[str] = ()) -> AccessReport:
    """Make the first real API calls with `token` and report whose it is and what it opens.

    Raises SalesforceError when calls don't work; what the org merely refuses to tell stays unknown.
    """
    report = AccessReport(instance_url=token.instance_url, org_id=token.org_id, user_id=token.user_id)
    report.is_sandbox = looks_like_sandbox(token.instance_url)
    with BoundedClient(trusted) as client:
        api = _Api(client, token, trusted)
        report.api_version = _choose_version(api)
        # First what runs need: the endpoints below that tell whose token it is work without the data API too.
        _take_organization(prove_data_api(lambda path, params: api.get(path, **params), report.api_version), report)
        _read_user(api, token, report)
        _read_limits(api, report)
    return report


def _choose_version(api: _Api) -> str:
    """Return the newest version that both sides know; the list needs no token and proves nothing about it."""
    try:
        versions = api.get(VERSIONS_PATH)
    except SalesforceError as error:
        if not error.problem.is_about_the_request and error.problem is not Problem.INSTANCE_MOVED:
            raise
        return f"{PINNED_VERSION:.1f}"
    numbers = []
    for entry in versions if isinstance(versions, list) else []:
        try:
            if _VERSION.fullmatch(entry["version"]):
                numbers.append(float(entry["version"]))
        except (KeyError, TypeError, ValueError):
            continue
    if not numbers:
        raise SalesforceError(Problem.NOT_SALESFORCE, "no list of API versions")
    return f"{min(PINNED_VERSION, max(numbers)):.1f}"


def _take_organization(record: dict[str, Any], report: AccessReport) -> None:
    report.org_id = org_id_in(record) or report.org_id
    report.org_name = _text(record, "Name")
    report.org_type = _text(record, "OrganizationType")
    report.instance_name = _text(record, "InstanceName")
    if isinstance(record.get("IsSandbox"), bool):
        report.is_sandbox = record["IsSandbox"]


def _read_user(api: _Api, token: TokenAnswer, report: AccessReport) -> None:
    """Ask the UserInfo endpoint, then the identity URL, then the User object, until one tells the user's name."""
    for source in ("/services/oauth2/userinfo", token.identity_url):
        if not source:
            continue
        try:
            found = api.get(source)
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
    # The id was matched against letters and digits just above.
    soql = f"SELECT Id, Username, Name FROM User WHERE Id = '{report.user_id}'"  # noqa: S608
    try:
        answer = api.get(f"/services/data/v{report.api_version}/query", q=soql)
        record = answer["records"][0]
    except (SalesforceError, KeyError, IndexError, TypeError):
        return
    if not isinstance(record, dict):
        return
    report.username, report.display_name = _text(record, "Username"), _text(record, "Name")


def _read_limits(api: _Api, report: AccessReport) -> None:
    """Read the day's API calls; without "View Setup and Configuration" the org refuses, and the header must do."""
    try:
        limits = api.get(f"/services/data/v{report.api_version}/limits")
        daily = limits["DailyApiRequests"]
        report.api_calls_max, report.api_calls_left = int(daily["Max"]), int(daily["Remaining"])
    except (SalesforceError, KeyError, TypeError, ValueError):
        if api.limit_info is not None:
            used, most = api.limit_info
            report.api_calls_max, report.api_calls_left = most, max(most - used, 0)


def _text(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    return value[:255] if isinstance(value, str) else ""
