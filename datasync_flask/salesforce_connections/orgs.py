"""Which org a connection belongs to: if tokens open another one, a person decides, and can go back."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from datasync_flask.audit import trail
from datasync_flask.clock import utcnow
from datasync_flask.connections.history import audit_subject
from datasync_flask.extensions import db
from datasync_flask.salesforce.errors import Problem
from datasync_flask.salesforce_connections import lifecycle, store, token_grants
from datasync_flask.salesforce_connections.lifecycle import Event
from datasync_flask.salesforce_connections.models import SalesforceConnection, TrialGrant
from datasync_flask.transactions import in_transaction

# After this time without an answer, the connection keeps its org.
ASKED_FOR = timedelta(days=7)


class QuestionOver(Exception):
    """The question has been answered, or there is a different one now."""


def ask(connection: SalesforceConnection, trial: TrialGrant, now: datetime) -> None:
    """Keep the tokens of another org apart, and ask whether the connection belongs to it from now on."""
    trial.asked_at = now
    # Working tokens that need no person are checked daily as before.
    works = connection.works and lifecycle.can_happen(connection.state, Event.OTHER_ORG_ASKED_STILL_CONNECTED)
    event = Event.OTHER_ORG_ASKED_STILL_CONNECTED if works else Event.OTHER_ORG_ASKED
    due_at = now + timedelta(days=1) if works else None
    lifecycle.apply(connection, event, now, problem=Problem.OTHER_ORG, due_at=due_at, facts=_both(connection, trial))


def _both(connection: SalesforceConnection, trial: TrialGrant) -> dict[str, str]:
    return {
        "was": f"{connection.org_name or '?'} ({connection.org_id})",
        "now": f"{trial.org_name or '?'} ({trial.org_id})",
    }


def _asked(connection: SalesforceConnection, number: str) -> TrialGrant:
    trial = connection.trial
    if trial is None or trial.asked_at is None or trial.number != number:
        raise QuestionOver
    return trial


def use_other(connection: SalesforceConnection, number: str, *, by: int) -> None:
    """Let the connection belong to the other org; commits. Raises QuestionOver, TransitionRefused."""
    trial, now = _asked(connection, number), utcnow()
    both = _both(connection, trial)
    trail.record("connection_org_replaced", audit_subject(connection), by=by, **both)
    connection.org_id, connection.org_name = trial.org_id, trial.org_name
    lifecycle.apply(connection, Event.ORG_REPLACED, now, due_at=now, facts=both)
    token_grants.promote(connection, trial, now)
    db.session.commit()


def keep_org(connection: SalesforceConnection, number: str, *, by: int | None) -> None:
    """Let the connection keep its org, and revoke the other org's tokens; commits.

    Raises QuestionOver, TransitionRefused.
    """
    trial, now = _asked(connection, number), utcnow()
    both = _both(connection, trial)
    trail.record("connection_org_kept", audit_subject(connection), by=by, **both)
    token_grants.drop_trial(connection)
    if connection.works:
        _restore_settings(connection)
        lifecycle.apply(connection, Event.WENT_BACK, now, due_at=now, facts=both)
    else:
        lifecycle.apply(connection, Event.ORG_KEPT, now, facts=both)
    db.session.commit()


def go_back(connection: SalesforceConnection, *, by: int) -> bool:
    """Replace unproven settings with the previous ones; commits. False when there is nothing to go back to."""
    now = utcnow()
    if not store.has_new_settings(connection):
        return False
    _restore_settings(connection)
    token_grants.drop_trial(connection)
    lifecycle.apply(connection, Event.WENT_BACK, now, by=by, due_at=now)
    db.session.commit()
    return True


def _restore_settings(connection: SalesforceConnection) -> None:
    grant = connection.grant
    if grant is None or not grant.app_settings:
        return
    for name, value in grant.app_settings.items():
        setattr(connection, name, value)
    connection.client_secret_sealed = grant.app_secret_sealed
    # Whatever is under way for the abandoned settings no longer counts.
    connection.propagation_number += 1
    connection.next_probe_at = None
    connection.attempts.clear()
    connection.updated_at = utcnow()


def expire_questions() -> None:
    """Settle questions that nobody answered in time: the org stays, the other org's tokens are revoked."""
    overdue = select(TrialGrant.connection_id).where(TrialGrant.asked_at < utcnow() - ASKED_FOR)
    for connection_id in db.session.scalars(overdue).all():

        def answer(connection_id: str = connection_id) -> None:
            connection = store.load(connection_id)
            can = connection is not None and lifecycle.can_happen(connection.state, Event.ORG_KEPT)
            if connection is not None and connection.trial is not None and can:
                keep_org(connection, connection.trial.number, by=None)

        in_transaction(answer)
    db.session.commit()
