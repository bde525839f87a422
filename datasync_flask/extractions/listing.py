"""The list of extractions: the query in its address, and its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar

from flask import abort
from flask_babel import gettext, ngettext
from sqlalchemy import func, select

from datasync_flask import polling
from datasync_flask.connections.list_query import AddressQuery, page_number
from datasync_flask.connections.models import description_key
from datasync_flask.extensions import db
from datasync_flask.extractions import gaps, loader
from datasync_flask.extractions.models import Extraction, Run, RunObject, RunState
from datasync_flask.extractions.run_page import pill_of
from datasync_flask.extractions.texts import run_trouble
from datasync_flask.transactions import read_row

PAGE_SIZE = 50
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """An extraction with its newest run, and the number of rows in its tables at the last count."""

    extraction: Extraction
    run: Run | None
    rows: int | None

    @cached_property
    def differences(self) -> frozenset[str]:
        """The objects that differ from Salesforce after the newest run, or have differed for several runs."""
        if self.run is None or not self.run.is_over:
            return frozenset()
        found = gaps.of_run(self.run, gaps.types_of(self.extraction)) if self.run.state == RunState.DONE else {}
        return frozenset({*found, *self.extraction.lasting_gaps})

    @property
    def group(self) -> str:
        """Its tab besides *All*: problems, running, paused, or none."""
        if (self.run and self.run.state in {RunState.FAILED, RunState.WAITING}) or self.differences:
            return "problems"
        if self.is_moving:
            return "running"
        return "paused" if self.extraction.is_paused else ""

    @property
    def pill(self) -> tuple[str, str]:
        """The tone and the text of its newest run's state."""
        if self.run is None:
            return "idle", gettext("No runs yet")
        return pill_of(self.run, len(self.differences))

    @property
    def is_moving(self) -> bool:
        """True when the row changes by itself."""
        return self.run is not None and not self.run.is_over

    @property
    def progress(self) -> int | None:
        """The progress of the current run in percent; None if unknown."""
        expected = sum(each.expected or 0 for each in self.run.objects) if self.run else 0
        if not self.is_moving or self.run is None or not expected:
            return None
        return min(100 * self.run.rows // expected, 100)

    @property
    def reason(self) -> str:
        """Why the newest run stopped, or what it left as it was, in a few words."""
        if self.run and (found := run_trouble(self.run)) is not None:
            return found.title
        if self.differences and self.run and self.run.state == RunState.CANCELLED:
            return ngettext("%(num)s difference", "%(num)s differences", len(self.differences))
        return ""

    @property
    def version(self) -> str:
        """A version that changes whenever the row looks different."""
        run = self.run
        return _version(self.extraction.row_version, run.id if run else None, run.version if run else None)

    @property
    def tag(self) -> str:
        """The version tag that a poll of the row sends."""
        return polling.tag(self.version)


def _run_at(row: Row) -> datetime:
    return row.run.queued_at if row.run else _LONG_AGO


SORTINGS: dict[str, Callable[[Row], Any]] = {
    "description": lambda row: (row.group != "problems", row.extraction.description_key),
    "run": _run_at,
    "next": lambda row: (row.extraction.next_run_at is None, row.extraction.next_run_at or _LONG_AGO),
    "objects": lambda row: len(row.extraction.objects),
    "rows": lambda row: row.rows or 0,
}
GROUPS = ("problems", "running", "paused")


@dataclass(frozen=True)
class ListQuery(AddressQuery):
    """What the list shows, according to its address; ignores invalid parts of the address."""

    NAMES: ClassVar[dict[str, str]] = {
        "q": "search", "state": "state", "label": "label", "sort": "sort", "page": "number",
    }  # fmt: skip

    @classmethod
    def from_address(cls, args: Mapping[str, str]) -> ListQuery:
        """Read the query from an address's parameters."""
        sort, state = args.get("sort", ""), args.get("state", "")
        return cls(
            search=args.get("q", "")[:200],
            state=state if state in GROUPS else "",
            label=args.get("label", "")[:200],
            sort=sort if sort.removeprefix("-") in SORTINGS else "description",
            number=page_number(args.get("page", "")),
        )

    def shows(self, row: Row) -> bool:
        """True when the row matches the search and the label, whatever its state."""
        extraction = row.extraction
        texts = (
            extraction.description_key,
            extraction.source.description_key,
            extraction.destination.description_key,
            *(each.name.lower() for each in extraction.objects),
        )
        if not any(description_key(self.search) in text for text in texts):
            return False
        return not self.label or description_key(self.label) in {label.key for label in extraction.labels}


@dataclass(frozen=True)
class Page:
    """One page of the list, with the number of extractions in each state."""

    rows: list[Row]
    counts: dict[str, int]
    number: int
    pages: int
    total: int

    def tabs(self, query: ListQuery, address: Callable[..., str]) -> list[tuple[str, int, str, bool]]:
        """Title, count and address of each state's tab, and whether it is the current one."""
        titles = {
            "": gettext("All"),
            "problems": gettext("Problems"),
            "running": gettext("Running"),
            "paused": gettext("Paused"),
        }
        return [
            (title, self.counts[key], address(**query.address(state=key, number=1)), query.state == key)
            for key, title in titles.items()
            if not key or self.counts[key] or query.state == key
        ]


def page_of_extractions(query: ListQuery) -> Page:
    """One page of the list."""
    found = loader.all_with_last_run()
    counted = _target_counts()
    rows = [Row(extraction, run, counted.get(extraction.id)) for extraction, run in found]
    matching = [row for row in rows if query.shows(row)]
    counts = {"": len(matching)} | {key: sum(row.group == key for row in matching) for key in GROUPS}
    shown = [row for row in matching if not query.state or row.group == query.state]
    # First by name: later sorts keep the order of equal rows.
    shown.sort(key=SORTINGS["description"])
    shown.sort(key=SORTINGS[query.sort.removeprefix("-")], reverse=query.sort.startswith("-"))
    pages = max(1, -(-len(shown) // PAGE_SIZE))
    start = (min(max(query.number, 1), pages) - 1) * PAGE_SIZE
    return Page(shown[start : start + PAGE_SIZE], counts, min(max(query.number, 1), pages), pages, len(rows))


def row_of(extraction: Extraction) -> Row:
    """The row of one extraction."""
    counted = loader.rows_in_destination(extraction)
    return Row(extraction, loader.newest_run(extraction.id), sum(counted.values()) if counted else None)


def version_of_row(extraction_id: str) -> str:
    """The version of a row, without reading the row itself; 404 when there is no such extraction."""
    newest = (
        select(Extraction.row_version, Run.id, Run.version)
        .outerjoin(Run, Run.extraction_id == Extraction.id)
        .where(Extraction.id == extraction_id)
        .order_by(Run.queued_at.desc())
        .limit(1)
    )
    found = read_row(newest)
    return _version(*found) if found else abort(404)


def _version(row_version: int, run_id: str | None, run_version: int | None) -> str:
    return f"{row_version}-{run_id or ''}{run_version or ''}"


def _target_counts() -> dict[str, int]:
    """How many rows the tables of each extraction had at the last count."""
    statement = (
        select(Run.extraction_id, func.sum(RunObject.target_count))
        .join(Run, RunObject.run_id == Run.id)
        .where(RunObject.id.in_(loader.counted_last(RunObject.target_count)))
        .group_by(Run.extraction_id)
    )
    return {key: int(rows or 0) for key, rows in db.session.execute(statement)}
