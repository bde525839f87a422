"""Estimates what a run will cost in API calls and bulk jobs. It knows neither Flask nor HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from datasync_flask.salesforce.objects import DESCRIBES_PER_CALL
from datasync_flask.salesforce.query import REST_PAGE_ROWS

# Up to this many rows REST costs fewer calls than a bulk job (create, poll, read, delete).
REST_ROWS = 6_000
# The most cells in a page of a bulk result; the number of rows follows from the number of fields.
CELLS_PER_PAGE = 1_000_000
MAX_ROWS_PER_PAGE = 100_000
MIN_ROWS_PER_PAGE = 1_000
# Several jobs side by side read larger objects, each this many rows, or more if the object is very large.
SLICE_ROWS = 500_000
MOST_SLICES = 50
# Creating a job, polling a few times until it is complete, deleting it.
CALLS_OF_A_JOB = 5


@dataclass(frozen=True)
class Cost:
    """API calls and bulk jobs."""

    calls: int = 0
    jobs: int = 0

    def __add__(self, other: Cost) -> Cost:
        """Both together."""
        return Cost(self.calls + other.calls, self.jobs + other.jobs)


def rows_per_page(fields: int) -> int:
    """How many rows to request in one page of a bulk result with this many fields."""
    return min(max(CELLS_PER_PAGE // max(fields, 1), MIN_ROWS_PER_PAGE), MAX_ROWS_PER_PAGE)


def slices_for(rows: int) -> int:
    """How many jobs read this many rows side by side."""
    return min(-(-rows // SLICE_ROWS), MOST_SLICES) if rows > SLICE_ROWS else 1


def of_object(*, is_whole: bool, rows: int | None, fields: int) -> Cost:
    """The cost of reading one object; `rows` is None if unknown.

    A read of changes is expected to fit into one page. Counting on Salesforce's side is one more call.
    """
    if is_whole and (rows is None or rows > REST_ROWS):
        jobs = slices_for(rows or 0)
        # Finding where each slice begins takes one call.
        calls = jobs * CALLS_OF_A_JOB + (jobs if jobs > 1 else 0)
        return Cost(calls + _pages(rows or 0, rows_per_page(fields)) + 2, jobs)
    return Cost(_pages(rows or 0, REST_PAGE_ROWS) + (2 if is_whole else 1))


def of_refresh(*, rows: int | None, fields: int) -> Cost:
    """The cost of reading a few fields of all rows."""
    if rows is None or rows > REST_ROWS:
        return Cost(CALLS_OF_A_JOB + _pages(rows or 0, rows_per_page(fields)), 1)
    return Cost(_pages(rows, REST_PAGE_ROWS))


def of_descriptions(objects: int) -> Cost:
    """The cost of describing the objects."""
    return Cost(_pages(objects, DESCRIBES_PER_CALL))


def total(costs: Iterable[Cost]) -> Cost:
    """The sum."""
    return sum(costs, Cost())


def _pages(rows: int, per_page: int) -> int:
    return max(-(-rows // per_page), 1)
