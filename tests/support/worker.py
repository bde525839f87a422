"""What a worker does, in the test's own process."""

from __future__ import annotations

from flask import Flask

from datasync_flask import worker


def work_off(app: Flask) -> None:
    """Do what is in the queue."""
    queue = app.extensions["queue"]
    queue.handlers = worker.HANDLERS
    while (task := queue.huey.dequeue()) is not None:
        queue.huey.execute(task)


def sweep(app: Flask) -> None:
    """Do what the worker does each minute."""
    with app.app_context():
        worker.sweep()
