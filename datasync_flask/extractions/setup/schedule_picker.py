"""Converts a schedule between the picker (how often, at what time, on which days), its stored form and a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from babel.dates import format_skeleton, get_day_names
from flask import request
from flask_babel import get_locale, gettext, ngettext
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict

from datasync_flask.clock import utcnow
from datasync_flask.extractions.schedule import EVERY, ScheduleRefused, check_timezone, next_after, normalised

REPEATS = {
    "manual": _l("Manual"),
    "minutes": _l("Every 15 min"),
    "hourly": _l("Hourly"),
    "daily": _l("Daily"),
    "weekly": _l("Weekly"),
    "cron": _l("Cron"),
}
EVERY_MINUTES = (5, 10, 15, 20, 30)
EVERY_HOURS = (1, 2, 3, 4, 6, 8, 12)
# As cron counts them, in the order of the week.
DAYS = (1, 2, 3, 4, 5, 6, 0)
# What static/js/browser_zone.js writes.
ZONE_COOKIE = "datasync_zone"
# Runs beyond this many a day aren't counted.
MOST_RUNS = 300

_MINUTES = re.compile(r"every (\d+) minutes?")
_HOURLY = re.compile(r"(\d{1,2}) (?:\*|\*/(\d{1,2})) \* \* (\*|[\d,]+)")
_AT_A_TIME = re.compile(r"(\d{1,2}) (\d{1,2}) \* \* (\*|[\d,]+)")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::\d\d)?")


@dataclass(frozen=True)
class Picked:
    """The values in the picker: `repeat` decides which of the others matter."""

    repeat: str = "manual"
    every_minutes: int = 15
    every_hours: int = 1
    at_minute: str = "0"
    at_time: str = "06:00"
    on_days: tuple[int, ...] = DAYS
    text: str = ""

    @property
    def schedule(self) -> str:
        """The schedule in its stored form. Raises ScheduleRefused."""
        if self.repeat == "manual":
            return ""
        if self.repeat == "minutes":
            return f"every {self.every_minutes} minutes"
        if self.repeat == "cron":
            if not self.text:
                raise ScheduleRefused(gettext("Write five cron fields like 30 6 * * 1-5, or choose Manual."))
            return normalised(self.text)
        days = "*"
        if self.repeat != "daily":
            if not self.on_days:
                raise ScheduleRefused(gettext("Choose at least one day."))
            is_every_day = set(self.on_days) == set(DAYS)
            days = "*" if is_every_day else ",".join(str(day) for day in DAYS if day in self.on_days)
        if self.repeat == "hourly":
            if not self.at_minute.isdecimal() or int(self.at_minute) > 59:
                raise ScheduleRefused(gettext("Enter a minute from 0 to 59."))
            hours = "*" if self.every_hours == 1 else f"*/{self.every_hours}"
            return f"{int(self.at_minute)} {hours} * * {days}"
        time = _TIME.fullmatch(self.at_time)
        if time is None:
            raise ScheduleRefused(gettext("Enter a time such as 06:30."))
        return f"{int(time[2])} {int(time[1])} * * {days}"


def of_schedule(schedule: str) -> Picked:
    """The picker's values for a stored schedule."""
    if not schedule:
        return Picked()
    if (found := _MINUTES.fullmatch(schedule)) and int(found[1]) in EVERY_MINUTES:
        return Picked("minutes", every_minutes=int(found[1]))
    if (found := _HOURLY.fullmatch(schedule)) and int(found[2] or 1) in EVERY_HOURS and _days_of(found[3]):
        return Picked("hourly", every_hours=int(found[2] or 1), at_minute=found[1], on_days=_days_of(found[3]))
    if (found := _AT_A_TIME.fullmatch(schedule)) and _days_of(found[3]):
        time = f"{int(found[2]):02}:{int(found[1]):02}"
        return Picked("daily" if found[3] == "*" else "weekly", at_time=time, on_days=_days_of(found[3]))
    return Picked("cron", text=schedule)


def _days_of(field: str) -> tuple[int, ...]:
    if field == "*":
        return DAYS
    parts = field.split(",")
    return tuple(map(int, parts)) if all(part.isdecimal() and int(part) in DAYS for part in parts) else ()


def of_form(sent: MultiDict[str, str]) -> Picked:
    """The picked values; an invalid one becomes its default, or Picked.schedule refuses it."""
    return Picked(
        repeat=_one_of(sent.get("repeat"), REPEATS, "manual"),
        every_minutes=int(_one_of(sent.get("every_minutes"), map(str, EVERY_MINUTES), "15")),
        every_hours=int(_one_of(sent.get("every_hours"), map(str, EVERY_HOURS), "1")),
        at_minute=str(sent.get("at_minute", "0")).strip()[:4] or "0",
        at_time=str(sent.get("at_time", "06:00")).strip()[:10],
        on_days=tuple(day for day in DAYS if str(day) in sent.getlist("on_days")),
        text=str(sent.get("schedule", "")).replace("\x00", "").strip()[:120],
    )


def _one_of(value: Any, choices: Any, otherwise: str) -> str:
    return str(value) if value in set(choices) else otherwise


def day_names(width: Literal["abbreviated", "short"] = "abbreviated") -> list[tuple[int, str]]:
    """The days of the week in the reader's language, Monday first, each with its number in cron."""
    names = get_day_names(width, context="stand-alone", locale=get_locale())
    return [(day, names[index]) for index, day in enumerate(DAYS)]


def sentence(schedule: str) -> str:
    """A sentence about a stored schedule."""
    picked = of_schedule(schedule)
    if picked.repeat == "manual":
        return gettext("Manual")
    if every := EVERY.fullmatch(schedule):
        return _every(int(every[1] or 1), every[2].lower())
    if picked.repeat == "daily":
        return gettext("Every day at %(time)s", time=picked.at_time)
    days = ", ".join(name for day, name in day_names() if day in picked.on_days)
    if picked.repeat == "weekly":
        return gettext("Every week on %(days)s at %(time)s", days=days, time=picked.at_time)
    if picked.repeat == "hourly":
        minute = int(picked.at_minute)
        hours = _every(picked.every_hours, "hour")
        at = gettext("on the hour") if minute == 0 else gettext("at minute %(minute)s", minute=minute)
        return f"{hours}, {at}" + ("" if set(picked.on_days) == set(DAYS) else f" ({days})")
    return gettext("On the schedule %(text)s", text=schedule)


def typed(schedule: str) -> str:
    """A schedule as the reader would type it; normalised() understands it."""
    locale = get_locale()
    if locale is None or locale.language == "en" or not EVERY.fullmatch(schedule):
        return schedule
    return sentence(schedule)


def _every(number: int, unit: str) -> str:
    if unit == "minute":
        return ngettext("Every minute", "Every %(num)s minutes", number)
    if unit == "hour":
        return ngettext("Every hour", "Every %(num)s hours", number)
    if unit == "day":
        return ngettext("Every day", "Every %(num)s days", number)
    return ngettext("Every week", "Every %(num)s weeks", number)


@dataclass(frozen=True)
class Outlook:
    """A schedule as a sentence, its next run, and how often it runs each day."""

    sentence: str
    runs: tuple[str, ...] = ()
    zone: str = ""
    runs_a_day: int = 0


def outlook(schedule: str, timezone: str, now: datetime, *, shown: int = 3) -> Outlook:
    """The outlook of a valid schedule in a time zone."""
    zone = ZoneInfo(timezone)
    found: list[datetime] = []
    moment = next_after(schedule, timezone, now)
    while moment is not None and len(found) < MOST_RUNS and (moment <= now + timedelta(days=1) or len(found) < shown):
        found.append(moment)
        moment = next_after(schedule, timezone, moment)
    runs_a_day = sum(moment <= now + timedelta(days=1) for moment in found)
    return Outlook(sentence(schedule), tuple(_told(moment, zone) for moment in found[:shown]), timezone, runs_a_day)


def outlook_of(picked: Picked, timezone: str) -> Outlook:
    """The outlook from now of what is picked; the refusal in place of the sentence if that is invalid."""
    try:
        return outlook(picked.schedule, timezone, utcnow())
    except ScheduleRefused as refusal:
        return Outlook(str(refusal))


def _told(moment: datetime, zone: ZoneInfo) -> str:
    day, time = (format_skeleton(part, moment, tzinfo=zone, locale=get_locale()) for part in ("MMMEd", "Hm"))
    return f"{day}, {time}"


@cache
def timezones() -> Sequence[str]:
    """The names of time zones to choose from."""
    return ("UTC", *sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/")))


def browser_timezone() -> str:
    """The browser's time zone, which a script keeps in a cookie; UTC without it."""
    name = request.cookies.get(ZONE_COOKIE, "")
    return name if name in timezones() else "UTC"


def known_timezone(name: str) -> str:
    """A time zone's name; UTC for an unknown one."""
    try:
        return check_timezone(name or "UTC")
    except ScheduleRefused:
        return "UTC"
