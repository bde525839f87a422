"""How many API calls a run may still make: what Bulk's limit of the day leaves to REST has to fit into them."""

from __future__ import annotations

import threading

from datasync_flask.extractions.runs.progress import Progress
from datasync_flask.salesforce.api import SalesforceApi


class WaitsForBulk(Exception):
    """Bulk's limit of the day is reached, in Salesforce's words, and REST would take more calls than are left."""


class CallsLeft:
    """The calls up to the ceiling at which a run pauses, less those promised to objects that are being read."""

    def __init__(self, api: SalesforceApi, ceiling: int) -> None:
        """`ceiling` is the share of the org's daily calls, in percent."""
        self._api, self._ceiling = api, ceiling
        self._lock = threading.Lock()
        self._promised: list[tuple[Progress, int]] = []

    def promise(self, progress: Progress, pages: int) -> bool:
        """Keep calls for so many pages of what is being read; False where fewer are left."""
        with self._lock:
            if self._api.usage is None:
                return True
            used, most = self._api.usage
            promised = sum(max(of_it - each.pages, 0) for each, of_it in self._promised if not each.is_read)
            if used + promised + pages >= most * self._ceiling / 100:
                return False
            self._promised.append((progress, pages))
            return True
