"""One object on its way through a run. It knows neither Flask nor the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from datasync_flask.destinations.base import Column, Table
from datasync_flask.extractions.runs.calls_left import CallsLeft
from datasync_flask.extractions.runs.hashing import Hashing
from datasync_flask.extractions.runs.plan import Plan
from datasync_flask.extractions.runs.progress import Progress
from datasync_flask.extractions.runs.reading import Reader
from datasync_flask.salesforce.api import SalesforceApi


@dataclass
class Outcome:
    """The outcome of an object."""

    rows: int = 0
    deleted: int = 0
    source_count: int | None = None
    target_count: int | None = None
    compared_ids: bool = False
    refreshed_formulas: bool = False
    notes: list[str] = field(default_factory=list)


@dataclass
class ObjectRun:
    """One object in a run: its plan, its table, its progress and its outcome."""

    row_id: int
    object_id: int
    # The name as chosen; the plan has Salesforce's spelling.
    name: str
    plan: Plan
    table: Table
    # The table's place and key there, which tell it from all other tables.
    spot: tuple[str, str]
    # The org's name for the rows of a table of several orgs, and whether they still have another one.
    org_name: str
    is_renamed: bool
    columns: dict[str, Column]
    # Columns that the table already has.
    known_columns: tuple[Column, ...]
    retyped: list[str]
    # Fields that have another type in other orgs of the same table, with their columns.
    differing: list[tuple[str, str]]
    # Fields that were chosen or loaded before, and that the user can no longer see.
    unseen: tuple[str, ...]
    # Columns of fields that aren't read; their values stay.
    kept_columns: tuple[Column, ...]
    # Columns with values of fields that are now hashed or left out.
    emptied_columns: tuple[str, ...]
    hashing: Hashing
    folder: Path
    planned_at: datetime
    # The destination's id for the load.
    load_name: str
    # The settings as they were found, to notice what somebody asks for during the run.
    settings: tuple[object, ...]
    calls_left: CallsLeft
    # Several bulk jobs may read it side by side.
    may_slice: bool = True
    progress: Progress = field(default_factory=Progress)
    outcome: Outcome = field(default_factory=Outcome)

    def reader(self, api: SalesforceApi) -> Reader:
        """The reader of the object."""
        may_slice = self.may_slice and self.plan.is_whole
        return Reader(
            api, self.plan, self.columns, self.folder / "pages", self.progress, self.calls_left, may_slice, self.hashing
        )

    def begin_or_go_on(self, stored: Progress) -> bool:
        """Continue reading; False if it has to begin again: another query, other columns, missing pages."""
        columns = {name: [column.name, column.type.value] for name, column in self.columns.items()}
        reads: dict[str, Any] = {"at": self.planned_at.isoformat(), "soql": self.plan.soql, "columns": columns}
        # These decide which rows and columns are in the pages.
        reads |= {"deleted": True} if self.plan.with_deleted else {}
        reads |= {"versions": True} if self.plan.keeps_history else {}
        # Don't continue with pages that have plain values, or other hashes.
        if self.plan.hashed:
            key, types = self.plan.loaded_as.key, self.plan.loaded_as.types
            reads |= {"hashed": sorted(self.plan.hashed), "key": key, "types": types}
        goes_on = stored.reads == reads and len(list((self.folder / "pages").rglob("*.parquet"))) >= stored.pages
        self.progress = stored if goes_on else Progress(reads)
        return goes_on
