"""Makes runs that write to one table take turns. Several orgs share its staging table, or it changed its owner during
a run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from datasync_flask.destinations.base import Fault, Patience
from datasync_flask.extensions import db
from datasync_flask.extractions.models import TableWriter
from datasync_flask.extractions.runs import lease
from datasync_flask.extractions.runs.endings import Stopped
from datasync_flask.extractions.tables import Spot
from datasync_flask.transactions import count_updated, in_transaction

ASK_AGAIN_SECONDS = 0.5


@contextmanager
def turn(run_id: str, table: Spot, patience: Patience, waiting: AbstractContextManager[None]) -> Iterator[None]:
    """Lock a table, waiting for others inside `waiting`.

    Raises what the patience's pause raises, and Stopped for a run that is gone.
    """
    deleted = _Deleted()
    if not _take(table, run_id, deleted):
        with waiting:
            patience.tell(Fault.BUSY, "")
            while not _take(table, run_id, deleted):
                patience.pause(ASK_AGAIN_SECONDS)
            patience.tell("", "")
    try:
        yield
    finally:
        in_transaction(lambda: _give_back(table, run_id))


@dataclass
class _Deleted:
    """How long this process has known that the run that writes was deleted."""

    since: float | None = None

    def has_stopped(self) -> bool:
        """True when the run's process must have noticed, or was killed before."""
        if self.since is None:
            self.since = time.monotonic()
        return time.monotonic() - self.since >= lease.SILENT_FOR.total_seconds()


def _take(table: Spot, run_id: str, deleted: _Deleted) -> bool:
    place, key = table
    writer = db.session.scalar(select(TableWriter.run_id).filter_by(place=place, table_key=key))
    db.session.commit()
    if writer == run_id:
        # This run was killed while it wrote, and continues.
        return True
    if not lease.exists(run_id):
        # Somebody deleted the extraction.
        raise Stopped
    if writer is None:
        try:
            in_transaction(lambda: db.session.add(TableWriter(place=place, table_key=key, run_id=run_id)))
        except IntegrityError:
            return False
        return True
    if lease.is_held(writer) or not (lease.exists(writer) or deleted.has_stopped()):
        return False
    over = update(TableWriter).where(
        TableWriter.place == place, TableWriter.table_key == key, TableWriter.run_id == writer
    )
    return count_updated(over.values(run_id=run_id)) == 1


def _give_back(table: Spot, run_id: str) -> None:
    place, key = table
    db.session.execute(delete(TableWriter).filter_by(place=place, table_key=key, run_id=run_id))
