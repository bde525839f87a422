"""Propagation: when the next probe is due, and what its result means for the connection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app

from datasync_flask import counters
from datasync_flask.clock import utcnow
from datasync_flask.connections.models import State
from datasync_flask.salesforce import probe, scopes
from datasync_flask.salesforce.errors import Problem, tidy
from datasync_flask.salesforce.oauth import AppCredentials
from datasync_flask.salesforce_connections import certificates, lifecycle, store, token_grants
from datasync_flask.salesforce_connections.lifecycle import Event
from datasync_flask.salesforce_connections.models import SalesforceConnection
from datasync_flask.transactions import in_transaction

# In 30 minutes; a longer deadline allows proportionally more.
MAX_REQUESTS = 300
MAX_REQUESTS_WITHIN = 1800.0
# A probe that succeeds asks both endpoints twice.
MAX_REQUESTS_PER_PROBE = 2 * (1 + probe.MAX_HOPS)
MAX_INTERVAL = 30.0
# A refusal that propagation doesn't explain counts after this many consecutive probes.
PROBES_TO_BELIEVE = 3
# A refusal with an unknown text may still go away.
PROBES_TO_BELIEVE_UNKNOWN = 5
_NUMBERS = re.compile(r"[\w-]*\d[\w.:-]*")
# How long until working tokens are checked after the wait for new settings failed.
CHECK_EVERY = timedelta(hours=1)


# While one of these persists, Salesforce's Allow Access page can't work: probe first.
PROBE_FIRST = frozenset(
    {
        Problem.CLIENT_UNKNOWN,
        Problem.APP_NOT_FOUND,
        Problem.APP_GONE,
        Problem.CALLBACK_MISMATCH,
        Problem.SECRET_REFUSED,
        Problem.SECRET_NEEDED,
        Problem.CERTIFICATE_NOT_TRUSTED,
        Problem.ADDRESS_MOVED,
        Problem.MAINTENANCE,
        Problem.HOST_NOT_FOUND,
        Problem.CONNECTION_FAILED,
        Problem.SERVER_ERROR,
        Problem.NOT_SALESFORCE,
        Problem.NO_ANSWER_IN_TIME,
    }
)


def interval_after(elapsed: float, *, first: float, deadline: float, probes: int = 0, requests: int = 0) -> float:
    """The seconds until the next probe, `elapsed` seconds after propagation began.

    First every `first` seconds, then slower (a thirtieth of the time already waited, at most MAX_INTERVAL), and even
    slower if the remaining requests wouldn't last until `deadline`.
    """
    interval = max(first, min(elapsed / 30, MAX_INTERVAL))
    budget = MAX_REQUESTS * max(1.0, deadline / MAX_REQUESTS_WITHIN)
    if probes and requests > budget / 2:
        left = max(budget - requests - MAX_REQUESTS_PER_PROBE, 1.0)
        interval = max(interval, (deadline - elapsed) * (requests / probes) / left)
    return interval


def start(connection: SalesforceConnection, now: datetime, *, by: int | None = None) -> None:
    """Begin a propagation; the first probe is due at once."""
    connection.propagation_number += 1
    connection.propagation_started_at = now
    connection.probes = connection.probe_requests = connection.agreeing_probes = 0
    connection.last_probe_at = None
    connection.next_probe_at = now
    connection.callback_url = current_app.config["SETTINGS"].callback_url
    connection.certificate = certificates.usable() if connection.signs else None
    connection.attempts.clear()
    token_grants.drop_trial(connection)
    lifecycle.apply(connection, Event.PROPAGATION_STARTED, now, by=by, due_at=now)


@dataclass(frozen=True)
class PreparedProbe:
    """The data of a connection for a probe; any thread can send it."""

    connection_id: str
    propagation_number: int
    app: AppCredentials
    callback_url: str
    scope: str

    def send(self) -> probe.Observation:
        """Probe once."""
        return probe.probe_app(self.app, self.callback_url, self.scope)


Result = tuple[PreparedProbe, probe.Observation]


def prepare(connection: SalesforceConnection) -> PreparedProbe:
    """Prepare a probe for a connection that the worker has leased. Raises SecretUnreadable."""
    scope = scopes.BY_KEY[connection.permission_level].scope
    app = store.app_credentials(connection)
    return PreparedProbe(connection.id, connection.propagation_number, app, connection.callback_url, scope)


def probe_once(connection: SalesforceConnection) -> None:
    """Probe and record the result. The caller has the lease on the connection."""
    prepared = prepare(connection)
    results = [(prepared, prepared.send())]
    count_requests(results)
    record(results)


def count_requests(results: Sequence[Result]) -> None:
    """Add the requests of probes to the counters."""
    for _, observation in results:
        outcome = observation.problem.value if observation.problem else "known"
        counters.unwritten().add("probe_requests", outcome, observation.requests)


def record(results: Sequence[Result]) -> None:
    """Apply results to the connections as they are now, in one transaction."""
    by_id = {prepared.connection_id: (prepared, observation) for prepared, observation in results}

    def apply_all() -> None:
        for connection in store.load_all(list(by_id)):
            prepared, observation = by_id[connection.id]
            # Ignore the result if the settings changed meanwhile.
            if connection.propagation_number == prepared.propagation_number and connection.state == State.WAITING:
                apply_result(connection, observation)

    in_transaction(apply_all)


def apply_result(connection: SalesforceConnection, observation: probe.Observation) -> None:
    """Turn the result of a probe into the connection's next event."""
    now = utcnow()
    problem = observation.problem
    agrees = problem is not None and connection.problem == problem
    if problem is Problem.UNEXPECTED:
        # Two unknown refusals are the same only if Salesforce's words are the same.
        agrees = agrees and _without_numbers(connection.problem_detail) == _without_numbers(tidy(observation.detail))
    connection.agreeing_probes = connection.agreeing_probes + 1 if agrees else 1
    connection.probes += 1
    connection.probe_requests += observation.requests
    connection.last_probe_at = now
    connection.next_probe_at = None
    if connection.propagation_started_at is not None:
        # If the clock was set back, the wait still isn't longer than the deadline.
        connection.propagation_started_at = min(connection.propagation_started_at, now)
    if problem is None:
        connection.app_known_at = connection.app_known_at or now
        lifecycle.apply(connection, Event.APP_KNOWN, now, detail=observation.detail)
        return
    due_at = next_probe(connection, now)
    enough = PROBES_TO_BELIEVE_UNKNOWN if problem is Problem.UNEXPECTED else PROBES_TO_BELIEVE
    is_final = not (problem.may_be_propagation or problem.is_transient)
    is_believed = is_final and connection.agreeing_probes >= enough
    if due_at is None or is_believed:
        # The tokens from before the change continue to work.
        event = Event.PROPAGATION_FAILED_STILL_CONNECTED if connection.works else Event.PROPAGATION_FAILED
        due_at = now + CHECK_EVERY if connection.works else None
        lifecycle.apply(connection, event, now, problem=problem, detail=observation.detail, due_at=due_at)
        return
    connection.next_probe_at = due_at
    lifecycle.apply(connection, Event.PROBED, now, problem=problem, detail=observation.detail, due_at=due_at)


def _without_numbers(detail: str) -> str:
    """What Salesforce said without the numbers and marks that differ from answer to answer."""
    return _NUMBERS.sub("", detail)


def next_probe(connection: SalesforceConnection, now: datetime) -> datetime | None:
    """When to probe again, or None after the deadline."""
    settings = current_app.config["SETTINGS"]
    elapsed = (now - (connection.propagation_started_at or now)).total_seconds()
    if elapsed >= settings.probe_deadline:
        return None
    seconds = interval_after(
        elapsed,
        first=settings.probe_interval,
        deadline=settings.probe_deadline,
        probes=connection.probes,
        requests=connection.probe_requests,
    )
    # The last probe is due exactly at the deadline, so that DataSync never gives up without asking.
    return now + timedelta(seconds=min(seconds, max(settings.probe_deadline - elapsed, 0.1)))
