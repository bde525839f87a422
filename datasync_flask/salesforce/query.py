"""Queries by REST: pages of records, and counts.

Sources: REST API Developer Guide "Query", "QueryAll".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from datasync_flask.salesforce.answers import QUERY
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.exact_json import number_of
from datasync_flask.salesforce.hosts import origin_of
from datasync_flask.salesforce.tries import TRIES

# Longer addresses get 414 or 431.
MAX_QUERY_LENGTH = 12_000
# Salesforce's page size for a REST query.
REST_PAGE_ROWS = 2_000

_PATH_BELOW_VERSION = re.compile(r"/?(?=query(?:All)?/)", re.A)
_NEXT_PAGE = re.compile(r"/services/data/v\d{1,3}\.\d/(?:query|queryAll)/(?!\.)[\w.~=+-]{1,200}", re.A)


# Errors after which a bulk job may still succeed.
_PERHAPS_IN_BULK = frozenset(
    {
        Problem.NOT_FOUND, Problem.UNEXPECTED, Problem.QUERY_TIMED_OUT, Problem.NO_ANSWER_IN_TIME,
        Problem.NOT_SALESFORCE,
    }
)  # fmt: skip


@dataclass(frozen=True)
class QueryPage:
    """One page of a REST query; `next_path` is '' on the last."""

    records: list[dict[str, Any]]
    total: int
    next_path: str

    @property
    def page_count(self) -> int:
        """The number of pages of the whole result, if all are as long as this one."""
        return -(-self.total // max(len(self.records), 1))


def first_page(api: SalesforceApi, soql: str, *, with_deleted: bool = False, tries: int = TRIES) -> QueryPage:
    """The first page of a query; `with_deleted` includes deleted and archived rows."""
    path = f"{api.base}/{'queryAll' if with_deleted else 'query'}"
    return _page(api, api.request("GET", path, params={"q": soql}, bounds=replace(QUERY, tries=tries)))


def may_work_in_bulk(error: SalesforceError) -> bool:
    """True if what REST refused may be too long or too slow for REST only."""
    return error.problem in _PERHAPS_IN_BULK


def next_page(api: SalesforceApi, path: str) -> QueryPage:
    """The page at a nextRecordsUrl. Raises SalesforceError, LOCATOR_GONE when it is too old."""
    if not _NEXT_PAGE.fullmatch(path):
        raise SalesforceError(Problem.NOT_SALESFORCE, "a next page somewhere else")
    return _page(api, api.request("GET", path, bounds=QUERY))


def count(api: SalesforceApi, soql_tail: str) -> int | None:
    """The result of ``SELECT COUNT() FROM`` + tail; None if Salesforce doesn't say."""
    answer = api.comfort(f"{api.base}/query", q="SELECT COUNT() FROM " + soql_tail)
    return number_of(answer.get("totalSize")) if isinstance(answer, dict) else None


def records_in(answer: Any) -> list[dict[str, Any]]:
    """The records of a query's answer. Raises SalesforceError when it is none."""
    found = answer.get("records") if isinstance(answer, dict) else None
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise SalesforceError(Problem.NOT_SALESFORCE, "a query's answer without records")
    return found


def _page(api: SalesforceApi, answer: Any) -> QueryPage:
    found = records_in(answer)
    next_path, total = answer.get("nextRecordsUrl"), number_of(answer.get("totalSize"))
    if answer.get("done") is False and not isinstance(next_path, str):
        raise SalesforceError(Problem.NOT_SALESFORCE, "a page that isn't the last, without a next one")
    is_last = answer.get("done") is True or not isinstance(next_path, str)
    # Usually a path; a proxy may write the org's own address before it, and Bulk leaves out the version's.
    path = "" if is_last else str(next_path).removeprefix(origin_of(api.token.instance_url))
    if below := _PATH_BELOW_VERSION.match(path):
        path = f"{api.base}/{path[below.end() :]}"
    return QueryPage(found, len(found) if total is None else total, path)
