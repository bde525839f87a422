"""A run, in a process of its own: plans its objects, has them read side by side and written one after the other."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from flask import Flask, current_app
from sqlalchemy.exc import OperationalError
from structlog.contextvars import bind_contextvars

from datasync_flask.clock import utcnow
from datasync_flask.connections.models import State
from datasync_flask.destinations.base import (
    Column,
    ColumnType,
    Destination,
    DestinationError,
    Fault,
    Table,
)
from datasync_flask.destinations.registry import open_destination
from datasync_flask.destinations.service import settings_of
from datasync_flask.extensions import db
from datasync_flask.extractions import forecast, orgs, tables
from datasync_flask.extractions.models import ExtractionObject, RunObject
from datasync_flask.extractions.runs import abandoned_jobs, states, working_files
from datasync_flask.extractions.runs.column_types import columns_for, shortened_notes
from datasync_flask.extractions.runs.file_waits import FileWaits
from datasync_flask.extractions.runs.loading import Outcome, Work, expected_counts, server_time_of
from datasync_flask.extractions.runs.movement import CountedApi, Movement
from datasync_flask.extractions.runs.plan import make_plan, new_watermark
from datasync_flask.extractions.runs.reading import Progress, Reader
from datasync_flask.extractions.runs.tasks import Task, has_pages, what_is_read
from datasync_flask.extractions.runs.wishes import may_be_whole, wish_of
from datasync_flask.extractions.tables import TableTaken
from datasync_flask.notices import warnings
from datasync_flask.problems.registry import code_of
from datasync_flask.problems.run import RunProblem
from datasync_flask.salesforce.descriptions import ObjectDescription
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.oauth import TokenAnswer
from datasync_flask.salesforce_connections import token_grants
from datasync_flask.security.crypto import SecretUnreadable

log = logging.getLogger(__name__)

READ_SIDE_BY_SIDE = 3
SAY_ALIVE_EVERY = 3.0
# At the ceiling of API calls a run looks again after this long.
QUOTA_PAUSE = timedelta(minutes=15)
# Progress is written for the page at most this often.
WRITE_PROGRESS_EVERY = 0.5

# Nothing but a person's Allow brings these back: the run waits for the connection.
_LOST = frozenset(
    {
        Problem.REVOKED, Problem.SESSION_REFUSED, Problem.NO_REFRESH_TOKEN, Problem.IP_RESTRICTED,
        Problem.API_DISABLED_FOR_ORG, Problem.API_DISABLED_FOR_USER, Problem.API_SCOPE_MISSING, Problem.USER_INACTIVE,
        Problem.APP_BLOCKED, Problem.DATA_API_CLOSED, Problem.INSTANCE_MOVED, Problem.OTHER_ORG,
        Problem.CLIENT_UNKNOWN, Problem.SECRET_REFUSED, Problem.USER_NOT_APPROVED, Problem.SECRETS_UNREADABLE,
        Problem.NOT_CONNECTED,
    }
)  # fmt: skip


class Stopped(Exception):
    """The run has to stop now: cancelled, taken over, or the program ends."""


class QuotaReached(Exception):
    """The org's API calls of the day reached the ceiling."""


class Runner:
    """Does one run in this process."""

    def __init__(self, app: Flask, run_id: str, holder: str, say_progress: Callable[[], None] = lambda: None) -> None:
        """`say_progress` is called every few seconds while the run gets on."""
        self._app, self._run_id, self._holder, self._say_progress = app, run_id, holder, say_progress
        self._stop = threading.Event()
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._last_write: dict[int, float] = {}
        self._api: CountedApi
        self._movement = Movement()
        self._tables = tables.Tables()
        self._org_id = ""
        self._counts: dict[str, int] = {}
        self._ceiling = 100
        self._waits = FileWaits(run_id, self._pause_for_file)

    def stop(self) -> None:
        """Have the run stop at the next page; it goes on where it was when it is started again."""
        self._stop.set()

    def run(self) -> None:
        """Do the run to its end, or until it is stopped."""
        watcher = threading.Thread(target=self._say_alive, daemon=True, name="say_alive")
        watcher.start()
        try:
            with self._app.app_context():
                self._run()
        except Stopped:
            with self._app.app_context():
                states.stopped(self._run_id, self._holder)
                abandoned_jobs.abort_all()
        except QuotaReached:
            with self._app.app_context():
                states.paused(self._run_id, self._holder, utcnow() + QUOTA_PAUSE)
        except SalesforceError as error:
            with self._app.app_context():
                if error.problem is Problem.REQUEST_LIMIT_EXCEEDED:
                    states.paused(self._run_id, self._holder, utcnow() + QUOTA_PAUSE)
                elif error.problem in _LOST:
                    states.waiting_for_connection(self._run_id, self._holder, error)
                elif error.problem is Problem.NO_ANSWER_IN_TIME:
                    states.stalled(self._run_id, self._holder, error.detail)
                else:
                    states.failed(self._run_id, self._holder, code_of(error.problem), error.detail)
        except orgs.LoadedFromOtherOrg as error:
            with self._app.app_context():
                states.failed(self._run_id, self._holder, orgs.LOADED_FROM_OTHER_ORG, str(error))
        except SecretUnreadable as error:
            with self._app.app_context():
                states.failed(self._run_id, self._holder, code_of(Problem.SECRETS_UNREADABLE), str(error))
        except DestinationError as error:
            with self._app.app_context():
                states.failed(self._run_id, self._holder, code_of(error.fault), error.detail)
        except OperationalError as error:
            # Our own database went away: the run stays ours until it counts as silent, then goes on where it was.
            log.warning("run %s lost the database: %s", self._run_id, type(error.orig).__name__)
        except Exception as error:
            # A fault of this program: told as one, with its traceback in the log of the worker.
            log.exception("run %s ended by a fault", self._run_id)
            with self._app.app_context():
                states.failed(self._run_id, self._holder, code_of(RunProblem.FAULT), f"{type(error).__name__}: {error}")
        finally:
            self._is_over.set()

    def _say_alive(self) -> None:
        # Often enough that whoever watches the process hears of progress in time.
        every = min(SAY_ALIVE_EVERY, self._app.config["SETTINGS"].stalled_after / 4)
        while not self._is_over.wait(every):
            if self._movement.has_moved():
                self._say_progress()
            with self._app.app_context():
                try:
                    is_ours = states.still_ours(self._run_id, self._holder)
                except OperationalError:
                    # Nobody knows that it is alive: it has to end before another process takes it over.
                    is_ours = False
                if not is_ours:
                    self._stop.set()
                db.session.remove()

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds) if seconds else self._stop.is_set():
            raise Stopped
        usage = self._api.usage
        if usage is not None and usage[1] and usage[0] >= usage[1] * self._ceiling / 100:
            raise QuotaReached

    def _pause_for_file(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped

    @property
    def folder(self) -> Path:
        """Where the run's working files are."""
        return states.folder_of(self._run_id)

    def _run(self) -> None:
        run = states.load(self._run_id)
        extraction = run.extraction
        self._ceiling = extraction.quota_ceiling
        source_id, destination_row = extraction.source_id, extraction.destination
        if extraction.source.state not in {State.CONNECTED, State.AUTHORIZING} and extraction.source.grant is None:
            raise SalesforceError(Problem.NOT_CONNECTED, "the connection isn't connected")
        settings = settings_of(destination_row)
        kind, version = destination_row.kind, extraction.source.grant.api_version if extraction.source.grant else ""
        db.session.commit()
        self._tables = tables.hold_for_run(extraction.id)
        self._api = self._movement.api = self._open_api(source_id, version or "62.0")
        target = open_destination(kind, settings, current_app.config["SETTINGS"].effective_data_dir)
        target.patience = self._waits.patience
        destination = self._movement.watched(target)
        try:
            self._pause(0)
            self._check_org()
            self._work_on_all(destination)
        finally:
            states.note_calls(self._run_id, self._api.calls, self._api.usage)
            self._api.close()
        working_files.remove(self.folder, working_files.root())
        states.finished(self._run_id, self._holder)

    def _check_org(self) -> None:
        """Make sure, before anything is written, that the token opens the org that the tables were filled from."""
        self._org_id = orgs.org_behind(self._api, states.load(self._run_id).extraction.source)
        found = orgs.others(states.load(self._run_id).extraction, self._org_id)
        if found:
            raise orgs.LoadedFromOtherOrg(", ".join(f"{each.name} ({each.loaded_org_id})" for each in found))
        db.session.commit()

    def _open_api(self, source_id: str, version: str) -> CountedApi:
        held = token_grants.held_token(source_id)
        lock = threading.Lock()

        def refresh(stale: TokenAnswer) -> TokenAnswer:
            nonlocal held
            with lock, self._app.app_context():
                # Objects are read side by side: the first one that is refused renews the token for all.
                if held.token.access_token == stale.access_token:
                    held = token_grants.refreshed_token(source_id, held)
                return held.token

        trusted = current_app.config["SETTINGS"].salesforce_hosts
        return CountedApi(held.token, version, refresh, trusted, wait=self._pause)

    def _work_on_all(self, destination: Destination) -> None:
        run = states.load(self._run_id)
        open_rows = [row for row in run.objects if row.step not in {"done", "failed"}]
        descriptions = self._api.describe_many([row.name for row in open_rows])
        self._counts = expected_counts(self._api, [row.name for row in open_rows if may_be_whole(row)])
        tasks = []
        for row in open_rows:
            found = descriptions[row.name]
            if isinstance(found, SalesforceError):
                self._object_failed(row.id, code_of(found.problem), found.detail)
                continue
            try:
                tasks.append(self._prepare(row.id, found, destination))
            except SalesforceError as error:
                if not error.problem.is_about_the_request:
                    raise
                self._object_failed(row.id, code_of(error.problem), error.detail)
            except DestinationError as error:
                self._object_failed(row.id, code_of(error.fault), error.detail)
            except TableTaken as owner:
                self._object_failed(row.id, code_of(RunProblem.TABLE_TAKEN), str(owner))
        self._forecast(tasks)
        with ThreadPoolExecutor(READ_SIDE_BY_SIDE, thread_name_prefix="read") as pool:
            readings = [(task, pool.submit(self._read, task)) for task in tasks]
            try:
                for task, reading in readings:
                    self._write(task, reading)
            except BaseException:
                self._stop.set()
                for _, reading in readings:
                    reading.cancel()
                raise

    def _forecast(self, tasks: list[Task]) -> None:
        """Write down what the run will cost, before it costs anything to speak of."""
        cost = forecast.total(
            forecast.of_object(is_whole=task.plan.is_whole, rows=task.progress.expected, fields=len(task.plan.fields))
            for task in tasks
        )
        left = self._api.bulk_jobs_left() if cost.jobs else None
        values = {"forecast_calls": self._api.calls + cost.calls, "forecast_jobs": cost.jobs, "jobs_left": left}
        states.note_forecast(self._run_id, values)
        usage = self._api.usage
        if usage is not None:
            if usage[0] + cost.calls > usage[1] * self._ceiling / 100:
                states.log(
                    self._run_id, "the forecast is above the ceiling of API calls: the run will pause on its way"
                )
            extraction = states.load(self._run_id).extraction
            warnings.quota_forecast(extraction.id, extraction.description, cost.calls, *usage, self._ceiling)
        if left is not None and left < cost.jobs:
            states.log(self._run_id, f"only {left} bulk jobs are left today")
        db.session.commit()

    def _prepare(self, row_id: int, description: ObjectDescription, destination: Destination) -> Task:
        row = db.session.get_one(RunObject, row_id, populate_existing=True)
        extraction = row.run.extraction
        chosen = next((each for each in extraction.objects if each.name == row.name), None)
        if chosen is None:
            raise SalesforceError(Problem.OBJECT_GONE, "it was taken out of the extraction")
        if row.name in self._tables.taken:
            raise TableTaken(self._tables.taken[row.name])
        now = utcnow()
        self._waits.prepare(row_id, row.step)
        # A run that goes on keeps its plan: pages of two plans must not meet in one table.
        planned_at = datetime.fromisoformat(row.plan["at"]) if row.plan else server_time_of(self._api, now)
        plan = make_plan(description, wish_of(chosen, extraction), planned_at)
        names = {name: dict(columns) for name, columns in chosen.field_columns.items()}
        columns, retyped = columns_for(plan.fields, names, chosen.columns, destination.max_name_length)
        destination.check_width(tuple(columns.values()))
        table = Table(extraction.dataset, self._tables.of[row.name])
        known = tuple(Column(name, ColumnType(kind)) for name, kind in chosen.columns.items())
        progress, folder = Progress(**row.plan.get("progress", {})), self.folder / str(row.id)
        stored = what_is_read(planned_at, plan, columns)
        if stored != {name: row.plan.get(name) for name in stored} or not has_pages(folder, progress):
            # Another query, other columns, or a machine without what was read: begin anew.
            progress = Progress()
            working_files.remove(folder, self.folder)
        if plan.is_whole and progress.expected is None and plan.count_tail == plan.name:
            progress.expected = self._counts.get(plan.name)
        if not chosen.table_name and destination.has_table(table):
            raise DestinationError(Fault.TABLE_IN_THE_WAY, f"{table.dataset}: {table.name}")
        # From here on the table is ours: a run that is killed while it writes must know it again.
        chosen.table_name, chosen.field_columns = table.name, names
        chosen.loaded_org_id = self._org_id[:18]
        row.plan = stored | {"progress": asdict(progress)}
        row.is_whole, row.expected, row.step, row.started_at = plan.is_whole, progress.expected, "reading", now
        row.rows, row.pages = progress.rows, progress.pages
        states.log(
            row.run_id, f"{row.name}: {'everything' if plan.is_whole else f'changes since {plan.since}'}. {plan.soql}"
        )
        db.session.commit()
        work = Work(
            self._api, destination, plan, columns, known, table, folder,
            f"datasync_{extraction.id}", self._pause,
        )  # fmt: skip
        return Task(row_id, row.name, chosen.id, work, progress, plan, planned_at, retyped)

    def _read(self, task: Task) -> Work:
        # A thread of its own begins without the mark of the run.
        bind_contextvars(request_id=f"run-{self._run_id}")
        with self._app.app_context():
            try:
                self._reader(task).read()
                self._keep(task, force=True)
            finally:
                db.session.remove()
        return task.work

    def _reader(self, task: Task) -> Reader:
        if task.reader is None:
            task.reader = task.work.reader(task.progress, lambda: self._keep(task))
        return task.reader

    def _keep(self, task: Task, *, force: bool = False) -> None:
        """Write down how far reading is, before the next page is asked for."""
        self._movement.steps += 1
        with self._lock:
            now = time.monotonic()
            values = {
                "plan": what_is_read(task.began, task.plan, task.work.columns) | {"progress": asdict(task.progress)},
                "rows": task.progress.rows, "pages": task.progress.pages, "job_id": task.progress.job_id,
                "expected": task.progress.expected, "is_read": task.progress.is_read,
            }  # fmt: skip
            states.note_object(task.row_id, values)
            if force or now - self._last_write.get(0, 0) > WRITE_PROGRESS_EVERY:
                self._last_write[0] = now
                states.note_calls(self._run_id, self._api.calls, self._api.usage)

    def _result_of(self, task: Task, reading: Future[Work]) -> Task:
        """Return the task when it is read; where a field went away in the middle, describe and read it once more."""
        try:
            reading.result()
        except SalesforceError as error:
            if error.problem is not Problem.FIELD_GONE:
                raise
            states.log(self._run_id, f"{task.plan.name}: {error.detail}; its fields are looked up again")
            task = self._prepare(task.row_id, self._api.describe(task.plan.name), task.work.destination)
            self._read(task)
        return task

    def _write(self, task: Task, reading: Future[Work]) -> None:
        try:
            task = self._result_of(task, reading)
            self._pause(0)
            self._waits.begin(task.row_id, "writing")
            self._check_owner(task)
            outcome = task.work.write(self._reader(task))
            self._waits.begin(task.row_id, "comparing")
            task.work.compare(outcome, removes="date_deletes" in task.plan.made_by.split("|")[0])
        except SalesforceError as error:
            if not error.problem.is_about_the_request and error.problem is not Problem.NOT_SALESFORCE:
                raise
            self._object_failed(task.row_id, code_of(error.problem), error.detail)
            return
        except DestinationError as error:
            self._object_failed(task.row_id, code_of(error.fault), error.detail)
            return
        except TableTaken:
            self._object_failed(task.row_id, code_of(RunProblem.TABLE_GIVEN_BACK), task.work.table.name)
            return
        self._object_done(task, outcome)

    def _check_owner(self, task: Task) -> None:
        """See that the table is still the extraction's: it may have been moved, or the object taken out, meanwhile."""
        extraction_id = states.load(self._run_id).extraction_id
        if not tables.has(extraction_id, task.name, task.work.table.name):
            raise TableTaken
        db.session.commit()

    def _object_done(self, task: Task, outcome: Outcome) -> None:
        """Move the watermark: everything is written."""
        now = utcnow()
        chosen = db.session.get_one(ExtractionObject, task.object_id, populate_existing=True)
        chosen.table_name = task.work.table.name
        chosen.columns = chosen.columns | {column.name: column.type.value for column in task.work.columns.values()}
        chosen.loaded_at, chosen.made_by = now, task.plan.made_by
        chosen.watermark = new_watermark(task.began) if task.plan.cursor else None
        if task.plan.is_whole:
            chosen.read_whole_at = now
        if task.plan.is_whole or outcome.compared_ids:
            chosen.ids_compared_at = now
        row = db.session.get_one(RunObject, task.row_id, populate_existing=True)
        row.step, row.ended_at, row.rows, row.deleted = "done", now, outcome.rows, outcome.deleted
        row.source_count, row.target_count = outcome.source_count, outcome.target_count
        notes = [reason.value for reason in task.plan.reasons] + outcome.notes
        notes += [f"retyped:{name}" for name in task.retyped]
        notes += [f"formula:{name}" for name in task.plan.formulas if not task.plan.is_whole]
        notes += shortened_notes(task.work.columns, task.plan.name, chosen.table_name)
        row.notes = notes
        states.log(row.run_id, f"{row.name}: {outcome.rows} rows, {outcome.deleted} deleted, "
                 f"{outcome.source_count} in Salesforce, {outcome.target_count} here")  # fmt: skip
        states.touch(row.run_id)
        db.session.commit()
        working_files.remove(task.work.folder, self.folder)

    def _object_failed(self, row_id: int, problem: str, detail: str) -> None:
        row = db.session.get_one(RunObject, row_id, populate_existing=True)
        row.step, row.ended_at, row.problem, row.problem_detail = "failed", utcnow(), problem, detail[:300]
        states.log(row.run_id, f"{row.name}: {problem}: {detail}")
        states.touch(row.run_id)
        db.session.commit()
