"""Every transition of an object in a run, and its progress, stored so that a stopped run can continue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from sqlalchemy import select

from datasync_flask.clock import utcnow
from datasync_flask.destinations.base import DestinationError, Fault
from datasync_flask.extensions import db
from datasync_flask.extractions import gaps, tables
from datasync_flask.extractions.models import ExtractionObject, Run, RunObject
from datasync_flask.extractions.runs import states
from datasync_flask.extractions.runs.column_types import shortened_notes
from datasync_flask.extractions.runs.formula_rhythm import FormulaRhythm
from datasync_flask.extractions.runs.notes import NoteKind, names_note, note
from datasync_flask.extractions.runs.object_run import ObjectRun
from datasync_flask.extractions.runs.plan import new_watermark
from datasync_flask.extractions.runs.progress import Progress
from datasync_flask.extractions.tables import Spot
from datasync_flask.problems.registry import code_of
from datasync_flask.problems.run import RunProblem
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.transactions import in_transaction

ORG_REMOVED = "The rows of this org were removed from the table."
# Progress that queries and pages need has separate columns; the rest is in the column `progress`.
_SHOWN = ("job_id", "pages", "rows", "is_read", "expected")


class TableGivenBack(Exception):
    """The table no longer belongs to the extraction: somebody moved it or removed the object."""


@contextmanager
def failing_alone(row_id: int) -> Iterator[None]:
    """Let an error of one object fail only this object."""
    try:
        yield
    except SalesforceError as error:
        if not error.is_about_the_request and error.problem is not Problem.NOT_SALESFORCE:
            raise
        object_failed(row_id, error.problem, error.detail)
    except DestinationError as error:
        object_failed(row_id, error.fault, error.detail)
    except tables.TableTaken as owner:
        object_failed(row_id, RunProblem.TABLE_TAKEN, str(owner))
    except TableGivenBack as error:
        object_failed(row_id, RunProblem.TABLE_GIVEN_BACK, str(error))


def stored_progress(row: RunObject) -> Progress:
    """The stored progress of reading an object."""
    return Progress.of(row.progress | {name: getattr(row, name) for name in _SHOWN})


def checkpoint(each: ObjectRun) -> None:
    """Store the progress of reading an object; commits."""
    values = asdict(each.progress)
    states.note_object(each.row_id, **{name: values.pop(name) for name in _SHOWN}, progress=values)


def check_owner(object_id: int, name: str, spot: Spot) -> ExtractionObject:
    """The stored object, locked until the caller commits.

    Raises TableGivenBack if the table no longer belongs to it, or if the object was removed and added again.
    """
    chosen = db.session.get(ExtractionObject, object_id, populate_existing=True, with_for_update=True)
    if chosen is None or not tables.has(chosen.extraction_id, name, spot):
        raise TableGivenBack(name)
    return chosen


def settings_of(chosen: ExtractionObject) -> tuple[object, ...]:
    """What differs when somebody asked, during a run, to load everything once."""
    return chosen.watermark is None, chosen.extraction.source_id, chosen.fields, chosen.hashed, chosen.left_out


def object_done(each: ObjectRun) -> None:
    """End an object whose rows are all written. Only this function moves its watermark. Commits.

    Raises TableGivenBack: rows in the old table say nothing about the object's new one.
    """
    in_transaction(lambda: _object_done(each))


def _object_done(each: ObjectRun) -> None:
    now, plan, outcome = utcnow(), each.plan, each.outcome
    chosen = check_owner(each.object_id, each.name, each.spot)
    chosen.columns = chosen.columns | {column.name: column.type.value for column in each.columns.values()}
    chosen.table_name, chosen.loaded_at, chosen.loaded_as = each.table.name, now, plan.loaded_as
    # Somebody may have asked during the run to load everything once: then the next run does so.
    if chosen.watermark is not None or settings_of(chosen) == each.settings:
        chosen.watermark = new_watermark(each.planned_at) if plan.cursor else None
    chosen.loaded_org_name = each.org_name
    if plan.is_whole:
        chosen.read_whole_at = now
    chosen.formula_fields = list(plan.formulas)
    if plan.is_whole or outcome.refreshed_formulas:
        chosen.formulas_fresh_at = each.planned_at
    if plan.is_whole or outcome.compared_ids:
        chosen.ids_compared_at = now
    row = db.session.get_one(RunObject, each.row_id, populate_existing=True)
    row.step, row.ended_at, row.rows, row.deleted = "done", now, outcome.rows, outcome.deleted
    row.source_count, row.target_count = outcome.source_count, outcome.target_count
    chosen.lasting_gap = gaps.lasting(chosen, _compared_last(chosen))
    notes = [reason.value for reason in plan.reasons] + outcome.notes
    notes += [note(NoteKind.RETYPED, name) for name in each.retyped]
    notes += [note(NoteKind.DIFFERING, *pair) for pair in each.differing]
    notes += [names_note(NoteKind.UNSEEN, each.unseen)] if each.unseen else []
    if chosen.extraction.formula_rhythm == FormulaRhythm.NEVER and not plan.is_whole:
        notes += [note(NoteKind.FORMULA, name) for name in plan.formulas]
    row.notes = notes + shortened_notes(each.columns, plan.name, each.table.name)
    states.log(row.run_id, f"{row.name}: {outcome.rows} rows, {outcome.deleted} deleted, "
        f"{outcome.source_count} in Salesforce, {outcome.target_count} here")  # fmt: skip
    states.touch(row.run_id)


def _compared_last(chosen: ExtractionObject) -> Sequence[RunObject]:
    """The object's rows in the newest runs that compared it, as many as tell whether a difference lasts."""
    of_object = (Run.extraction_id == chosen.extraction_id, RunObject.name == chosen.name, gaps.IS_COMPARED)
    newest = select(RunObject).join(Run).where(*of_object).order_by(Run.queued_at.desc())
    return db.session.scalars(newest.limit(gaps.RUNS_THAT_SAY_IT_STAYS)).all()


def table_dropped(each: ObjectRun) -> None:
    """Have an object loaded as if for the first time: its table is gone. Commits."""
    chosen = db.session.get_one(ExtractionObject, each.object_id, populate_existing=True)
    chosen.forget_rows()
    chosen.columns = {}
    states.log(db.session.get_one(RunObject, each.row_id).run_id, f"{each.name}: its table is gone")
    db.session.commit()


def org_removed(row_id: int, removed: int) -> None:
    """End an object whose org's rows were removed; the next run loads it as if for the first time. Commits."""
    row = db.session.get_one(RunObject, row_id, populate_existing=True)
    of_row = select(ExtractionObject).filter_by(extraction_id=row.run.extraction_id, name=row.name)
    if (chosen := db.session.scalar(of_row.execution_options(populate_existing=True))) is not None:
        chosen.table_name = chosen.loaded_org_id = chosen.loaded_org_name = ""
        chosen.forget_rows()
    row.step, row.ended_at, row.deleted, row.target_count, row.notes = "done", utcnow(), removed, 0, [ORG_REMOVED]
    states.log(row.run_id, f"{row.name}: {removed} rows removed")
    states.touch(row.run_id)
    db.session.commit()


def object_failed(row_id: int, problem: Problem | Fault | RunProblem, detail: str) -> None:
    """End an object that can't be loaded; the others continue. Commits."""
    row, code = db.session.get_one(RunObject, row_id, populate_existing=True), code_of(problem)
    row.step, row.ended_at, row.problem, row.problem_detail = "failed", utcnow(), code, detail[:300]
    states.log(row.run_id, f"{row.name}: {code}: {detail}")
    states.touch(row.run_id)
    db.session.commit()
