"""How often formula fields, and others that change without their record's date, are refreshed.

It knows neither Flask nor the database.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

# A daily schedule starts a few minutes earlier on some days; that run still counts as the next day's.
EARLY = timedelta(hours=1)


class FormulaRhythm(enum.StrEnum):
    """When formula fields are refreshed, apart from each full load, which always does it."""

    EACH_RUN = "each_run"
    DAILY = "daily"
    WEEKLY = "weekly"
    NEVER = "never"

    @property
    def every(self) -> timedelta | None:
        """The time from one refresh to the next; None where there is none."""
        return _EVERY[self]

    def is_due(self, last: datetime | None, now: datetime) -> bool:
        """True when a run at `now` refreshes fields that were fresh at `last` (None: unknown)."""
        return self.every is not None and (last is None or now - last >= self.every - EARLY)

    def times_a_day(self, runs_a_day: float) -> float:
        """How often a day fields are refreshed, given the number of runs a day."""
        if self.every is None:
            return 0.0
        return min(runs_a_day, timedelta(days=1) / self.every) if self.every else runs_a_day


_EVERY = {
    FormulaRhythm.EACH_RUN: timedelta(0),
    FormulaRhythm.DAILY: timedelta(days=1),
    FormulaRhythm.WEEKLY: timedelta(days=7),
    FormulaRhythm.NEVER: None,
}
