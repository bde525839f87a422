"""How fast a run reads, and how long the rest takes at that pace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from datasync_flask.extractions.models import RunObject

# Before that, a pace says nothing.
LEAST_SECONDS = 2.0


@dataclass(frozen=True)
class Pace:
    """Rows per second, and seconds left where the number of rows is known."""

    rows_per_second: float
    seconds_left: int | None


def of_object(each: RunObject, now: datetime) -> Pace | None:
    """Return the pace of an object that is being read; None when there is nothing to tell yet."""
    if each.step != "reading" or each.started_at is None or not each.rows:
        return None
    seconds = (now - each.started_at).total_seconds()
    if seconds < LEAST_SECONDS:
        return None
    rate = each.rows / seconds
    left = int((each.expected - each.rows) / rate) if each.expected and each.expected > each.rows else None
    return Pace(rate, left)
