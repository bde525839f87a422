"""How often formula fields, and others that move without their record's date, are read alone.

It knows neither Flask nor the database.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

# A daily schedule starts some minutes earlier one day than the other; that run is the next day's all the same.
EARLY = timedelta(hours=1)


class FormulaRhythm(enum.StrEnum):
    """When formula fields are refreshed; besides, each reload of everything does it."""

    EACH_RUN = "each_run"
    DAILY = "daily"
    WEEKLY = "weekly"
    NEVER = "never"

    @property
    def every(self) -> timedelta | None:
        """The time from one refresh to the next; None where there is none."""
        return _EVERY[self]

    def is_due(self, last: datetime | None, now: datetime) -> bool:
        """True when a run at `now` refreshes what was fresh at `last`; None: nobody knows when."""
        return self.every is not None and (last is None or now - last >= self.every - EARLY)

    def times_a_day(self, runs_a_day: float) -> float:
        """How often a day fields are refreshed by so many runs a day."""
        if self.every is None:
            return 0.0
        return min(runs_a_day, timedelta(days=1) / self.every) if self.every else runs_a_day


_EVERY = {
    FormulaRhythm.EACH_RUN: timedelta(0),
    FormulaRhythm.DAILY: timedelta(days=1),
    FormulaRhythm.WEEKLY: timedelta(days=7),
    FormulaRhythm.NEVER: None,
}
