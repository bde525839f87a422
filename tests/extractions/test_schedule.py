"""Schedules: what is understood, and when the next run is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_flask.extractions.schedule import ScheduleRefused, check_timezone, next_after, normalised

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("  every  15 Minutes", "every 15 minutes"),
        ("every hour", "every hour"),
        ("30 6 * * 1-5", "30 6 * * 1-5"),
        ("Daily", "every day"),
        ("alle 15 Minuten", "every 15 minutes"),
        ("Jede Stunde", "every hour"),
        ("alle 2 Tage", "every 2 days"),
        ("jeden  Tag", "every day"),
        ("täglich", "every day"),
        ("alle 3 Wochen", "every 3 weeks"),
        ("0 0 29 2 *", "0 0 29 2 *"),
    ],
)
def test_understood(text: str, expected: str) -> None:
    assert normalised(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "sometimes",
        "every",
        "every 1 minute",
        "* * * * * *",
        "61 * * * *",
        "every 15",
        "alle 2 Minuten",
        "jede 15",
        "x" * 99,
        # At random, which the library knows.
        "R 6 * * *",
        "0 R(1-5) * * *",
        # Days that no month has.
        "0 0 30 2 *",
        "0 6 31 4,6,9,11 *",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ScheduleRefused):
        normalised(text)


def test_cron_follows_the_zone_and_its_summer_time() -> None:
    assert next_after("30 6 * * *", "Europe/Berlin", NOON) == datetime(2026, 11, 25, 5, 30, tzinfo=UTC)
    assert next_after("30 6 * * *", "Europe/Berlin", NOON.replace(month=7)) == datetime(2026, 7, 25, 4, 30, tzinfo=UTC)
    assert next_after("", "UTC", NOON) is None
    with pytest.raises(ScheduleRefused):
        check_timezone("Mars/Olympus")


@given(minutes=st.integers(5, 2000), late=st.integers(0, 100_000))
def test_the_next_is_always_in_the_future_and_at_most_one_step_away(minutes: int, late: int) -> None:
    found = next_after(f"every {minutes} minutes", "UTC", NOON, NOON - timedelta(minutes=late))
    assert found is not None
    assert NOON < found <= NOON + timedelta(minutes=minutes)
