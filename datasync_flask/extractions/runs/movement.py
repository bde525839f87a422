"""Whether a run gets on, or waits for something that never comes.

Progress is an answer of Salesforce (that a bulk job isn't complete yet is one), a hundred kilobytes of a result, and
each step of an object. A destination may take its time: while it writes, merges, counts, or waits for a file that
somebody else has open, a run counts as getting on for six hours at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from datasync_flask.destinations.base import Destination
from datasync_flask.salesforce.api import SalesforceApi

BYTES_OF_A_STEP = 100_000
LONGEST_AT_DESTINATION = 6 * 3600.0


class Movement:
    """What a run has done so far, as numbers that only grow."""

    def __init__(self) -> None:
        self.steps = 0
        self.api: SalesforceApi | None = None
        self._before: tuple[int, ...] = ()
        self._at_destination_since: float | None = None

    def has_moved(self) -> bool:
        """True when the run got on since the last time this was asked, or waits for something that may take long."""
        api = self.api
        now = (self.steps, api.calls if api else 0, api.received // BYTES_OF_A_STEP if api else 0)
        moved, self._before = now != self._before, now
        since = self._at_destination_since
        return moved or (since is not None and time.monotonic() - since < LONGEST_AT_DESTINATION)

    def timed(self, destination: Destination) -> Destination:
        """A destination whose steps are known to take their time."""
        return _TimedDestination(destination, self)  # type: ignore[return-value]

    @contextmanager
    def at_destination(self) -> Iterator[None]:
        """Be at a destination for as long as it takes."""
        self._at_destination_since = time.monotonic()
        try:
            yield
        finally:
            self._at_destination_since = None
            self.steps += 1


class _TimedDestination:
    """A destination; each of its steps is noted."""

    def __init__(self, destination: Destination, movement: Movement) -> None:
        self._destination, self._movement = destination, movement

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._destination, name)
        return self._noted(found) if callable(found) else found

    def _noted(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **options: Any) -> Any:
            with self._movement.at_destination():
                found = step(*arguments, **options)
                # What is yielded piece by piece is waited for there.
                return self._pieces(found) if isinstance(found, Iterator) else found

        return noted

    def _pieces(self, pieces: Iterator[Any]) -> Iterator[Any]:
        end = object()
        while True:
            with self._movement.at_destination():
                piece = next(pieces, end)
            if piece is end:
                return
            yield piece
