"""The queue between processes of two versions: what the other one put in disturbs nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from huey import Huey

from datasync_flask import queue
from datasync_flask.clock import utcnow
from datasync_flask.config import Settings
from datasync_flask.salesforce_connections import due_work
from tests.support.connection import ConnectionWalk
from tests.support.worker import sweep, work_off


@pytest.fixture
def other_version(settings: Settings) -> Iterator[Huey]:
    """A process of a version whose tasks have other names."""
    huey = queue._make_huey(settings)
    huey._registry = type(huey._registry)()
    yield huey
    huey.storage.close()


def put_by_name(other: Huey, name: str, *arguments: str) -> None:
    """Put in a task as earlier versions did, which had one for each thing to do."""

    def function(*_: str) -> None:
        raise AssertionError("done by the wrong process")

    function.__module__ = "datasync_flask.worker"
    other.task(name=name)(function)(*arguments)


def test_tasks_of_an_earlier_version_are_dropped_or_done(
    walk: ConnectionWalk, other_version: Huey, caplog: pytest.LogCaptureFixture
) -> None:
    walk.make_app(propagation_seconds=0)
    put_by_name(other_version, "work_on", "0" * 16)
    put_by_name(other_version, "unheard_of")
    put_by_name(other_version, "revoke")
    walk.save()
    work_off(walk.app)
    # What was put in after them was done.
    assert walk.state == "ready_to_authorize"
    assert "there is no task unheard_of" in caplog.messages
    assert not [record for record in caplog.records if record.exc_info]
    assert walk.app.extensions["queue"].depth() == 0


def test_a_task_of_a_later_version_is_dropped(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    app.extensions["queue"].put("something_new", "x")
    work_off(app)
    assert "there is no task something_new" in caplog.messages
    assert not [record for record in caplog.records if record.exc_info]


def test_what_an_earlier_version_took_and_lost_is_found_by_the_sweep(
    walk: ConnectionWalk, other_version: Huey, settings: Settings
) -> None:
    walk.make_app(propagation_seconds=0)
    walk.save()
    # It takes the task, doesn't know it, and goes on.
    while other_version.storage.dequeue() is not None:
        pass
    assert walk.state == "waiting_for_propagation"
    sweep(walk.app)
    work_off(walk.app)
    assert walk.state == "ready_to_authorize"


def test_a_queue_that_is_away_keeps_nobody_from_saving(make_app: Callable[..., Flask]) -> None:
    away = make_app(queue_url="redis://127.0.0.1:1/0")
    away.extensions["queue"].wake("0" * 16)
    away.extensions["queue"].put("late_sweep", delay=1)
    with away.app_context():
        assert due_work.due_connections(utcnow()) == []
