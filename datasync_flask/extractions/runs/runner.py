"""A run: reads its objects side by side, and writes them one after the other in their order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial

from flask import Flask, current_app
from structlog.contextvars import bind_contextvars

from datasync_flask.connections.models import State
from datasync_flask.destinations.base import Destination, Table
from datasync_flask.destinations.registry import open_destination
from datasync_flask.destinations.service import settings_of
from datasync_flask.extensions import db
from datasync_flask.extractions import orgs, tables, visibility
from datasync_flask.extractions.models import Extraction, RunObject
from datasync_flask.extractions.runs import (
    comparing,
    formula_refresh,
    lease,
    loading,
    object_states,
    states,
    turns,
    working_files,
)
from datasync_flask.extractions.runs.calls_left import CallsLeft, WaitsForBulk
from datasync_flask.extractions.runs.endings import NotConnected, QuotaReached, Stopped, ending
from datasync_flask.extractions.runs.file_waits import FileWaits
from datasync_flask.extractions.runs.forecasting import write_forecast
from datasync_flask.extractions.runs.movement import Movement
from datasync_flask.extractions.runs.object_run import ObjectRun
from datasync_flask.extractions.runs.object_states import check_owner, failing_alone
from datasync_flask.extractions.runs.plan import after_drop
from datasync_flask.extractions.runs.preparing import RunContext, may_be_whole, prepare
from datasync_flask.extractions.runs.reading import Reader
from datasync_flask.extractions.runs.reading_notes import notes_of
from datasync_flask.extractions.source_api import source_api
from datasync_flask.salesforce import objects
from datasync_flask.salesforce.api import PATIENT, SalesforceApi
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.transactions import in_transaction

READ_SIDE_BY_SIDE = 3


class Runner:
    """Does one run in this process."""

    def __init__(self, app: Flask, run_id: str, lease_id: str, say_progress: Callable[[], None] = lambda: None) -> None:
        """`say_progress` is called every few seconds while the run makes progress."""
        self._app, self._run_id, self._lease_id, self._say_progress = app, run_id, lease_id, say_progress
        self._stop = threading.Event()
        self._movement = Movement()
        self._waits = FileWaits(run_id, self._wait)
        self._source_id = ""
        self._context: RunContext
        self._spot_of: Callable[[str, str], tables.Spot]
        self._api: SalesforceApi
        self._calls_left: CallsLeft
        self._readers: ThreadPoolExecutor
        self._destination: Destination

    def stop(self) -> None:
        """Stop the run at the next page; when started again, it continues where it was."""
        self._stop.set()

    def run(self) -> None:
        """Do the run to its end, or until it is stopped."""
        with (
            lease.heartbeat(self._app, self._run_id, self._lease_id, self._tell_progress, self.stop),
            ending(self._app, self._run_id, self._lease_id),
            self._app.app_context(),
        ):
            self._run()

    def _tell_progress(self) -> None:
        if self._movement.has_moved():
            self._say_progress()

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds) if seconds else self._stop.is_set():
            raise Stopped

    def _pause(self, seconds: float) -> None:
        """Wait between two requests."""
        self._wait(seconds)
        if self._calls_left.are_used_up():
            raise QuotaReached

    def _run(self) -> None:
        if not lease.renew(self._run_id, self._lease_id):
            # Cancelled or taken over while this process started: the working files are another process's.
            raise Stopped
        run = states.load(self._run_id)
        extraction = run.extraction
        if run.removes_rows:
            self._remove_rows(extraction)
            return
        extraction_id, self._source_id, ceiling = extraction.id, extraction.source_id, extraction.quota_ceiling
        source = extraction.source
        if source.state not in {State.CONNECTED, State.AUTHORIZING} and source.grant is None:
            known = source.current_problem if source.state == State.NEEDS_ATTENTION else None
            raise NotConnected(known or Problem.NOT_CONNECTED, source.problem_detail if known else "")
        self._destination = self._open_destination(extraction)
        db.session.commit()
        held, folder = tables.reserve_for_run(extraction_id), states.folder_of(self._run_id)
        with source_api(self._source_id, policy=PATIENT, wait=self._pause) as self._api:
            self._movement.api, self._calls_left = self._api, CallsLeft(self._api, ceiling)
            try:
                self._pause(0)
                org_id, org_name = orgs.checked_org(self._api, extraction), extraction.source.org_name
                timed = self._movement.timed(self._destination)
                self._context = RunContext(
                    self._api, timed, self._spot_of, held, folder, org_id, org_name, self._calls_left
                )
                self._work_on_all()
            finally:
                states.note_calls(self._run_id, self._api.calls, self._api.usage)
        self._finish()

    def _remove_rows(self, extraction: Extraction) -> None:
        """Remove the org's rows from the tables that it shares with others."""
        destination = self._movement.timed(self._open_destination(extraction))
        parts = {
            each.name: (each.id, Table(extraction.dataset, each.table_name, each.loaded_org_id))
            for each in extraction.objects
            if each.table_name and each.loaded_org_id
        }
        waiting = [(row.id, row.name) for row in states.load(self._run_id).objects if not row.is_over]
        db.session.commit()
        for row_id, name in waiting:
            with failing_alone(row_id):
                self._wait(0)
                self._waits.begin(row_id, "writing")
                removed = self._removed(destination, name, *parts[name]) if name in parts else 0
                object_states.org_removed(row_id, removed)
        self._finish()

    def _finish(self) -> None:
        if states.finished(self._run_id, self._lease_id):
            working_files.remove(states.folder_of(self._run_id), working_files.root())

    def _removed(self, destination: Destination, name: str, object_id: int, part: Table) -> int:
        """Remove an org's rows from a table if it still belongs to the extraction; return how many there were."""
        spot = self._spot_of(part.dataset, part.name)
        with self._turn(spot):
            self._check_owner(object_id, name, spot)
            return destination.remove_org(part) if destination.has_table(part) else 0

    def _open_destination(self, extraction: Extraction) -> Destination:
        stored, data_dir = extraction.destination, current_app.config["SETTINGS"].effective_data_dir
        destination = open_destination(stored.kind, settings_of(stored), data_dir)
        destination.patience, destination.work_dir = self._waits.patience, states.folder_of(self._run_id)
        # Made of the settings opened here: somebody may change the destination during the run.
        self._spot_of = partial(tables.spot_of, stored.kind, tables.place_of(stored.kind, stored.settings))
        return destination

    def _work_on_all(self) -> None:
        each_run = self._prepare_all([row for row in states.load(self._run_id).objects if not row.is_over])
        write_forecast(self._run_id, self._api, each_run)
        with ThreadPoolExecutor(READ_SIDE_BY_SIDE, thread_name_prefix="read") as self._readers:
            readings = [(each, self._readers.submit(self._read, each)) for each in each_run]
            waits: WaitsForBulk | None = None
            try:
                for each, reading in readings:
                    try:
                        with failing_alone(each.row_id):
                            self._write(*self._result_of(each, reading))
                    except WaitsForBulk as error:
                        states.log(self._run_id, f"{each.name} waits for the Bulk API: {error}")
                        waits = error
                if waits is not None:
                    raise waits
            except BaseException:
                self._stop.set()
                for _, reading in readings:
                    reading.cancel()
                raise

    def _prepare_all(self, rows: list[RunObject]) -> list[ObjectRun]:
        waiting = [(row.id, row.name, row.step) for row in rows]
        counted = [row.name for row in rows if may_be_whole(row)]
        descriptions = objects.describe_many(self._api, [name for _, name, _ in waiting])
        visibility.note_run(self._source_id, descriptions)
        self._context.counts = objects.record_counts(self._api, counted)
        found = []
        for row_id, name, step in waiting:
            description = descriptions[name]
            self._waits.prepare(row_id, step)
            with failing_alone(row_id):
                if isinstance(description, SalesforceError):
                    raise description
                found.append(prepare(row_id, description, self._context))
        return found

    def _read(self, each: ObjectRun) -> Reader:
        # A new thread doesn't have the run's id for its log lines.
        bind_contextvars(request_id=f"run-{self._run_id}")
        with self._app.app_context():
            try:
                reader = each.reader(self._api)
                reader.tidy = self._readers.submit
                for _ in reader.read():
                    self._movement.steps += 1
                    object_states.checkpoint(each)
                    states.note_calls(self._run_id, self._api.calls, self._api.usage)
            finally:
                db.session.remove()
        return reader

    def _result_of(self, each: ObjectRun, reading: Future[Reader]) -> tuple[ObjectRun, Reader]:
        """The object that was read; if a field disappears meanwhile, describe and read the object once more."""
        try:
            return each, reading.result()
        except SalesforceError as error:
            if error.problem is not Problem.FIELD_GONE:
                raise
            states.log(self._run_id, f"{each.plan.name}: {error.detail}; its fields are described again")
        again = self._prepared_again(each)
        return again, self._read(again)

    def _prepared_again(self, each: ObjectRun) -> ObjectRun:
        self._waits.prepare(each.row_id, "reading")
        return prepare(each.row_id, objects.describe(self._api, each.plan.name), self._context)

    def _write(self, each: ObjectRun, reader: Reader) -> None:
        self._pause(0)
        self._waits.begin(each.row_id, "writing")
        each.outcome.notes = notes_of(reader.progress)
        with self._turn(each.spot):
            self._check_owner(each.object_id, each.name, each.spot)
            is_dropped = not each.plan.is_whole and not self._context.destination.has_table(each.table)
            if not is_dropped:
                self._load_and_compare(each, reader)
        if is_dropped:
            # Changes alone would make a table that lacks most rows.
            object_states.table_dropped(each)
            again = self._prepared_again(each)
            again.plan = after_drop(again.plan)
            self._write(again, self._read(again))
            return
        object_states.object_done(each)
        working_files.remove(each.folder, self._context.folder)

    def _load_and_compare(self, each: ObjectRun, reader: Reader) -> None:
        with self._movement.at_destination():
            loading.write(self._destination, each, reader.files())
        if each.plan.refreshes_formulas:
            soql = each.plan.of_all_rows(*each.plan.formulas).soql
            states.log(self._run_id, f"{each.name}: formula fields of all rows. {soql}")
            self._waits.begin(each.row_id, "refreshing")
            formula_refresh.refresh(self._api, self._context.destination, each)
        self._waits.begin(each.row_id, "comparing")
        comparing.compare(self._api, self._context.destination, each)

    def _turn(self, spot: tables.Spot) -> AbstractContextManager[None]:
        return turns.turn(self._run_id, spot, self._waits.patience, self._movement.at_destination())

    def _check_owner(self, object_id: int, name: str, spot: tables.Spot) -> None:
        """Check that the table still belongs to the object: somebody may have moved it while the run read or waited.

        During this run's turn nobody else writes to it.
        """
        in_transaction(lambda: check_owner(object_id, name, spot))
