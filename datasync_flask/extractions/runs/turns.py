"""Makes runs of several orgs take turns in writing to one table, because they share its staging table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from datasync_flask.destinations.base import Fault, Patience
from datasync_flask.extensions import db
from datasync_flask.extractions.models import DestinationTable, Run, TableWriter
from datasync_flask.extractions.runs import lease
from datasync_flask.transactions import count_updated, in_transaction

ASK_AGAIN_SECONDS = 0.5


@contextmanager
def turn(run_id: str, name: str, patience: Patience, waiting: AbstractContextManager[None]) -> Iterator[None]:
    """Lock the table of a run's object if it is shared, waiting for others inside `waiting`.

    Raises what the patience's pause raises.
    """
    table = _shared_table(run_id, name)
    if table is None:
        yield
        return
    if not _take(table, run_id):
        with waiting:
            patience.tell(Fault.BUSY, "")
            while not _take(table, run_id):
                patience.pause(ASK_AGAIN_SECONDS)
            patience.tell("", "")
    try:
        yield
    finally:
        in_transaction(lambda: _give_back(table, run_id))


def _shared_table(run_id: str, name: str) -> tuple[str, str] | None:
    run = db.session.get_one(Run, run_id)
    mine = select(DestinationTable).filter_by(extraction_id=run.extraction_id, object_name=name)
    found = db.session.scalar(mine.where(DestinationTable.org_id != "").order_by(DestinationTable.table_key).limit(1))
    db.session.commit()
    return (found.place, found.table_key) if found is not None else None


def _take(table: tuple[str, str], run_id: str) -> bool:
    place, key = table
    writer = db.session.scalar(select(TableWriter.run_id).filter_by(place=place, table_key=key))
    db.session.commit()
    if writer == run_id:
        # This run was killed while it wrote, and continues.
        return True
    if writer is None:
        try:
            in_transaction(lambda: db.session.add(TableWriter(place=place, table_key=key, run_id=run_id)))
        except IntegrityError:
            return False
        return True
    if lease.is_held(writer):
        return False
    over = update(TableWriter).where(
        TableWriter.place == place, TableWriter.table_key == key, TableWriter.run_id == writer
    )
    return count_updated(over.values(run_id=run_id)) == 1


def _give_back(table: tuple[str, str], run_id: str) -> None:
    place, key = table
    db.session.execute(delete(TableWriter).filter_by(place=place, table_key=key, run_id=run_id))
