"""Limits how many pages of results are fetched from an org side by side; fewer after it slows or refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from datasync_flask.salesforce.errors import Problem, SalesforceError

MOST = 5
# How often a thread that waits for a lane checks whether to stop.
ASK_SECONDS = 0.1
_SLOWS = frozenset(
    {Problem.TOO_MANY_REQUESTS, Problem.SERVER_ERROR, Problem.MAINTENANCE, Problem.NO_ANSWER_IN_TIME}
)  # fmt: skip


class Lanes:
    """Halves the lanes after a refusal, and adds one after a page per lane came without a refusal."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._used = 0
        self.count = MOST
        # Pages received since the number of lanes changed, and how often it was halved.
        self._came, self._halvings = 0, 0

    @contextmanager
    def one(self, check: Callable[[], None]) -> Iterator[Callable[[], None]]:
        """Use a lane for one request. Yield what leaves it before the block ends, when the answer was received.

        `check` is called while waiting for a lane, and may raise to stop.
        """
        with self._changed:
            while self._used >= self.count:
                check()
                self._changed.wait(ASK_SECONDS)
            self._used += 1
            before, is_left = self._halvings, False

        def leave() -> None:
            nonlocal is_left
            with self._changed:
                self._used -= not is_left
                is_left = True
                self._changed.notify_all()

        try:
            yield leave
            self._widen()
        except SalesforceError as error:
            if error.problem in _SLOWS:
                self._halve(before)
            raise
        finally:
            leave()

    def _halve(self, before: int) -> None:
        with self._changed:
            # Requests under way at the last halving say nothing new.
            if self._halvings == before:
                self.count, self._came, self._halvings = max(self.count // 2, 1), 0, before + 1

    def _widen(self) -> None:
        with self._changed:
            self._came += 1
            if self._came >= self.count and self.count < MOST:
                self.count, self._came = self.count + 1, 0
