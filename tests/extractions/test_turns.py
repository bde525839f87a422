"""Runs that write into one table take turns."""

from __future__ import annotations

import time
from contextlib import nullcontext
from datetime import timedelta

import pytest
from sqlalchemy import select

from datasync_flask.clock import utcnow
from datasync_flask.destinations.base import Patience
from datasync_flask.extensions import db
from datasync_flask.extractions import service
from datasync_flask.extractions.models import DestinationTable, Extraction, Run, TableWriter
from datasync_flask.extractions.runs import lease, states, turns
from datasync_flask.extractions.runs.endings import Stopped
from tests.support.combined_orgs import combine
from tests.support.extraction import Extracting


def test_two_runs_take_turns(extracting: Extracting, second: Extracting, warehouse: str) -> None:
    combine(extracting, second, warehouse)
    one, other = extracting.start(), second.start()
    with extracting.app.app_context():
        states.claim(one)
        states.claim(other)

        class Waited(Exception):
            pass

        told: list[str] = []

        def pause(_: float) -> None:
            raise Waited

        patience = Patience(0, None, pause, lambda what, _who: told.append(what))
        (spot,) = {(row.place, row.table_key) for row in db.session.query(DestinationTable)}
        db.session.commit()
        with turns.turn(one, spot, patience, nullcontext()):
            with pytest.raises(Waited), turns.turn(other, spot, patience, nullcontext()):
                pass
            assert told == ["busy"]
        with turns.turn(other, spot, patience, nullcontext()):
            pass
        assert db.session.query(TableWriter).count() == 0
        # A run that was killed in its turn keeps nobody waiting.
        with turns.turn(one, spot, patience, nullcontext()):
            db.session.get_one(Run, one).heartbeat_at = utcnow() - timedelta(minutes=1)
            db.session.commit()
            with turns.turn(other, spot, patience, nullcontext()):
                assert db.session.scalar(select(TableWriter.run_id)) == other
        assert db.session.query(TableWriter).count() == 0


def test_a_deleted_extraction_keeps_its_table_until_its_run_has_stopped(
    extracting: Extracting, second: Extracting, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    combine(extracting, second, warehouse)
    one, other = extracting.start(), second.start()
    waited: list[float] = []

    class Waited(Exception):
        pass

    def pause(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) > 2:
            raise Waited

    patience = Patience(0, None, pause, lambda _what, _who: None)
    with extracting.app.app_context():
        states.claim(one)
        states.claim(other)
        (spot,) = {(row.place, row.table_key) for row in db.session.query(DestinationTable)}
        db.session.commit()
        with turns.turn(one, spot, patience, nullcontext()):
            service.delete(db.session.get_one(Extraction, extracting.id), by=None)
            # Its process doesn't know yet, and writes.
            with pytest.raises(Waited), turns.turn(other, spot, patience, nullcontext()):
                pass
        with turns.turn(other, spot, patience, nullcontext()):
            pass
        # The deleted run itself gets no turn any more.
        with pytest.raises(Stopped), turns.turn(one, spot, patience, nullcontext()):
            pass
        # If its process was killed, others wait only as long as for any dead run.
        db.session.add(TableWriter(place=spot[0], table_key=spot[1], run_id=one))
        db.session.commit()
        waited.clear()
        monkeypatch.setattr(lease, "SILENT_FOR", timedelta(milliseconds=1))
        with turns.turn(other, spot, Patience(0, None, time.sleep, lambda _what, _who: None), nullcontext()):
            assert db.session.scalar(select(TableWriter.run_id)) == other
        assert db.session.query(TableWriter).count() == 0
