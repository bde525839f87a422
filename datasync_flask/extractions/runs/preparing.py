"""An object before it is read: what to read, into which table and columns, and where an earlier attempt stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from datasync_flask.clock import utcnow
from datasync_flask.destinations.base import (
    ORG_ID_COLUMN,
    Column,
    ColumnType,
    Destination,
    DestinationError,
    Fault,
    Table,
)
from datasync_flask.extensions import db
from datasync_flask.extractions import hashing_key, tables, visibility
from datasync_flask.extractions.models import Extraction, ExtractionObject, RunObject
from datasync_flask.extractions.runs import object_states, org_columns, states, working_files
from datasync_flask.extractions.runs.calls_left import CallsLeft
from datasync_flask.extractions.runs.column_types import GivenNames, columns_for, respelled, type_of
from datasync_flask.extractions.runs.formula_rhythm import FormulaRhythm
from datasync_flask.extractions.runs.hashing import Hashing
from datasync_flask.extractions.runs.object_run import ObjectRun
from datasync_flask.extractions.runs.plan import Choice, Plan, make_plan
from datasync_flask.extractions.tables import Spot, Tables, TableTaken
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.descriptions import ObjectDescription
from datasync_flask.salesforce.errors import Problem, SalesforceError

# What a proxy says of the time may be anything; this far ahead of our own clock it isn't believed.
FURTHEST_AHEAD = timedelta(days=1)


@dataclass
class RunContext:
    """What all objects of a run share."""

    api: SalesforceApi
    destination: Destination
    # The place and key of a table, from its dataset and name.
    spot_of: Callable[[str, str], Spot]
    tables: Tables
    # Where the run's working files are.
    folder: Path
    org_id: str
    org_name: str
    calls_left: CallsLeft
    # Approximate row counts, only for the forecast and the choice between REST and Bulk.
    counts: dict[str, int] = field(default_factory=dict)


def choice_of(chosen: ExtractionObject, extraction: Extraction) -> Choice:
    """The choices for an object, in the plan's terms. Raises SecretUnreadable."""
    return Choice(
        name=chosen.name,
        tracking_type=chosen.effective_tracking_type.value,
        cursor_field=chosen.cursor_field,
        fields=tuple(chosen.fields) if chosen.fields else None,
        filter=chosen.filter,
        keeps_history=chosen.keeps_history,
        marks_deleted=chosen.marks_deleted,
        hashed=tuple(chosen.hashed),
        left_out=tuple(chosen.left_out),
        key=hashing_key.mark() if chosen.hashed else "",
        watermark=chosen.watermark,
        loaded_at=chosen.loaded_at,
        read_whole_at=chosen.read_whole_at,
        ids_compared_at=chosen.ids_compared_at,
        loaded_as=chosen.loaded_as,
        overlap=timedelta(minutes=extraction.overlap_minutes),
        compare_ids_every=timedelta(days=extraction.compare_ids_days) or None,
        reread_every=timedelta(days=extraction.reread_days) or None,
        formulas_fresh_at=chosen.formulas_fresh_at,
        formula_rhythm=FormulaRhythm(extraction.formula_rhythm),
    )


def chosen_for(row: RunObject) -> ExtractionObject | None:
    """The stored object; None when it was removed from the extraction."""
    return row.run.extraction.object(row.name)


def may_be_whole(row: RunObject) -> bool:
    """True unless the run certainly reads only changes."""
    chosen = chosen_for(row)
    return chosen is not None and (chosen.effective_tracking_type.value == "none" or chosen.watermark is None)


def _kept_columns(chosen: ExtractionObject, given: GivenNames, plan: Plan) -> tuple[Column, ...]:
    """The columns of fields that were loaded before but are no longer read: hidden, deleted or not chosen."""
    read = {field.name for field in plan.fields}
    return tuple(
        Column(name, ColumnType(kind))
        for columns in (columns for field, columns in given.items() if field not in read)
        for kind, name in columns.items()
        if chosen.columns.get(name) == kind
    )


def _hashing(plan: Plan) -> Hashing:
    """How fields are hashed; commits if the key has to be created. Raises SecretUnreadable."""
    if not plan.hashed:
        return Hashing()
    kinds = {field.name: type_of(field) for field in plan.fields if field.name in plan.hashed}
    return Hashing(kinds, hashing_key.hashing_key())


def _table_of(chosen: ExtractionObject, context: RunContext) -> Table:
    """An object's table; if orgs are combined, its org's part of it."""
    extraction = chosen.extraction
    # Use the spelling in the existing rows.
    org_id = (chosen.loaded_org_id or context.org_id[:18]) if extraction.combines_orgs else ""
    return Table(extraction.dataset, context.tables.of[chosen.name], org_id)


def _check_table(chosen: ExtractionObject, destination: Destination, table: Table) -> None:
    """Check that a table is free or the object's own, before the first load. Raises DestinationError.

    If the destination leads to another place now, the object's own table may have moved there, with all its columns. If
    it hasn't, its columns are forgotten.
    """
    if not destination.has_table(table):
        chosen.columns = {}
    elif table.org_id:
        if ORG_ID_COLUMN not in destination.column_names(table):
            raise DestinationError(
                Fault.TABLE_IN_THE_WAY, f"{table.dataset}: {table.name} has no column {ORG_ID_COLUMN}"
            )
    elif not chosen.table_name or chosen.columns.keys() - destination.column_names(table):
        raise DestinationError(Fault.TABLE_IN_THE_WAY, f"{table.dataset}: {table.name}")


def _differing(columns: Mapping[str, Column], elsewhere: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str]]:
    """The fields that have another type in other orgs, with their columns in this one."""
    return [
        (name, column.name)
        for name, column in columns.items()
        if elsewhere.get(name.lower(), {}).keys() - {column.type.value}
    ]


def _has_new_formula(chosen: ExtractionObject, plan: Plan, columns: Mapping[str, Column]) -> bool:
    """True when a formula has no values yet in rows that were loaded before: it is new, or has a new type."""
    return any(name not in chosen.formula_fields or columns[name].name not in chosen.columns for name in plan.formulas)


def _begins_at(api: SalesforceApi, now: datetime) -> datetime:
    """When reading begins, by Salesforce's clock as far as it can be: a watermark in the future would have later runs
    pass over what changes until then.
    """
    told = api.server_time
    return told if told is not None and told - now < FURTHEST_AHEAD else now


def prepare(row_id: int, description: ObjectDescription, context: RunContext) -> ObjectRun:
    """An object ready to be read; from now on its table belongs to the extraction. Commits.

    Raises SalesforceError, DestinationError, TableTaken.
    """
    row = db.session.get_one(RunObject, row_id, populate_existing=True)
    extraction, chosen = row.run.extraction, chosen_for(row)
    if chosen is None:
        raise SalesforceError(Problem.OBJECT_GONE, "it was removed from the extraction")
    if row.name in context.tables.taken:
        raise TableTaken(context.tables.taken[row.name])
    table = _table_of(chosen, context)
    if chosen.loaded_at is None:
        _check_table(chosen, context.destination, table)
    now, stored = utcnow(), object_states.stored_progress(row)
    # A continued run keeps its plan: pages of two plans mustn't get into one table.
    planned_at = datetime.fromisoformat(stored.reads["at"]) if stored.reads else _begins_at(context.api, now)
    plan = make_plan(description, choice_of(chosen, extraction), planned_at)
    hashing = _hashing(plan)
    names = respelled(chosen.field_columns, description.fields)
    kept = _kept_columns(chosen, names, plan)
    emptied = tuple(column for name in plan.emptied for column in names.get(name, {}).values())
    elsewhere = tables.columns_elsewhere(extraction, row.name) if extraction.combines_orgs else {}
    limit = context.destination.max_name_length
    columns, retyped = columns_for(plan.fields, names, chosen.columns, limit, plan.hashed, elsewhere)
    context.destination.check_width((*columns.values(), *(org_columns.COLUMNS if extraction.combines_orgs else ())))
    org_name = context.org_name or chosen.loaded_org_name
    if _has_new_formula(chosen, plan, columns):
        chosen.formulas_fresh_at = None
        is_due = FormulaRhythm(extraction.formula_rhythm).is_due(None, planned_at)
        plan = replace(plan, refreshes_formulas=is_due and not plan.is_whole)
    each = ObjectRun(
        row_id=row_id,
        object_id=chosen.id,
        name=row.name,
        plan=plan,
        table=table,
        spot=context.spot_of(table.dataset, table.name),
        org_name=org_name,
        is_renamed=bool(table.org_id) and chosen.loaded_org_name not in {"", org_name},
        columns=columns,
        known_columns=tuple(Column(name, ColumnType(kind)) for name, kind in chosen.columns.items()),
        retyped=retyped,
        differing=_differing(columns, elsewhere),
        unseen=visibility.missing_fields(chosen, description),
        kept_columns=kept,
        emptied_columns=emptied,
        hashing=hashing,
        folder=context.folder / str(row_id),
        planned_at=planned_at,
        load_name=f"datasync_{extraction.id}",
        settings=object_states.settings_of(chosen),
        calls_left=context.calls_left,
    )
    if not each.begin_or_go_on(stored):
        working_files.remove(each.folder, context.folder)
    if plan.is_whole and each.progress.expected is None and not plan.loaded_as.filter:
        each.progress.expected = context.counts.get(plan.name)
    # Store this before writing: a run that is killed while it writes must recognise the table.
    chosen.table_name, chosen.field_columns = each.table.name, names
    chosen.loaded_org_id = each.table.org_id or context.org_id[:18]
    row.is_whole, row.step, row.started_at = plan.is_whole, "reading", now
    states.log(
        row.run_id, f"{row.name}: {'everything' if plan.is_whole else f'changes since {plan.since}'}. {plan.soql}"
    )
    db.session.commit()
    object_states.checkpoint(each)
    return each
