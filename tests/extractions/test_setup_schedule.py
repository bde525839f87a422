"""The schedule as it is picked, stored and told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict

from datasync_flask.extractions.schedule import ScheduleRefused
from datasync_flask.extractions.setup import schedule_picker
from datasync_flask.extractions.setup.schedule_picker import of_form, of_schedule
from tests.support.setup import Setup

NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "repeat", "text"),
    [
        ("", "manual", "Manual"),
        ("every 15 minutes", "minutes", "Every 15 minutes"),
        ("0 * * * *", "hourly", "Every hour, on the hour"),
        ("5 */2 * * 1,2", "hourly", "Every 2 hours, at minute 5 (Mon, Tue)"),
        ("30 6 * * *", "daily", "Every day at 06:30"),
        ("0 18 * * 5,0", "weekly", "Every week on Fri, Sun at 18:00"),
        ("*/7 3 1 * *", "cron", "On the schedule */7 3 1 * *"),
        ("every 2 days", "cron", "Every 2 days"),
        ("0 */5 * * *", "cron", "On the schedule 0 */5 * * *"),
    ],
)
def test_every_schedule_comes_back_as_it_was(app: Flask, schedule: str, repeat: str, text: str) -> None:
    picked = of_schedule(schedule)
    assert (picked.repeat, picked.schedule) == (repeat, schedule)
    with app.test_request_context():
        assert schedule_picker.sentence(schedule) == text


@pytest.mark.parametrize(
    "sent",
    [
        {"repeat": "hourly", "at_minute": "60", "on_days": "1"}, {"repeat": "hourly", "at_minute": "-1", "on_days": "1"},
        {"repeat": "hourly", "at_minute": "x", "on_days": "1"}, {"repeat": "daily", "at_time": "25:00"},
        {"repeat": "weekly", "at_time": "06:00"}, {"repeat": "cron", "schedule": ""},
        {"repeat": "cron", "schedule": "every 2 minutes"}, {"repeat": "cron", "schedule": "61 * * * *"},
    ],
)  # fmt: skip
def test_what_makes_no_schedule_is_refused(sent: dict[str, str]) -> None:
    with pytest.raises(ScheduleRefused):
        _ = of_form(MultiDict(sent)).schedule


@pytest.mark.parametrize(
    ("cookie", "zone"),
    [("Europe/Berlin", "Europe/Berlin"), ("", "UTC"), ("Mars/Olympus", "UTC"), ("../../etc/passwd", "UTC")],
)
def test_a_new_schedule_begins_in_the_zone_of_the_browser(setup: Setup, cookie: str, zone: str) -> None:
    if cookie:
        setup.visitor.client.set_cookie("datasync_zone", cookie, domain="127.0.0.1")
    setup.open("destination")
    assert setup.visitor.form_values("destination-form")["timezone"] == zone
    (told,) = setup.visitor.page.xpath("//*[@id='schedule-preview']/p/text()")
    assert told == f"Times in {zone}"
    # What somebody has chosen stays, whatever the browser says.
    setup.send_destination(do="close", timezone="Asia/Tokyo")
    setup.open("destination")
    assert "Times in Asia/Tokyo" in setup.visitor.text


def test_the_next_runs_are_told_in_the_zone_that_was_chosen(app: Flask) -> None:
    with app.test_request_context():
        found = schedule_picker.outlook("0 8 * * *", "Europe/Berlin", NOW)
    assert found.runs == ("Fri, Nov 27, 08:00", "Sat, Nov 28, 08:00", "Sun, Nov 29, 08:00")
    assert found.runs_a_day == 1
    with app.test_request_context():
        assert schedule_picker.outlook("every 15 minutes", "UTC", NOW).runs_a_day == 96
        assert schedule_picker.outlook("", "UTC", NOW).runs == ()
