"""Repairs times in the future, from before this machine's clock was set back; work would rest until then."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Delete, Update, delete, update

from datasync_flask.accounts.guessing import WINDOW
from datasync_flask.accounts.models import FailedTries
from datasync_flask.connections.models import Connection, State
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Run, RunState
from datasync_flask.extractions.runs.lease import LONGEST_PAUSE
from datasync_flask.salesforce_connections.models import SalesforceGrant
from datasync_flask.salesforce_connections.store import LONGEST_REST, LONGEST_REST_WHILE_MOVING
from datasync_flask.salesforce_connections.token_grants import REFRESH_LEASE
from datasync_flask.transactions import in_transaction

# Tolerance for clock skew and lock waits.
SLACK = timedelta(minutes=5)


def _repairs(now: datetime) -> tuple[Update | Delete, ...]:
    moving = Connection.state.in_([state for state in State if state.is_moving])
    resting = Run.state.in_((RunState.PAUSED, RunState.WAITING))
    limit = now + SLACK
    connections = update(Connection.__table__)  # type: ignore[arg-type]  # a Table
    return (
        connections.where(Connection.due_at > limit + LONGEST_REST).values(due_at=now),
        connections.where(moving, Connection.due_at > limit + LONGEST_REST_WHILE_MOVING).values(due_at=now),
        update(SalesforceGrant)
        .where(SalesforceGrant.refresh_leased_until > limit + REFRESH_LEASE)
        .values(refresh_lease="", refresh_leased_until=None),
        delete(FailedTries).where(FailedTries.ends_at > limit + WINDOW),
        update(Run).where(resting, Run.due_at > limit + LONGEST_PAUSE).values(due_at=now),
        # A living process sends another heartbeat within seconds; a dead one doesn't.
        update(Run).where(Run.state == RunState.RUNNING, Run.heartbeat_at > limit).values(heartbeat_at=now),
    )


def repair(now: datetime) -> None:
    """Bring such times back to `now`; commits."""

    def run_all() -> None:
        for statement in _repairs(now):
            db.session.execute(statement.execution_options(synchronize_session=False))

    in_transaction(run_all)
