"""One object on its way through a run, and what is remembered of it so that a stopped run can go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from datasync_flask.destinations.base import Column
from datasync_flask.extractions.runs.loading import Work
from datasync_flask.extractions.runs.plan import Plan
from datasync_flask.extractions.runs.reading import Progress, Reader


@dataclass
class Task:
    """One object on its way."""

    row_id: int
    name: str
    object_id: int
    work: Work
    progress: Progress
    plan: Plan
    began: datetime
    retyped: list[str]
    reader: Reader | None = None


def what_is_read(began: datetime, plan: Plan, columns: Mapping[str, Column]) -> dict[str, Any]:
    """Return what pages belong to: those of two queries, or with other columns, must not meet in one table."""
    told = {name: [column.name, column.type.value] for name, column in columns.items()}
    return {"at": began.isoformat(), "soql": plan.soql, "columns": told}


def has_pages(folder: Path, progress: Progress) -> bool:
    """True when all pages are in an object's folder that were read."""
    return len(list((folder / "pages").glob("*.parquet"))) >= progress.pages
