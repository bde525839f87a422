"""Tables for extractions, their objects, runs and the log of a run."""

from __future__ import annotations

import enum
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Dialect, ForeignKey, Index, String, Table, Text, TypeDecorator, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from datasync_flask.clock import UtcDateTime, utcnow
from datasync_flask.connections.models import Label, new_public_id
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.extensions import Model
from datasync_flask.extractions.runs.formula_rhythm import FormulaRhythm
from datasync_flask.extractions.runs.plan import LoadedAs
from datasync_flask.salesforce_connections.models import SalesforceConnection, TrackingType


class RunState(enum.StrEnum):
    """The state of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    WAITING = "waiting"
    CANCELLED = "cancelled"
    FAILED = "failed"
    DONE = "done"

    @property
    def is_over(self) -> bool:
        """True when nothing more happens."""
        return self in {RunState.CANCELLED, RunState.FAILED, RunState.DONE}


OPEN_STATES = tuple(state for state in RunState if not state.is_over)


extraction_labels = Table(
    "extraction_labels",
    Model.metadata,
    Column("extraction_id", ForeignKey("extractions.id", ondelete="CASCADE"), primary_key=True),
    Column("label_id", ForeignKey("labels.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class Extraction(Model):
    """Chosen objects of one source, going to one destination."""

    __tablename__ = "extractions"

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_public_id)
    description: Mapped[str] = mapped_column(String(120))
    description_key: Mapped[str] = mapped_column(String(400), unique=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("salesforce_connections.id", ondelete="CASCADE"), index=True)
    destination_id: Mapped[str] = mapped_column(
        ForeignKey("destination_connections.id", ondelete="CASCADE"), index=True
    )
    dataset: Mapped[str] = mapped_column(String(60))
    # Its tables are shared with other such extractions, each with its own org.
    combines_orgs: Mapped[bool] = mapped_column(default=False, server_default=false())
    schedule: Mapped[str] = mapped_column(String(120), default="")
    timezone: Mapped[str] = mapped_column(String(64), default="UTC")
    # While it is paused, the schedule starts no runs.
    is_paused: Mapped[bool] = mapped_column(default=False)
    # When the schedule starts the next run; a conditional update claims it.
    next_run_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None, index=True)
    # The share of the org's daily API calls, used by all programs together, at which a run pauses (percent).
    quota_ceiling: Mapped[int] = mapped_column(default=80)
    # The overlap: how many minutes before the watermark a run reads again, because of late commits.
    overlap_minutes: Mapped[int] = mapped_column("look_back_minutes", default=10)
    # After how many days Ids are compared to find hard deletes; 0: only when the counts differ.
    compare_ids_days: Mapped[int] = mapped_column(default=7)
    # How often formula fields are refreshed separately.
    formula_rhythm: Mapped[FormulaRhythm] = mapped_column(
        String(16), default=FormulaRhythm.DAILY, server_default=FormulaRhythm.DAILY
    )
    # After how many days an object is reloaded; 0: never.
    reread_days: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    row_version: Mapped[int] = mapped_column(default=1)

    source: Mapped[SalesforceConnection] = relationship()
    destination: Mapped[DestinationConnection] = relationship()
    labels: Mapped[list[Label]] = relationship(secondary=extraction_labels, order_by=Label.key)
    objects: Mapped[list[ExtractionObject]] = relationship(
        back_populates="extraction", cascade="all, delete-orphan", order_by="ExtractionObject.name"
    )

    __mapper_args__ = {"version_id_col": row_version}

    def object(self, name: str) -> ExtractionObject | None:
        """The chosen object with this name."""
        return next((chosen for chosen in self.objects if chosen.name == name), None)

    def ceiling_in_calls(self, most: int) -> int:
        """After how many of the org's daily API calls a run pauses."""
        return most * self.quota_ceiling // 100

    @property
    def lasting_gaps(self) -> dict[str, int]:
        """The objects whose difference from Salesforce lasts: how many rows are missing, or too many (below 0)."""
        return {chosen.name: chosen.lasting_gap for chosen in self.objects if chosen.lasting_gap}


class LoadedAsJson(TypeDecorator[LoadedAs]):
    """How a table is loaded, as JSON."""

    impl, cache_ok = JSON(none_as_null=True), True

    def process_bind_param(self, value: LoadedAs | dict[str, Any] | None, dialect: Dialect) -> dict[str, Any] | None:
        """Store it; the value may already be JSON when a backup is restored."""
        return asdict(value) if isinstance(value, LoadedAs) else value

    def process_result_value(self, value: dict[str, Any] | None, dialect: Dialect) -> LoadedAs | None:
        """Load."""
        return None if value is None else LoadedAs(**value)


class ExtractionObject(Model):
    """One object of an extraction, and up to when it has been read."""

    __tablename__ = "extraction_objects"

    id: Mapped[int] = mapped_column(primary_key=True)
    extraction_id: Mapped[str] = mapped_column(ForeignKey("extractions.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    # '' means the connection's.
    tracking_type: Mapped[str] = mapped_column(String(16), default="")
    cursor_field: Mapped[str] = mapped_column(String(80), default="")
    # None: all fields that can be loaded.
    fields: Mapped[list[str] | None] = mapped_column(JSON, default=None)
    # Fields of which only a hash is loaded, and fields that are left out, with their columns emptied.
    hashed: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    left_out: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    filter: Mapped[str] = mapped_column(Text, default="")
    keeps_history: Mapped[bool] = mapped_column(default=False)
    marks_deleted: Mapped[bool] = mapped_column(default=False)

    # Results of the last good run, changed only when everything is written.
    table_name: Mapped[str] = mapped_column(String(80), default="")
    columns: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    # By API name: a field's columns with their types, the oldest first. No column belongs to two fields.
    field_columns: Mapped[dict[str, dict[str, str]]] = mapped_column(JSON, default=dict, server_default="{}")
    watermark: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    loaded_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    read_whole_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    ids_compared_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    # Fields that change without the date, according to the last run, and the time as of which they are fresh.
    formula_fields: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    formulas_fresh_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    # If tracking type, filter or history differ, the next run loads everything. None: never loaded.
    loaded_as: Mapped[LoadedAs | None] = mapped_column(LoadedAsJson, default=None)
    # The org whose rows are in the table; rows of another org are never added.
    loaded_org_id: Mapped[str] = mapped_column(String(18), default="")
    # The org's name in the rows, for tables of several orgs.
    loaded_org_name: Mapped[str] = mapped_column(String(255), default="", server_default="")
    # How many rows were missing (or, below 0, too many) after the last run, if normal runs don't fix it.
    lasting_gap: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")

    extraction: Mapped[Extraction] = relationship(back_populates="objects")

    def forget_rows(self) -> None:
        """Have the next run load everything as if for the first time."""
        self.watermark = self.loaded_at = self.read_whole_at = self.ids_compared_at = self.loaded_as = None
        self.lasting_gap = 0

    @property
    def is_dateless(self) -> bool:
        """True when the last run found no date to detect changes by, and nobody has chosen one since."""
        return self.loaded_as is not None and not self.loaded_as.cursor and not self.cursor_field

    @property
    def effective_tracking_type(self) -> TrackingType:
        """The object's own tracking type, or the connection's."""
        return TrackingType(self.tracking_type or self.extraction.source.tracking_type)


class HashingKey(Model):
    """The key of all hashes, created when first needed. There is one row, so hashes of all tables can be joined."""

    __tablename__ = "hashing_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    key_sealed: Mapped[str] = mapped_column(Text)


class DestinationTable(Model):
    """A table or staging table, and the extraction that owns it, or owns its org's part of it."""

    __tablename__ = "destination_tables"

    place: Mapped[str] = mapped_column(String(600), primary_key=True)
    # The table's name in the form the destination compares, including schema or prefix.
    table_key: Mapped[str] = mapped_column(String(250), primary_key=True)
    # The first 15 characters of the org's id if orgs are combined; '' for a table that isn't shared.
    org_id: Mapped[str] = mapped_column(String(15), primary_key=True, default="", server_default="")
    extraction_id: Mapped[str] = mapped_column(ForeignKey("extractions.id", ondelete="CASCADE"), index=True)
    object_name: Mapped[str] = mapped_column(String(80))
    table_name: Mapped[str] = mapped_column(String(80))


class TableWriter(Model):
    """The run that is writing to a table; others wait for their turn."""

    __tablename__ = "table_writers"

    place: Mapped[str] = mapped_column(String(600), primary_key=True)
    table_key: Mapped[str] = mapped_column(String(250), primary_key=True)
    # No foreign key: a run that was deleted with its extraction writes until it notices.
    run_id: Mapped[str] = mapped_column(String(16), index=True)


class Run(Model):
    """One execution of an extraction."""

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_public_id)
    extraction_id: Mapped[str] = mapped_column(ForeignKey("extractions.id", ondelete="CASCADE"))
    state: Mapped[RunState] = mapped_column(String(16), default=RunState.QUEUED, index=True)
    started_by: Mapped[str] = mapped_column(String(254), default="")
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    # The last heartbeat: without one for 20 s a run counts as dead.
    heartbeat_at: Mapped[datetime | None] = mapped_column("alive_at", UtcDateTime, default=None)
    lease_id: Mapped[str] = mapped_column("holder", String(32), default="")
    # When a paused or waiting run continues.
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None, index=True)
    tries: Mapped[int] = mapped_column(default=0)
    # How often it was ended for lack of progress.
    stalls: Mapped[int] = mapped_column(default=0, server_default="0")
    cancel_asked: Mapped[bool] = mapped_column(default=False)
    # The run loads nothing, but removes its org's rows from tables of several orgs.
    removes_rows: Mapped[bool] = mapped_column(default=False, server_default=false())
    api_calls: Mapped[int] = mapped_column(default=0)
    calls_used: Mapped[int | None] = mapped_column(default=None)
    calls_max: Mapped[int | None] = mapped_column(default=None)
    # Its forecast cost when its objects were planned, and how many bulk jobs the org had left that day.
    forecast_calls: Mapped[int | None] = mapped_column(default=None)
    forecast_jobs: Mapped[int | None] = mapped_column(default=None)
    jobs_left: Mapped[int | None] = mapped_column(default=None)
    problem: Mapped[str] = mapped_column(String(40), default="")
    problem_detail: Mapped[str] = mapped_column(String(300), default="")
    version: Mapped[int] = mapped_column(default=1)

    extraction: Mapped[Extraction] = relationship()
    objects: Mapped[list[RunObject]] = relationship(
        back_populates="run", cascade="all, delete-orphan", order_by="RunObject.name"
    )

    __table_args__ = (Index("ix_runs_extraction_id_queued_at", "extraction_id", "queued_at"),)

    @property
    def is_over(self) -> bool:
        """True when nothing more happens."""
        return RunState(self.state).is_over

    @property
    def rows(self) -> int:
        """How many rows it has read."""
        return sum(each.rows for each in self.objects)


class RunObject(Model):
    """One object in one run: its step and its progress."""

    __tablename__ = "run_objects"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    step: Mapped[str] = mapped_column(String(16), default="waiting")
    is_whole: Mapped[bool] = mapped_column(default=False)
    expected: Mapped[int | None] = mapped_column(BigInteger, default=None)
    rows: Mapped[int] = mapped_column(BigInteger, default=0)
    pages: Mapped[int] = mapped_column(default=0)
    deleted: Mapped[int] = mapped_column(BigInteger, default=0)
    source_count: Mapped[int | None] = mapped_column(BigInteger, default=None)
    target_count: Mapped[int | None] = mapped_column(BigInteger, default=None)
    # Where reading continues after a stop, as far as it isn't in other columns.
    progress: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    job_id: Mapped[str] = mapped_column(String(40), default="")
    is_read: Mapped[bool] = mapped_column(default=False)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    problem: Mapped[str] = mapped_column(String(40), default="")
    problem_detail: Mapped[str] = mapped_column(String(300), default="")
    notes: Mapped[list[str]] = mapped_column(JSON, default=list)

    run: Mapped[Run] = relationship(back_populates="objects")

    @property
    def is_over(self) -> bool:
        """True when nothing more happens."""
        return self.step in {"done", "failed"}


class RunLogLine(Model):
    """One line of a run's log."""

    __tablename__ = "run_log_lines"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    text: Mapped[str] = mapped_column(String(500))


class ObjectCatalog(Model):
    """The objects of an org, as last read."""

    __tablename__ = "object_catalogs"

    connection_id: Mapped[str] = mapped_column(
        ForeignKey("salesforce_connections.id", ondelete="CASCADE"), primary_key=True
    )
    read_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    # [[name, label, is custom, is associate, can be queried], …]
    entries: Mapped[list[Any]] = mapped_column(JSON, default=list)
    # Approximate row counts by object, and when Salesforce reported them; None where it doesn't.
    counts: Mapped[dict[str, int] | None] = mapped_column(JSON(none_as_null=True), default=None)
    counted_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    # Whether each object has a date to detect changes by, as far as they have been described.
    dated: Mapped[dict[str, bool]] = mapped_column(JSON, default=dict, server_default="{}")
