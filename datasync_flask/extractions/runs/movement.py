"""Whether a run makes progress, or waits for something that never comes.

Progress means an answer from Salesforce (even that a bulk job isn't complete yet), a hundred kilobytes of a result, or
a step of an object. A destination may be slow: while it writes, merges, counts, or waits for a file that somebody else
has open, this counts as progress for up to six hours.
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
    """What a run has done so far, as numbers that only increase."""

    def __init__(self) -> None:
        self.steps = 0
        self.api: SalesforceApi | None = None
        self._before: tuple[int, ...] = ()
        self._at_destination_since: float | None = None

    def has_moved(self) -> bool:
        """True when the run made progress since the last call, or is in a step that may take long."""
        api = self.api
        now = (self.steps, api.calls if api else 0, api.received // BYTES_OF_A_STEP if api else 0)
        moved, self._before = now != self._before, now
        since = self._at_destination_since
        return moved or (since is not None and time.monotonic() - since < LONGEST_AT_DESTINATION)

    def timed(self, destination: Destination) -> Destination:
        """A destination whose steps count as progress while they last."""
        return _TimedDestination(destination, self)  # type: ignore[return-value]

    @contextmanager
    def at_destination(self) -> Iterator[None]:
        """Mark the run as busy at the destination while the block lasts."""
        self._at_destination_since = time.monotonic()
        try:
            yield
        finally:
            self._at_destination_since = None
            self.steps += 1


class _TimedDestination:
    """A destination that notes each of its steps."""

    def __init__(self, destination: Destination, movement: Movement) -> None:
        self._destination, self._movement = destination, movement

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._destination, name)
        return self._noted(found) if callable(found) else found

    def _noted(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **options: Any) -> Any:
            with self._movement.at_destination():
                found = step(*arguments, **options)
                # A generator does its work later, while it yields.
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
