"""Checks the parts that DataSync needs: database, queue, worker."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from datasync_flask import heartbeats
from datasync_flask.extensions import db
from datasync_flask.queue import queue


@dataclass(frozen=True)
class Part:
    """One part: whether it works, and the result of its check."""

    name: str
    is_well: bool
    text: str


def parts() -> list[Part]:
    """Check database, queue and workers."""
    try:
        db.session.execute(text("SELECT 1"))
        workers = heartbeats.alive()
    except SQLAlchemyError as error:
        db.session.rollback()
        return [Part("database", False, gettext("no answer: %(cause)s", cause=type(error).__name__)), _queue()]
    seen = (
        gettext("%(count)s seen lately", count=len(workers))
        if workers
        else gettext("none seen lately: start `datasync worker`")
    )
    return [Part("database", True, "ok"), _queue(), Part("worker", bool(workers), seen)]


def _queue() -> Part:
    depth = queue_depth()
    return Part(
        "queue",
        depth is not None,
        gettext("no answer") if depth is None else gettext("ok, %(count)s waiting", count=depth),
    )


def queue_depth() -> int | None:
    """How many tasks wait, or None when the queue doesn't answer."""
    try:
        return queue().depth()
    except Exception:  # the storage drivers' errors have no common base
        return None
