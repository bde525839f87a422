"""Every transition of a run. lease.py has the lease, object_states.py the transitions of its objects."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from blinker import Signal
from sqlalchemy import select, update
from sqlalchemy.orm import selectinload

from datasync_flask import counters
from datasync_flask.audit import trail
from datasync_flask.clock import utcnow
from datasync_flask.connections.models import State
from datasync_flask.destinations.base import Fault
from datasync_flask.extensions import db
from datasync_flask.extractions.models import (
    OPEN_STATES,
    Extraction,
    ExtractionObject,
    Run,
    RunLogLine,
    RunObject,
    RunState,
)
from datasync_flask.extractions.runs import lease, working_files
from datasync_flask.extractions.runs.lease import is_cancelled
from datasync_flask.problems.registry import code_of
from datasync_flask.problems.run import RunProblem
from datasync_flask.salesforce.errors import Problem, SalesforceError, tidy
from datasync_flask.salesforce_connections import lifecycle, store
from datasync_flask.salesforce_connections.lifecycle import Event
from datasync_flask.salesforce_connections.models import SalesforceConnection
from datasync_flask.transactions import count_updated, in_transaction

# Sent when a run is over, with the run; what listeners write is committed after them.
ended = Signal("a run ended")
# Sent with the extraction, `calls` that its run needs, and `used` and `most` of the org's API calls today.
forecast_made = Signal("what a run will cost is known")

MAX_TRIES = 5
# The pauses before a run without progress continues; after the last one it fails.
STALL_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30))
# The name for runs that the schedule starts.
SCHEDULE = "schedule"


class AlreadyRunning(Exception):
    """The extraction has a run that isn't over; `run_id` says which."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.run_id = run_id


def folder_of(run_id: str) -> Path:
    """The folder for a run's working files."""
    return working_files.root() / run_id


def load(run_id: str) -> Run:
    """A run as it is now."""
    return db.session.scalars(
        select(Run)
        .where(Run.id == run_id)
        .options(selectinload(Run.objects), selectinload(Run.extraction).selectinload(Extraction.objects))
        .execution_options(populate_existing=True)
    ).one()


def open_run(extraction_id: str) -> str | None:
    """The id of the extraction's run that isn't over."""
    is_open = Run.state.in_(OPEN_STATES)
    return db.session.scalar(select(Run.id).where(Run.extraction_id == extraction_id, is_open).limit(1))


def start(extraction_id: str, by: str, only: Collection[str] = (), *, removes_rows: bool = False) -> Run:
    """Create a run of all objects, or of those in `only`; commits. Raises AlreadyRunning while another one isn't over.

    With `removes_rows` it loads nothing, but removes the rows of the extraction's org from tables of several orgs.
    """

    def make() -> Run:
        # Write this first: of two starts at once, the second waits here and then sees the first one's run.
        db.session.execute(
            update(Extraction)
            .where(Extraction.id == extraction_id)
            .values(row_version=Extraction.row_version + 1)
            .execution_options(synchronize_session=False)
        )
        other = open_run(extraction_id)
        if other is not None:
            raise AlreadyRunning(other)
        chosen = select(ExtractionObject.name).where(ExtractionObject.extraction_id == extraction_id)
        all_names = db.session.scalars(chosen).all()
        names = [name for name in all_names if name in only] or all_names
        run = Run(extraction_id=extraction_id, started_by=by, due_at=utcnow(), tries=0, version=1, api_calls=0)
        run.removes_rows = removes_rows
        run.objects = [RunObject(name=name, notes=[], progress={}) for name in names]
        db.session.add(run)
        db.session.flush()
        if by != SCHEDULE:
            trail.record("run_started", _subject(extraction_id), who=by, run=run.id)
        return run

    return in_transaction(make)


def _subject(extraction_id: str) -> tuple[str, str, str]:
    name = db.session.scalar(select(Extraction.description).where(Extraction.id == extraction_id))
    return ("extraction", extraction_id, name or "")


def claim(run_id: str) -> str:
    """Take a run that is queued, due, or left by a dead process; return the lease's id, or '' when it isn't free."""
    lease_id = lease.take(run_id)
    if lease_id and load(run_id).tries > MAX_TRIES:
        failed(run_id, lease_id, RunProblem.GAVE_UP, "the process that ran it ended too often")
        return ""
    db.session.commit()
    return lease_id


def clear_folders() -> None:
    """Remove the working files of runs that are over or gone."""
    for folder in working_files.root().glob("*"):
        state = db.session.scalar(select(Run.state).where(Run.id == folder.name))
        if state is None or RunState(state).is_over:
            working_files.remove(folder, working_files.root())
    db.session.commit()


def note_object(row_id: int, **values: Any) -> None:
    """Store values in one object's row; commits."""
    count_updated(update(RunObject).where(RunObject.id == row_id).values(**values))


def note_calls(run_id: str, calls: int, usage: tuple[int, int] | None) -> None:
    """Store how many API calls this process has made so far; commits."""
    values: dict[str, Any] = {"api_calls": calls, "version": Run.version + 1}
    if usage is not None:
        values |= {"calls_used": usage[0], "calls_max": usage[1]}
    count_updated(update(Run).where(Run.id == run_id).values(**values))


def note_forecast(run_id: str, values: dict[str, Any]) -> None:
    """Store the forecast of the run; commits."""
    count_updated(update(Run).where(Run.id == run_id).values(version=Run.version + 1, **values))


def touch(run_id: str) -> None:
    """Raise the version, so that open pages show the change. The caller commits."""
    db.session.execute(update(Run).where(Run.id == run_id).values(version=Run.version + 1))


def log(run_id: str, text: str) -> None:
    """Add a line to the run's log. The caller commits."""
    db.session.add(RunLogLine(run_id=run_id, at=utcnow(), text=tidy(text)[:500]))


def _end(run_id: str, lease_id: str, state: RunState, problem: str = "", detail: str = "") -> bool:
    detail = tidy(detail)
    if not lease.write(
        run_id, lease_id, state=state, ended_at=utcnow(), problem=problem, problem_detail=detail, lease_id=""
    ):
        return False
    log(run_id, f"{state}{f': {problem}' if problem else ''}{f': {detail}' if detail else ''}")
    db.session.commit()

    def tell() -> None:
        run = load(run_id)
        ended.send(run)
        counters.count("runs", state)
        counters.count("rows", "", run.rows)
        counters.count("api_calls", "", run.api_calls)

    in_transaction(tell)
    return True


def finished(run_id: str, lease_id: str) -> bool:
    """End a run whose objects are all over: done, or failed if some of them failed. False when the lease is lost."""
    bad = db.session.scalars(select(RunObject).where(RunObject.run_id == run_id, RunObject.step == "failed")).all()
    if bad:
        name, detail = bad[0].name, bad[0].problem_detail
        # Some errors are about the object's name and say nothing else.
        told = name if detail in {"", name} else f"{name}: {detail}"
        return _end(run_id, lease_id, RunState.FAILED, bad[0].problem, told)
    return _end(run_id, lease_id, RunState.DONE)


def failed(run_id: str, lease_id: str, problem: Problem | Fault | RunProblem, detail: str) -> None:
    """End a run that can't continue."""
    _end(run_id, lease_id, RunState.FAILED, code_of(problem), detail)


def stopped(run_id: str, lease_id: str) -> None:
    """End a cancelled run; put a run whose process has to stop back into the queue."""
    if is_cancelled(run_id):
        _end(run_id, lease_id, RunState.CANCELLED)
    else:
        lease.write(run_id, lease_id, state=RunState.QUEUED, lease_id="", tries=Run.tries - 1)


def paused(run_id: str, lease_id: str, until: datetime, limit: Problem | RunProblem, detail: str = "") -> None:
    """Pause a run at a limit."""
    lease.write(run_id, lease_id, state=RunState.PAUSED, due_at=until, problem=code_of(limit),
                problem_detail=tidy(detail), lease_id="", tries=Run.tries - 1)  # fmt: skip
    log(run_id, f"paused: {detail or 'at the ceiling of API calls'}")
    db.session.commit()


def stalled(
    run_id: str, lease_id: str, detail: str = "", problem: Problem | RunProblem = RunProblem.NO_PROGRESS
) -> None:
    """End an attempt that can't go on now; the run continues by itself after a pause, but the last attempt fails."""
    if is_cancelled(run_id):
        _end(run_id, lease_id, RunState.CANCELLED)
        return
    count = load(run_id).stalls
    if count >= len(STALL_PAUSES):
        failed(run_id, lease_id, problem, f"{count + 1} times in a row. {detail}".strip())
        return
    due_at, detail, code = utcnow() + STALL_PAUSES[count], tidy(detail), code_of(problem)
    if lease.write(run_id, lease_id, state=RunState.PAUSED, due_at=due_at, problem=code, problem_detail=detail,
             lease_id="", tries=Run.tries - 1, stalls=count + 1):  # fmt: skip
        log(run_id, f"{problem}: this attempt was ended. {detail}".strip())
    db.session.commit()


def waiting_for_connection(run_id: str, lease_id: str, error: SalesforceError) -> None:
    """Let the run wait until the connection works; commits."""
    lease.write(run_id, lease_id, state=RunState.WAITING, problem=code_of(error.problem), problem_detail=error.detail,
          lease_id="", tries=Run.tries - 1)  # fmt: skip
    log(run_id, f"waiting for the connection: {error}")
    db.session.commit()


def connection_lost(run_id: str, lease_id: str, error: SalesforceError) -> None:
    """Set the connection to needs_attention, and let the run wait until it works again."""
    source_id = load(run_id).extraction.source_id
    waiting_for_connection(run_id, lease_id, error)

    # Check these soon: the answer may have changed, or there is a question for a person.
    is_checked = error.problem in {Problem.DATA_API_CLOSED, Problem.INSTANCE_MOVED, Problem.OTHER_ORG}
    due_at = utcnow() + timedelta(minutes=0 if error.problem is Problem.OTHER_ORG else 60) if is_checked else None

    def lose() -> None:
        connection = store.load(source_id)
        if connection is not None and connection.grant is not None:
            connection.grant.works = False
        if connection is not None and lifecycle.can_happen(connection.state, Event.ACCESS_LOST):
            lifecycle.apply(connection, Event.ACCESS_LOST, utcnow(), problem=error.problem, detail=error.detail,
                            due_at=due_at)  # fmt: skip

    in_transaction(lose)


def wake_waiting() -> None:
    """Continue runs whose connection works again; commits."""
    works = select(Extraction.id).join(SalesforceConnection).where(SalesforceConnection.state == State.CONNECTED)
    count_updated(
        update(Run)
        .where(Run.state == RunState.WAITING, Run.extraction_id.in_(works))
        .values(state=RunState.QUEUED, problem="", problem_detail="", version=Run.version + 1)
    )


def cancel(run: Run) -> None:
    """Ask a run to stop; a run without a process stops at once. Commits."""
    idle = (RunState.QUEUED, RunState.PAUSED, RunState.WAITING)
    statement = update(Run).where(Run.id == run.id, Run.state.in_(idle))
    # Why it had to wait says nothing about a run that nobody waits for.
    ended = {"state": RunState.CANCELLED, "ended_at": utcnow(), "cancel_asked": True, "problem": "",
             "problem_detail": "", "version": Run.version + 1}  # fmt: skip
    if count_updated(statement.values(**ended)) == 0:
        count_updated(
            update(Run).where(Run.id == run.id, Run.state == RunState.RUNNING)
            .values(cancel_asked=True, version=Run.version + 1)
        )  # fmt: skip
    trail.record("run_cancelled", _subject(run.extraction_id), run=run.id)
    db.session.commit()
