"""Time, always aware and in UTC; the database gets it through one column type."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, DateTime, or_
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeDecorator


def utcnow() -> datetime:
    """Return this moment, with time zone UTC."""
    return datetime.now(UTC)


# What clocks and waiting for locks may make of "now"; less than what somebody would mind to wait.
SLACK = timedelta(minutes=5)


def too_far(now: datetime, furthest: timedelta) -> datetime:
    """Return the time after which nothing can lie that is never put off by more than `furthest`.

    `now` may be a little old (the statement waited for a lock), and machines' clocks differ a little.
    """
    return now + furthest + SLACK


def has_come(
    column: ColumnElement[Any] | InstrumentedAttribute[Any],
    now: datetime | BindParameter[Any],
    limit: datetime | BindParameter[Any],
) -> ColumnElement[bool]:
    """Return the condition that a stored time has come; `limit` is from :func:`too_far`.

    What lies further ahead was stored before the clock was set back: without this it would rest until the clock is
    there again.
    """
    return or_(column <= now, column > limit)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC. SQLite forgets time zones; this puts UTC back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Refuse naive datetimes (ValueError) and store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Give back an aware datetime in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
