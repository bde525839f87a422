"""Ends what people leave unfinished in connections: authorization attempts and hand-off links."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from flask_babel import lazy_gettext as _l
from sqlalchemy import delete, select

from datasync_flask.accounts.endings import ALL, GONE_OR_RESET, TABLE, Ending, Happening
from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.salesforce.errors import Problem
from datasync_flask.salesforce_connections import lifecycle
from datasync_flask.salesforce_connections.lifecycle import Event, can_happen
from datasync_flask.salesforce_connections.models import AuthorizationAttempt, HandOffLink, SalesforceConnection


def fail(connection: SalesforceConnection, attempt: AuthorizationAttempt, problem: Problem, detail: str) -> None:
    """End an attempt; a connection that worked before continues to work with its tokens."""
    now = utcnow()
    connection.attempts.remove(attempt)
    connection.next_probe_at = None
    if connection.works:
        event, due_at = Event.AUTHORIZE_FAILED_STILL_CONNECTED, now + timedelta(hours=1)
    else:
        event, due_at = Event.AUTHORIZE_FAILED, None
    lifecycle.apply(connection, event, now, problem=problem, detail=detail, due_at=due_at)


def end_hand_offs(user_id: int) -> None:
    """End the hand-off links that a person created; the caller commits."""
    db.session.execute(delete(HandOffLink).where(HandOffLink.made_by_id == user_id))


def end_attempts(user_id: int) -> None:
    """End the attempts that a person began at Salesforce and didn't finish; the caller commits.

    A connection that worked before continues to work.
    """
    begun = select(AuthorizationAttempt).where(AuthorizationAttempt.user_id == user_id)
    for attempt in db.session.scalars(begun).all():
        connection = attempt.connection
        if can_happen(connection.state, Event.AUTHORIZE_FAILED):
            detail = "the account of whoever left for Salesforce was changed meanwhile"
            fail(connection, attempt, Problem.NEVER_CAME_BACK, detail)
        else:
            db.session.delete(attempt)


def init_app(_app: Flask) -> None:
    """Register these with everything else that ends with a person's rights."""
    TABLE["hand_offs"] = Ending(
        _l("hand-off links that they made, also where one is open in a browser"),
        end_hand_offs,
        GONE_OR_RESET | {Happening.NO_LONGER_EDITOR},
    )
    TABLE["attempts"] = Ending(
        _l("a sign-in at Salesforce that they have not finished"),
        end_attempts,
        ALL - {Happening.NO_LONGER_ADMINISTRATOR},
        _l("a sign-in at Salesforce that you have not finished"),
    )
