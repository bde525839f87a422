"""Fetches pages of a bulk result side by side, and yields them in their order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from structlog.contextvars import bind_contextvars, get_contextvars

from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.lanes import MOST
from datasync_flask.salesforce.result_pages import NoPlaces, places

# How many pages may be under way, or wait for a lane, their parser or their turn: a slow page leaves no lane empty.
AHEAD = 2 * MOST

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """The path of a page, its list of pages, and its position there."""

    query: str
    listing: str
    position: int


# Fetches the page with a number at a place; raises Dropped soon when nobody waits for it any more.
Fetch = Callable[[int, str, Callable[[], bool]], T]


@dataclass
class SideBySide:
    """The pages of a job's result beginning at a list, without its first `skip` pages."""

    api: SalesforceApi
    job_id: str
    listing: str
    skip: int

    def read(self, number: int, fetch: Fetch[T]) -> Generator[tuple[Place, T]]:
        """Yield each page, the first one as `number`.

        Raises NoPlaces when all earlier pages are yielded and the org doesn't list the next ones (any more). Raises
        whatever fetching a page raises when it is that page's turn.
        """
        is_over = threading.Event()
        mark = partial(bind_contextvars, **get_contextvars())
        with ThreadPoolExecutor(1, "places", mark) as asking, ThreadPoolExecutor(AHEAD, "page", mark) as pool:
            found, coming = self._places(asking), deque[tuple[Place, Future[T]]]()
            is_listed, no_places = False, None
            try:
                while True:
                    try:
                        self.api.wait(0)
                        while not is_listed and len(coming) < AHEAD:
                            place = next(found, None)
                            if place is not None:
                                coming.append((place, pool.submit(fetch, number, place.query, is_over.is_set)))
                                number += 1
                            is_listed = place is None
                    except NoPlaces as error:
                        is_listed, no_places = True, error
                    except Exception:
                        # The run has to stop: yield the pages that are already there.
                        while coming and coming[0][1].done() and coming[0][1].exception() is None:
                            yield _next(coming)
                        raise
                    if not coming:
                        break
                    yield _next(coming)
            finally:
                is_over.set()
                pool.shutdown(cancel_futures=True)
        if no_places is not None:
            raise no_places

    def _places(self, asking: ThreadPoolExecutor) -> Iterator[Place]:
        """Yield the places of the pages, requesting the next list in advance.

        Raises NoPlaces, also for repeated lists and pages, and SalesforceError.
        """
        listing, skip, seen = self.listing, self.skip, set[str]()
        asked = asking.submit(places, self.api, self.job_id, listing)
        while True:
            found = asked.result()
            new = {f"list {listing}", *found.pages}
            if new & seen or len(new) <= len(found.pages):
                raise NoPlaces("pages that come again")
            seen |= new
            if found.following:
                asked = asking.submit(places, self.api, self.job_id, found.following)
            yield from (Place(query, listing, n) for n, query in enumerate(found.pages) if n >= skip)
            if not found.following:
                return
            listing, skip = found.following, 0


def _next(coming: deque[tuple[Place, Future[T]]]) -> tuple[Place, T]:
    place, page = coming.popleft()
    return place, page.result()
