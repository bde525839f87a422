"""The worker's single step: does what is due for one connection, whatever its state."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import select

from datasync_flask.clock import utcnow
from datasync_flask.connections.models import Connection, State
from datasync_flask.extensions import db
from datasync_flask.salesforce.errors import Problem
from datasync_flask.salesforce_connections import authorization, health_check, lifecycle, propagation, store
from datasync_flask.salesforce_connections.lifecycle import Event
from datasync_flask.salesforce_connections.models import AuthMethod, SalesforceConnection
from datasync_flask.security.crypto import SecretUnreadable
from datasync_flask.transactions import in_transaction

# Steps are idempotent: an expired lease may repeat one, and a result counts only while nothing newer was recorded.
LEASE = timedelta(seconds=30)


def work_on(connection_id: str) -> datetime | None:
    """Do the step that is due for a connection, if this worker gets the lease; return when the next one is due.

    None when there is none, or when the propagation loop takes it.
    """
    if not store.claim(connection_id, utcnow(), LEASE):
        return None
    try:
        _step(connection_id)
        due_at = store.due_at(connection_id)
        # A step that is due immediately afterwards (the check after an exchange) runs under the same lease.
        if due_at is not None and due_at <= utcnow():
            _step(connection_id)
            due_at = store.due_at(connection_id)
    except SecretUnreadable:
        give_up_secrets(connection_id)
        due_at = store.due_at(connection_id)
    is_probed = due_at is not None and store.is_probed(connection_id)
    db.session.commit()
    return None if is_probed else due_at


def _step(connection_id: str) -> None:
    connection = store.load(connection_id)
    if connection is None:
        return
    state, pending = State(connection.state), authorization.pending_code(connection)
    is_unchecked = connection.grant is not None and connection.grant.checked_at is None
    is_on_trial = connection.trial is not None and not connection.asks_which_org
    if pending is not None:
        authorization.exchange(connection, pending)
    elif state is State.WAITING and connection.is_headless:
        authorization.exchange_headless(connection)
    elif state is State.WAITING:
        propagation.probe_once(connection)
    elif is_on_trial and lifecycle.can_happen(state, Event.CHECKED):
        health_check.check_trial(connection)
    elif state is State.AUTHORIZING and not is_unchecked:
        authorization.give_up_waiting_for_person(connection)
    elif connection.grant is not None:
        health_check.check(connection)
    else:
        # Nothing can be done in this state: clear the time, or it would be due again at once.
        connection.due_at = None
        db.session.commit()


def give_up_secrets(connection_id: str) -> None:
    """Record that a connection's stored secrets can't be read."""

    def record() -> None:
        connection = store.load(connection_id)
        if connection is None:
            return
        event = {State.WAITING: Event.PROPAGATION_FAILED}.get(State(connection.state), Event.ACCESS_LOST)
        if connection.grant is not None:
            connection.grant.works = False
        if lifecycle.can_happen(connection.state, event):
            lifecycle.apply(connection, event, utcnow(), problem=Problem.SECRETS_UNREADABLE)

    in_transaction(record)


def due_connections(until: datetime) -> list[tuple[str, datetime]]:
    """(id, due at) of all connections that are due until then."""
    rows = db.session.execute(
        select(Connection.id, Connection.due_at).where(Connection.due_at <= until).order_by(Connection.due_at)
    ).all()
    db.session.commit()
    return [(connection_id, min(due_at, until)) for connection_id, due_at in rows if due_at is not None]


def restart_for_moved_callbacks() -> None:
    """After a change of the public address, restart propagation for every app that needs the new Callback URL.

    A connection that works continues to work; its page says what to update before the next Allow Access.
    """
    callback_url = current_app.config["SETTINGS"].callback_url

    def restart() -> None:
        moved = db.session.scalars(
            select(SalesforceConnection).where(
                SalesforceConnection.callback_url != callback_url,
                SalesforceConnection.state.in_((State.WAITING, State.READY, State.AUTHORIZING)),
                SalesforceConnection.auth_method == AuthMethod.AUTHORIZATION_CODE,
            )
        ).all()
        for connection in moved:
            propagation.start(connection, utcnow())

    in_transaction(restart)
