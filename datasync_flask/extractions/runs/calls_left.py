"""How many of the org's daily API calls a run may still make."""

from __future__ import annotations

import math
import threading

from datasync_flask.extractions.runs.progress import Progress
from datasync_flask.salesforce.api import SalesforceApi


class WaitsForBulk(Exception):
    """Bulk's daily limit is reached, and REST would take more calls than are left; has Salesforce's words."""


class CallsLeft:
    """The calls left below the run's ceiling, minus those reserved for objects that are being read."""

    def __init__(self, api: SalesforceApi, ceiling: int) -> None:
        """`ceiling` is the share of the org's daily calls, in percent."""
        self._api, self._ceiling = api, ceiling
        self._lock = threading.Lock()
        self._promised: list[tuple[Progress, int]] = []

    def are_used_up(self) -> bool:
        """True if the org's calls of the last 24 hours have reached the ceiling."""
        return self._used >= self._most

    def fit_a_day(self, pages: int) -> bool:
        """True if so many pages could be read in a day in which nobody else makes calls."""
        return pages < self._most

    def promise(self, progress: Progress, pages: int) -> bool:
        """Reserve calls for the pages of an object; False if too few are left."""
        with self._lock:
            promised = sum(max(of_it - each.pages, 0) for each, of_it in self._promised if not each.is_read)
            if self._used + promised + pages >= self._most:
                return False
            self._promised.append((progress, pages))
            return True

    @property
    def _used(self) -> int:
        return self._api.usage[0] if self._api.usage else 0

    @property
    def _most(self) -> float:
        """The ceiling in calls; infinite if Salesforce names no limit."""
        return self._api.usage[1] * self._ceiling / 100 if self._api.usage and self._api.usage[1] else math.inf
