"""Divides a query's rows by their Ids, so that several jobs can read them side by side.

A query in the order of Ids has a cursor in Salesforce that can be read from any row: its locator ends with the number
of the row. Sources: REST API Developer Guide "Query"; Salesforce Developers' Blog "PK Chunking
Techniques for Massive Orgs" (query locator chunking); Bulk API Developer Guide "PK Chunking Header" (the conditions).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from structlog.contextvars import bind_contextvars, get_contextvars

from datasync_flask.salesforce import query
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.errors import SalesforceError
from datasync_flask.salesforce.lanes import MOST
from datasync_flask.salesforce.query import MAX_QUERY_LENGTH

log = logging.getLogger(__name__)

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", re.A)


@dataclass(frozen=True)
class IdRange:
    """A SOQL condition for a part of the rows, and how many there were when it was created."""

    condition: str
    rows: int


def id_ranges(
    api: SalesforceApi, tail: str, *, with_deleted: bool, ranges_for: Callable[[int], int]
) -> tuple[IdRange, ...]:
    """As many ranges as `ranges_for` returns for the number of rows; each row is in one, whenever it is created.

    `tail` is the query after FROM. None if the org's answer isn't usable: then one job can read all rows. Raises
    SalesforceError for errors that concern more than this.
    """
    soql = f"SELECT Id FROM {tail} ORDER BY Id"
    if len(soql) > MAX_QUERY_LENGTH:
        return ()
    try:
        first = query.first_page(api, soql, with_deleted=with_deleted, tries=1)
        place, _, number = first.next_path.rpartition("-")
        count = ranges_for(first.total)
        if count < 2 or not re.fullmatch(r"\d+", number, re.A):
            return ()
        starts = [first.total * part // count for part in range(count)]
        mark = partial(bind_contextvars, **get_contextvars())
        with ThreadPoolExecutor(MOST, "range", mark) as pool:
            pages = [first, *pool.map(lambda start: query.next_page(api, f"{place}-{start}"), starts[1:])]
    except SalesforceError as error:
        if not (error.is_about_the_request or error.problem.is_transient):
            raise
        log.info("the rows of %s are read whole: %s", tail, error)
        return ()
    ids = [str(page.records[0].get("Id")) if page.records else "" for page in pages]
    # 15 characters make an Id; ranges might overlap if the order isn't that of the characters.
    if not all(_ID.fullmatch(each) for each in ids) or any(a[:15] >= b[:15] for a, b in pairwise(ids)):
        log.info("the rows of %s are read whole: Ids in an order that isn't understood", tail)
        return ()
    # The first and last ranges are open, so that rows created later are in them.
    edges, ends = pairwise(["", *ids[1:], ""]), pairwise([*starts, first.total])
    return tuple(IdRange(_between(*edge), end - start) for edge, (start, end) in zip(edges, ends, strict=True))


def _between(first: str, last: str) -> str:
    """The condition of a range; '' means no bound."""
    conditions = [f"Id >= '{first}'"] if first else []
    return " AND ".join(conditions + ([f"Id < '{last}'"] if last else []))
