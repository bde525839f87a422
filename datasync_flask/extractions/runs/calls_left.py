"""How many API calls a run may still make, for reading by REST when Bulk's daily limit is reached."""

from __future__ import annotations

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

    def fit_a_day(self, pages: int) -> bool:
        """True if so many pages could be read in a day in which nobody else makes calls."""
        return self._api.usage is None or pages < self._api.usage[1] * self._ceiling / 100

    def promise(self, progress: Progress, pages: int) -> bool:
        """Reserve calls for the pages of an object; False if too few are left."""
        with self._lock:
            if self._api.usage is None:
                return True
            used, most = self._api.usage
            promised = sum(max(of_it - each.pages, 0) for each, of_it in self._promised if not each.is_read)
            if used + promised + pages >= most * self._ceiling / 100:
                return False
            self._promised.append((progress, pages))
            return True
