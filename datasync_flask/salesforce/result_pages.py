"""The addresses of a bulk job's result pages, for fetching several side by side.

Source: Bulk API 2.0 and Bulk API Developer Guide, "Get Parallel Results for a Query Job" (version 58.0 and later). Real
orgs differ from it: `resultChunks[].resultLink` for `resultPages[].resultUrl`, links below the version's address,
`nextRecordUrl` and `nextRecordsUrl`. This module understands all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from datasync_flask.salesforce.answers import OPTIONAL
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.hosts import origin_of

SINCE_VERSION = 58.0
# The guide says five.
MAX_PAGES = 100

_BOUNDS = replace(OPTIONAL, tries=2)
_QUERY = re.compile(r"[\w.~%=&+/:,;@!$'()*-]{0,1000}", re.A)
# These concern the connection or the day; all others concern only this address.
_NOT_ITS_OWN = frozenset({Problem.REQUEST_LIMIT_EXCEEDED, Problem.TOKEN_REQUEST_BUSY, Problem.LOGIN_RATE_EXCEEDED})


class NoPlaces(Exception):
    """The org gives no usable list; every page also says where the next one is."""


@dataclass(frozen=True)
class Places:
    """The addresses of up to five pages, and the address for the next ones; '' when these are the last."""

    pages: tuple[str, ...]
    following: str


def places(api: SalesforceApi, job_id: str, at: str) -> Places:
    """The places that the org lists at `at`, a query like those it returns. Raises NoPlaces, or SalesforceError."""
    if float(api.version) < SINCE_VERSION:
        raise NoPlaces(f"API version {api.version}")
    try:
        answer = api.request("GET", f"{api.base}/jobs/query/{job_id}/resultPages?{at}", bounds=_BOUNDS)
    except SalesforceError as error:
        if error.problem in _NOT_ITS_OWN or not (error.is_about_the_request or error.problem.is_transient):
            raise
        raise NoPlaces(str(error)) from None
    return _understood(answer, api, job_id)


def _understood(answer: Any, api: SalesforceApi, job_id: str) -> Places:
    entries = _first_of(answer, "resultPages", "resultChunks")
    if not isinstance(entries, list) or len(entries) > MAX_PAGES:
        raise NoPlaces("no list of pages")
    links = [_first_of(entry, "resultUrl", "resultLink") for entry in entries]
    following = None if answer.get("done") is True else _first_of(answer, "nextRecordsUrl", "nextRecordUrl")
    if following and not links:
        raise NoPlaces("a list without pages")
    origin = origin_of(api.token.instance_url)
    return Places(
        tuple(_query_of(link, origin, f"{job_id}/results") for link in links),
        _query_of(following, origin, f"{job_id}/resultPages") if following else "",
    )


def _first_of(answer: Any, *names: str) -> Any:
    return next((answer[name] for name in names if answer.get(name)), None) if isinstance(answer, dict) else None


def _query_of(link: Any, origin: str, resource: str) -> str:
    """A link's query. Only that is used, so that the token goes only to the job's own address."""
    if not isinstance(link, str):
        raise NoPlaces("a page without a link")
    try:
        parts = urlsplit(link)
        is_here = not parts.netloc or (origin_of(link) == origin and parts.username is None)
    except ValueError:
        is_here = False
    if not is_here:
        raise NoPlaces(f"a link to somewhere else: {link[:100]}")
    path = re.sub(r"^/services/data/v\d{1,3}\.\d(?=/)", "", parts.path, flags=re.A)
    if path.lstrip("/") != f"jobs/query/{resource}" or not _QUERY.fullmatch(parts.query) or parts.fragment:
        raise NoPlaces(f"a link to something else: {link[:100]}")
    return parts.query
