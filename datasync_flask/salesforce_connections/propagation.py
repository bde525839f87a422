"""Watching for propagation: when the next look is due, and what a look means for the connection."""

from __future__ import annotations

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
# A look that finds both endpoints friendly asks each of them twice.
MOST_REQUESTS_PER_LOOK = 2 * (1 + probe.MAX_HOPS)
MAX_INTERVAL = 30.0
# A refusal that isn't known to come from propagation is believed after this many looks in a row.
LOOKS_TO_BELIEVE = 3
# Words that nobody here knows might still pass.
LOOKS_TO_BELIEVE_UNKNOWN = 5
# Until tokens that go on working are checked after the wait for new settings failed.
CHECK_EVERY = timedelta(hours=1)


# Salesforce's Allow Access page can't work while one of these persists: probe first.
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


def interval_after(elapsed: float, *, first: float, deadline: float, looks: int = 0, requests: int = 0) -> float:
    """Return the seconds until the next look, `elapsed` seconds after the watch began.

    First every `first` seconds, then slower (a thirtieth of the time already waited, at most MAX_INTERVAL), and slower
    still when the requests already made would not last until `deadline`.
    """
    interval = max(first, min(elapsed / 30, MAX_INTERVAL))
    budget = MAX_REQUESTS * max(1.0, deadline / MAX_REQUESTS_WITHIN)
    if looks and requests > budget / 2:
        left = max(budget - requests - MOST_REQUESTS_PER_LOOK, 1.0)
        interval = max(interval, (deadline - elapsed) * (requests / looks) / left)
    return interval


def start(connection: SalesforceConnection, now: datetime, *, by: int | None = None) -> None:
    """Begin to watch: the worker's first look is due at once."""
    connection.watch += 1
    connection.watch_started_at = now
    connection.looks = connection.probe_requests = connection.agreeing_looks = 0
    connection.last_look_at = None
    connection.next_look_at = now
    connection.callback_url = current_app.config["SETTINGS"].callback_url
    connection.certificate = certificates.usable() if connection.signs else None
    for attempt in list(connection.attempts):
        connection.attempts.remove(attempt)
    token_grants.drop_trial(connection)
    lifecycle.apply(connection, Event.WATCH_STARTED, now, by=by, due_at=now)


@dataclass(frozen=True)
class Look:
    """What a look needs to know of a connection; it can be made in any thread."""

    connection_id: str
    watch: int
    app: AppCredentials
    callback_url: str
    scope: str

    def see(self) -> probe.Observation:
        """Probe once."""
        return probe.probe_app(self.app, self.callback_url, self.scope)


def prepare(connection: SalesforceConnection) -> Look:
    """Return the look at a connection, which the worker has claimed. Raises SecretUnreadable."""
    scope = scopes.BY_KEY[connection.permission_level].scope
    app = store.app_credentials(connection)
    return Look(connection.id, connection.watch, app, connection.callback_url, scope)


def look(connection: SalesforceConnection) -> None:
    """Probe once and let the connection know what was seen. Called by the worker, which holds the claim."""
    prepared = prepare(connection)
    seen = [(prepared, prepared.see())]
    count(seen)
    record(seen)


def count(seen: Sequence[tuple[Look, probe.Observation]]) -> None:
    """Count the requests that looks made."""
    for _, observation in seen:
        outcome = observation.problem.value if observation.problem else "known"
        counters.unwritten().add("probe_requests", outcome, observation.requests)


def record(seen: Sequence[tuple[Look, probe.Observation]]) -> None:
    """Let the connections, as they are now, know what was seen, in one transaction."""
    by_id = {prepared.connection_id: (prepared, observation) for prepared, observation in seen}

    def take_all_in() -> None:
        for connection in store.load_all(list(by_id)):
            prepared, observation = by_id[connection.id]
            # Ignore the result if the settings changed meanwhile.
            if connection.watch == prepared.watch and connection.state == State.WAITING:
                take_in(connection, observation)

    in_transaction(take_all_in)


def take_in(connection: SalesforceConnection, observation: probe.Observation) -> None:
    """Turn what a look saw into the connection's next event."""
    now = utcnow()
    problem = observation.problem
    agrees = problem is not None and connection.problem == problem
    if problem is Problem.UNEXPECTED:
        # Two refusals that nobody here knows are the same one only when Salesforce says the same.
        agrees = agrees and connection.problem_detail == tidy(observation.detail)
    connection.agreeing_looks = connection.agreeing_looks + 1 if agrees else 1
    connection.looks += 1
    connection.probe_requests += observation.requests
    connection.last_look_at = now
    connection.next_look_at = None
    if connection.watch_started_at is not None:
        # A clock that was set back doesn't make the wait longer than the deadline.
        connection.watch_started_at = min(connection.watch_started_at, now)
    if problem is None:
        connection.app_known_at = connection.app_known_at or now
        lifecycle.apply(connection, Event.APP_KNOWN, now, detail=observation.detail)
        return
    due_at = next_look(connection, now)
    enough = LOOKS_TO_BELIEVE_UNKNOWN if problem is Problem.UNEXPECTED else LOOKS_TO_BELIEVE
    is_final = not (problem.may_be_propagation or problem.is_transient)
    is_believed = is_final and connection.agreeing_looks >= enough
    if due_at is None or is_believed:
        # What worked before the settings were changed goes on working.
        event = Event.WATCH_FAILED_STILL_CONNECTED if connection.works else Event.WATCH_FAILED
        due_at = now + CHECK_EVERY if connection.works else None
        lifecycle.apply(connection, event, now, problem=problem, detail=observation.detail, due_at=due_at)
        return
    connection.next_look_at = due_at
    lifecycle.apply(connection, Event.LOOKED, now, problem=problem, detail=observation.detail, due_at=due_at)


def next_look(connection: SalesforceConnection, now: datetime) -> datetime | None:
    """Return when to look again, or None when the whole time of watching is over."""
    settings = current_app.config["SETTINGS"]
    elapsed = (now - (connection.watch_started_at or now)).total_seconds()
    if elapsed >= settings.probe_deadline:
        return None
    seconds = interval_after(
        elapsed,
        first=settings.probe_interval,
        deadline=settings.probe_deadline,
        looks=connection.looks,
        requests=connection.probe_requests,
    )
    # The last look falls on the deadline itself, so that nothing is given up unseen.
    return now + timedelta(seconds=min(seconds, max(settings.probe_deadline - elapsed, 0.1)))
