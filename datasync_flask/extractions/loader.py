"""Loads extractions and runs for all views; the decorator of a view says who may use it."""

from __future__ import annotations

from collections.abc import Sequence

from flask import abort
from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, selectinload

from datasync_flask.connections.models import Connection, State
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction, Run, RunLogLine, RunObject
from datasync_flask.salesforce_connections.models import SalesforceConnection
from datasync_flask.transactions import read_row

RUNS_SHOWN = 30


def depending_on(connection_id: str) -> Sequence[Extraction]:
    """The extractions that use a connection."""
    uses = or_(Extraction.source_id == connection_id, Extraction.destination_id == connection_id)
    return db.session.scalars(select(Extraction).where(uses).order_by(Extraction.description_key)).all()


def get_extraction(extraction_id: str) -> Extraction:
    """An extraction; 404 when there is none."""
    return db.get_or_404(Extraction, extraction_id, populate_existing=True)


def get_run(extraction_id: str, run_id: str) -> Run:
    """A run of an extraction; 404 when there is none."""
    found = db.get_or_404(Run, run_id, populate_existing=True)
    return found if found.extraction_id == extraction_id else abort(404)


def version_of_run(extraction_id: str, run_id: str) -> str:
    """The version of a run, which changes with each change of it; 404 when there is none."""
    of_run = select(Run.version).where(Run.id == run_id, Run.extraction_id == extraction_id)
    found = read_row(of_run)
    return str(found.version) if found else abort(404)


def _newest_runs(extraction_id: str) -> Select[Run]:
    of_extraction = select(Run).where(Run.extraction_id == extraction_id)
    return of_extraction.options(selectinload(Run.objects)).order_by(Run.queued_at.desc()).limit(RUNS_SHOWN)


def runs_of(extraction_id: str) -> Sequence[Run]:
    """The newest runs of an extraction."""
    return db.session.scalars(_newest_runs(extraction_id)).all()


def runs_until(run: Run) -> Sequence[Run]:
    """A run and those before it, the newest first."""
    return db.session.scalars(_newest_runs(run.extraction_id).where(Run.queued_at <= run.queued_at)).all()


def newest_run(extraction_id: str) -> Run | None:
    """The newest run of an extraction."""
    return db.session.scalar(_newest_runs(extraction_id).limit(1))


def counted_last(count: InstrumentedAttribute[int | None]) -> Select[int]:
    """The statement for the ids of each object's last rows with a count, on one side or the other."""
    return (
        select(func.max(RunObject.id)).join(Run).where(count.is_not(None)).group_by(Run.extraction_id, RunObject.name)
    )


def _last(count: InstrumentedAttribute[int | None], extraction: Extraction) -> dict[str, int]:
    newest = counted_last(count).where(Run.extraction_id == extraction.id)
    return {name: int(rows or 0) for name, rows in
            db.session.execute(select(RunObject.name, count).where(RunObject.id.in_(newest)))}  # fmt: skip


def last_counts(extraction: Extraction) -> dict[str, int]:
    """How many rows each object had in Salesforce at the last count."""
    return _last(RunObject.source_count, extraction)


def rows_in_destination(extraction: Extraction) -> dict[str, int]:
    """How many rows each object's table had at the last count."""
    return _last(RunObject.target_count, extraction)


def quota_of(source: SalesforceConnection) -> tuple[int, int] | None:
    """(left, most) of an org's API calls today, as the last run or check read them."""
    told = db.session.execute(
        select(Run.calls_used, Run.calls_max)
        .join(Extraction)
        .where(Extraction.source_id == source.id, Run.calls_max.is_not(None))
        .order_by(Run.queued_at.desc())
        .limit(1)
    ).one_or_none()
    if told is not None:
        return max(told.calls_max - told.calls_used, 0), told.calls_max
    grant = source.grant
    if grant is None or grant.api_calls_max is None or grant.api_calls_left is None:
        return None
    return grant.api_calls_left, grant.api_calls_max


def log_of(run: Run) -> Sequence[RunLogLine]:
    """A run's log."""
    return db.session.scalars(select(RunLogLine).where(RunLogLine.run_id == run.id).order_by(RunLogLine.id)).all()


def all_with_last_run() -> list[tuple[Extraction, Run | None]]:
    """All extractions with their newest run."""
    newest = select(Run.extraction_id, func.max(Run.queued_at).label("at")).group_by(Run.extraction_id).subquery()
    rows = db.session.execute(
        select(Extraction, Run)
        .outerjoin(newest, newest.c.extraction_id == Extraction.id)
        .outerjoin(Run, (Run.extraction_id == Extraction.id) & (Run.queued_at == newest.c.at))
        .options(
            selectinload(Extraction.source),
            selectinload(Extraction.destination),
            selectinload(Extraction.objects),
            selectinload(Extraction.labels),
            selectinload(Run.objects),
        )
        .order_by(Extraction.description_key)
    ).all()
    return [(extraction, run) for extraction, run in rows]


def combining_at(destination: DestinationConnection | None, except_id: str = "") -> Sequence[Extraction]:
    """The extractions that combine orgs at a destination."""
    if destination is None:
        return ()
    found = select(Extraction).filter_by(destination_id=destination.id, combines_orgs=True)
    return db.session.scalars(found.where(Extraction.id != except_id).order_by(Extraction.description_key)).all()


def sources() -> Sequence[SalesforceConnection]:
    """The connections that can be read from, those that work first."""
    is_waiting = Connection.state != State.CONNECTED
    return db.session.scalars(select(SalesforceConnection).order_by(is_waiting, Connection.description_key)).all()


def source(connection_id: str | None) -> SalesforceConnection | None:
    """One of the connections that can be read from."""
    return next((each for each in sources() if each.id == connection_id), None)


def destinations() -> Sequence[DestinationConnection]:
    """The connections that can be written to."""
    return db.session.scalars(select(DestinationConnection).order_by(Connection.description_key)).all()


def destination(connection_id: str | None) -> DestinationConnection | None:
    """One of the connections that can be written to."""
    return next((each for each in destinations() if each.id == connection_id), None)
