"""Schedules: "every 15 minutes" or cron with a time zone; one tick claims the runs that are due."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from croniter import CroniterError, croniter
from flask_babel import gettext
from sqlalchemy import select, update
from wtforms.validators import ValidationError

from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction
from datasync_flask.extractions.runs import states
from datasync_flask.transactions import count_updated

EVERY = re.compile(r"every\s+(?:(\d{1,4})\s+)?(minute|hour|day|week)s?", re.I)
_UNITS = {"minute": 1, "hour": 60, "day": 24 * 60, "week": 7 * 24 * 60}
LEAST_MINUTES = 5
_IN_GERMAN = re.compile(r"(?:alle\s+(\d{1,4})|jede[nr]?)\s+(minute|stunde|tag|woche)[ne]?", re.I)
_RANDOM = re.compile(r"(?<![a-z])r(?![a-z])", re.I)
_UNITS_IN_GERMAN = {"minute": "minute", "stunde": "hour", "tag": "day", "woche": "week"}
_SHORT_FORMS = {
    "hourly": "every hour", "daily": "every day", "weekly": "every week",
    "stündlich": "every hour", "täglich": "every day", "wöchentlich": "every week",
}  # fmt: skip


class ScheduleRefused(ValidationError):
    """A schedule is invalid; the text says what is possible. In a validator it becomes the field's error."""


def normalised(text: str) -> str:
    """A schedule with single spaces, checked. Raises ScheduleRefused."""
    spelled = _in_english(" ".join(text.split()))
    if not spelled:
        return ""
    every = EVERY.fullmatch(spelled)
    if every:
        if int(every[1] or 1) * _UNITS[every[2].lower()] < LEAST_MINUTES:
            raise ScheduleRefused(gettext("The shortest interval is 5 minutes."))
        return spelled.lower()
    # R is croniter's own, for a random time.
    if len(spelled.split()) != 5 or _RANDOM.search(spelled) or not croniter.is_valid(spelled):
        raise ScheduleRefused(
            gettext("Write every 15 minutes, every 2 hours, every day, or five cron fields like 30 6 * * 1-5.")
        )
    if next_after(spelled, "UTC", utcnow()) is None:
        raise ScheduleRefused(gettext("This schedule would never start a run: no month has such a day."))
    return spelled


def _in_english(text: str) -> str:
    """People write in the language of their pages; other texts stay as they are."""
    if found := _IN_GERMAN.fullmatch(text):
        unit = _UNITS_IN_GERMAN[found[2].lower()]
        return f"every {found[1]} {unit}s" if found[1] else f"every {unit}"
    return _SHORT_FORMS.get(text.lower(), text)


def check_timezone(name: str) -> str:
    """The name of a time zone. Raises ScheduleRefused."""
    if name not in available_timezones():
        raise ScheduleRefused(gettext("This isn’t a time zone. Write a name like Europe/Berlin or UTC."))
    return name


def next_after(schedule: str, timezone: str, now: datetime, last: datetime | None = None) -> datetime | None:
    """When a schedule starts the next run after `now`; None without a schedule.

    Missed runs don't count: the next one is always in the future.
    """
    if not schedule:
        return None
    every = EVERY.fullmatch(schedule)
    if every:
        step = timedelta(minutes=int(every[1] or 1) * _UNITS[every[2].lower()])
        if last is None or last > now:
            return now + step
        return last + step * ((now - last) // step + 1)
    try:
        local = now.astimezone(ZoneInfo(timezone))
        found: datetime = croniter(schedule, local).get_next(datetime)
    except (CroniterError, KeyError):
        return None
    return found.astimezone(UTC)


def next_of(extraction: Extraction, now: datetime) -> datetime | None:
    """When an extraction's schedule starts the next run; None without a schedule and while it is paused."""
    return None if extraction.is_paused else next_after(extraction.schedule, extraction.timezone, now)


def start_due(now: datetime) -> list[str]:
    """Start the runs that are due, each only once on all machines; return their ids."""
    started = []
    rows = db.session.execute(
        select(Extraction.id, Extraction.schedule, Extraction.timezone, Extraction.next_run_at).where(
            Extraction.next_run_at <= now
        )
    ).all()
    db.session.commit()
    for extraction_id, schedule, timezone, due_at in rows:
        claimed = (
            update(Extraction)
            .where(Extraction.id == extraction_id, Extraction.next_run_at == due_at)
            .values(next_run_at=next_after(schedule, timezone, now, due_at))
        )
        if count_updated(claimed) != 1:
            continue
        try:
            started.append(states.start(extraction_id, states.SCHEDULE).id)
        except states.AlreadyRunning:
            # The previous run is still going: skip this one.
            continue
    db.session.commit()
    return started
