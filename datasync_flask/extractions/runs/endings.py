"""Turns what ended a run into its state."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from flask import Flask
from sqlalchemy.exc import OperationalError

from datasync_flask.clock import utcnow
from datasync_flask.destinations.base import DestinationError
from datasync_flask.extractions import orgs
from datasync_flask.extractions.runs import abandoned_jobs, lease, states
from datasync_flask.extractions.runs.calls_left import WaitsForBulk
from datasync_flask.problems.run import RunProblem
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.security.crypto import SecretUnreadable

log = logging.getLogger(__name__)

# How long a run pauses at the ceiling of API calls.
QUOTA_PAUSE = timedelta(minutes=15)
# Bulk's limits cover the last 24 hours.
BULK_PAUSE = timedelta(hours=1)
# Only a person can fix these: the run waits for the connection.
_LOST = frozenset(
    {
        Problem.REVOKED, Problem.SESSION_REFUSED, Problem.NO_REFRESH_TOKEN, Problem.IP_RESTRICTED,
        Problem.API_DISABLED_FOR_ORG, Problem.API_DISABLED_FOR_USER, Problem.API_SCOPE_MISSING, Problem.USER_INACTIVE,
        Problem.APP_BLOCKED, Problem.DATA_API_CLOSED, Problem.INSTANCE_MOVED, Problem.ADDRESS_MOVED, Problem.OTHER_ORG,
        Problem.CLIENT_UNKNOWN, Problem.SECRET_REFUSED, Problem.USER_NOT_APPROVED, Problem.SECRETS_UNREADABLE,
        Problem.APP_GONE, Problem.APP_NOT_FOUND, Problem.APP_NOT_INSTALLED, Problem.APP_OF_ANOTHER_ORG,
        Problem.ORG_INACTIVE, Problem.SECRET_NEEDED, Problem.CODE_FLOW_NOT_ENABLED, Problem.FLOW_NOT_ENABLED,
        Problem.NO_RUN_AS_USER, Problem.CONSUMER_NOT_APPROVED, Problem.CERTIFICATE_REFUSED, Problem.UNTRUSTED_INSTANCE,
        Problem.NOT_CONNECTED,
    }
)  # fmt: skip
# Salesforce, or the way to it, is away for some time: the run continues where it was.
_PASSING = frozenset(
    {
        Problem.SERVER_ERROR, Problem.MAINTENANCE, Problem.TOO_MANY_REQUESTS, Problem.CONNECTION_FAILED,
        Problem.HOST_NOT_FOUND, Problem.TOKEN_REQUEST_BUSY, Problem.LOGIN_RATE_EXCEEDED,
    }
)  # fmt: skip


class Stopped(Exception):
    """The run has to stop now: cancelled, taken over, or the program ends."""


class QuotaReached(Exception):
    """The org's API calls today have reached the ceiling."""


class NotConnected(SalesforceError):
    """The connection has no access to Salesforce, for the reason that its own page shows."""


@contextmanager
def ending(app: Flask, run_id: str, lease_id: str) -> Iterator[None]:
    """Turn an exception that ends the block into the run's state."""
    try:
        yield
    except OperationalError as error:
        # Our own database is away: the lease lasts until the heartbeat is too old, then the run continues where it was.
        log.warning("run %s lost the database: %s", run_id, type(error.orig).__name__)
    except Exception as error:
        with app.app_context():
            _end(run_id, lease_id, error)


def _end(run_id: str, lease_id: str, error: Exception) -> None:
    match error:
        case Stopped():
            states.stopped(run_id, lease_id)
            abandoned_jobs.abort_all()
        case QuotaReached():
            states.paused(run_id, lease_id, utcnow() + QUOTA_PAUSE, RunProblem.QUOTA)
        case NotConnected():
            states.waiting_for_connection(run_id, lease_id, error)
        case SalesforceError(problem=Problem.REQUEST_LIMIT_EXCEEDED):
            states.paused(run_id, lease_id, utcnow() + QUOTA_PAUSE, RunProblem.QUOTA, error.detail)
        case WaitsForBulk():
            states.paused(run_id, lease_id, utcnow() + BULK_PAUSE, Problem.BULK_LIMIT_REACHED, str(error))
        case SalesforceError(problem=Problem.NO_ANSWER_IN_TIME):
            states.stalled(run_id, lease_id, error.detail)
        case SalesforceError() if error.problem in _PASSING:
            states.stalled(run_id, lease_id, error.detail, error.problem)
        case SalesforceError() if error.problem in _LOST or (error.is_about_access and not error.problem.is_transient):
            states.connection_lost(run_id, lease_id, error)
        case SalesforceError():
            states.failed(run_id, lease_id, error.problem, error.detail)
        case orgs.LoadedFromOtherOrg():
            states.failed(run_id, lease_id, RunProblem.LOADED_FROM_OTHER_ORG, str(error))
        case SecretUnreadable():
            states.failed(run_id, lease_id, Problem.SECRETS_UNREADABLE, str(error))
        case DestinationError():
            states.failed(run_id, lease_id, error.fault, error.detail)
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EFBIG):
            states.failed(run_id, lease_id, RunProblem.SERVER_DISK_FULL, str(error))
        case _ if not lease.exists(run_id):
            log.info("run %s has ended: somebody deleted its extraction", run_id)
        case _:
            # A fault of this program: reported as one, with its traceback in the worker's log.
            log.error("run %s ended by a fault", run_id, exc_info=error)
            states.failed(run_id, lease_id, RunProblem.FAULT, f"{type(error).__name__}: {error}")
