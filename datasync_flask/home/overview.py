"""What Home shows, read in a constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from flask import url_for
from flask_babel import gettext, ngettext
from sqlalchemy import exists, func, select
from sqlalchemy.orm import selectinload

from datasync_flask.clock import utcnow
from datasync_flask.connections.history import state_label
from datasync_flask.connections.kinds import kind_of
from datasync_flask.connections.listing import Summary, summarize
from datasync_flask.connections.models import Connection, State
from datasync_flask.extensions import db
from datasync_flask.extractions import gaps, loader
from datasync_flask.extractions.models import OPEN_STATES, Extraction, ExtractionObject, Run, RunObject, RunState
from datasync_flask.extractions.setup import drafts
from datasync_flask.extractions.setup.models import ExtractionDraft
from datasync_flask.extractions.texts import run_state
from datasync_flask.problems.registry import trouble
from datasync_flask.problems.trouble import During
from datasync_flask.salesforce_connections.models import SalesforceConnection

RUNS_SHOWN = 10
EXTRACTIONS_SHOWN = 20
DRAFTS_SHOWN = 3
ORGS_SHOWN = 6
SPARK_HEIGHT = 20


@dataclass(frozen=True)
class Attention:
    """Something that a person has to do: what happened, and the button that leads to the fix."""

    tone: str
    state: str
    name: str
    text: str
    address: str
    button: str
    is_main: bool
    # The object that a person who may edit reloads here instead, and where the button posts to.
    reloads: str = ""
    posts_to: str = ""


@dataclass(frozen=True)
class SparkBar:
    """One run in a row of small bars; `tone` is its CSS class."""

    x: int
    height: int
    tone: str


@dataclass(frozen=True)
class Freshness:
    """An extraction, how fresh its data is, and its last runs."""

    extraction: Extraction
    last_run: Run | None
    up_to_date_as_of: datetime | None
    spark: tuple[SparkBar, ...]
    spark_label: str
    rows_lately: int


@dataclass(frozen=True)
class ApiUse:
    """How much of an org's daily API calls is used, and the share at which runs pause."""

    connection: SalesforceConnection
    used: int
    most: int
    ceiling: int

    @property
    def percent(self) -> float:
        """How much is used, at most 100."""
        return round(min(100 * self.used / max(self.most, 1), 100), 1)


@dataclass(frozen=True)
class Overview:
    """Everything on Home."""

    attention: list[Attention]
    summary: Summary
    extractions: list[Freshness]
    extraction_count: int
    drafts: Sequence[ExtractionDraft]
    api_use: list[ApiUse]

    @property
    def is_empty(self) -> bool:
        """True on a fresh server without connections."""
        return not self.summary.counts and not self.extraction_count

    @property
    def is_moving(self) -> bool:
        """True when the page changes by itself."""
        runs = (each.last_run for each in self.extractions if each.last_run)
        return self.summary.is_moving or any(not run.is_over for run in runs)


def overview() -> Overview:
    """What Home shows."""
    summary, rows = summarize(), loader.all_with_last_run()
    over = [(extraction, run) for extraction, run in rows if run is not None and run.is_over]
    failed = [(extraction, run) for extraction, run in over if run.state == RunState.FAILED]
    differing = [extraction for extraction, run in over if run.state != RunState.FAILED and extraction.lasting_gaps]
    shown = sorted(rows, key=_worst_first)[:EXTRACTIONS_SHOWN]
    return Overview(
        attention=[
            *map(_failed_run, failed),
            *map(_broken, summary.attention),
            *map(_ready, summary.ready),
            *map(_differing, differing),
        ],
        summary=summary,
        extractions=_freshness(shown),
        extraction_count=len(rows),
        drafts=drafts.shown()[:DRAFTS_SHOWN],
        api_use=_api_use([extraction for extraction, _ in rows]),
    )


def attention_count() -> int:
    """How many things need attention, for the number beside Home."""
    newest = select(func.max(Run.queued_at)).where(Run.extraction_id == Extraction.id).correlate(Extraction)
    lasting = exists().where(ExtractionObject.extraction_id == Run.extraction_id, ExtractionObject.lasting_gap != 0)
    extractions = select(func.count()).select_from(Run).join(Extraction)
    extractions = extractions.where(
        Run.queued_at == newest.scalar_subquery(),
        (Run.state == RunState.FAILED) | (Run.state.not_in(OPEN_STATES) & lasting),
    )
    waiting_for_somebody = select(func.count()).select_from(Connection.__table__)
    waiting_for_somebody = waiting_for_somebody.where(
        Connection.__table__.c.state.in_((State.NEEDS_ATTENTION, State.READY))
    )
    return (db.session.scalar(extractions) or 0) + (db.session.scalar(waiting_for_somebody) or 0)


def _worst_first(row: tuple[Extraction, Run | None]) -> tuple[bool, bool, str]:
    extraction, run = row
    return run is None or run.state != RunState.FAILED, not extraction.lasting_gaps, extraction.description_key


def _failed_run(row: tuple[Extraction, Run]) -> Attention:
    extraction, run = row
    return Attention(
        tone="bad",
        state=run_state(run.state),
        name=extraction.description,
        text=trouble(run.problem, During.RUN).sentences,
        address=url_for("extractions.show_run", extraction_id=extraction.id, run_id=run.id),
        button=gettext("See what happened"),
        is_main=False,
    )


def _broken(connection: Connection) -> Attention:
    problem = kind_of(connection).problem(connection)
    return Attention(
        tone="bad",
        state=problem.title or state_label(connection.state),
        name=connection.description,
        text=problem.meaning,
        address=url_for("connections.show", connection_id=connection.id),
        button=gettext("See how to fix it"),
        is_main=True,
    )


def _ready(connection: Connection) -> Attention:
    return Attention(
        tone="ready",
        state=state_label(connection.state),
        name=connection.description,
        text=gettext("Salesforce knows the app now. One step is left: allow access."),
        address=url_for("connections.show", connection_id=connection.id),
        button=gettext("Connect"),
        is_main=True,
    )


def _differing(extraction: Extraction) -> Attention:
    found, place = extraction.lasting_gaps, extraction.destination.description
    titles = [gaps.gap_title(place, name, missing) for name, missing in found.items()]
    # For several objects, the extraction's page has a button each.
    only = next(iter(found)) if len(found) == 1 else ""
    return Attention(
        tone="warning",
        state=ngettext("%(num)s difference", "%(num)s differences", len(found)),
        name=extraction.description,
        text=gettext("%(differences)s. Normal runs don’t fix this.", differences="; ".join(titles)),
        address=url_for("extractions.show", extraction_id=extraction.id),
        button=gettext("See how to fix it"),
        is_main=True,
        reloads=only,
        posts_to=url_for("extraction_objects.reload", extraction_id=extraction.id, name=only) if only else "",
    )


def _freshness(rows: Sequence[tuple[Extraction, Run | None]]) -> list[Freshness]:
    ids = [extraction.id for extraction, _ in rows]
    by_extraction = _last_runs(ids)
    loaded = _rows_of(run.id for runs in by_extraction.values() for run in runs)
    lately = _rows_lately(ids)
    found = []
    for extraction, last_run in rows:
        runs = by_extraction.get(extraction.id, [])
        done = [run for run in runs if run.state == RunState.DONE]
        most = max((loaded.get(run.id, 0) for run in runs), default=0)
        bars = tuple(
            SparkBar(number * 7, max(round(loaded.get(run.id, 0) / max(most, 1) * SPARK_HEIGHT), 2), _tone(run))
            for number, run in enumerate(runs)
        )
        failed = sum(run.state == RunState.FAILED for run in runs)
        found.append(
            Freshness(
                extraction=extraction,
                last_run=last_run,
                up_to_date_as_of=done[-1].started_at if done else None,
                spark=bars,
                spark_label=gettext("%(count)s runs, %(failed)s failed", count=len(runs), failed=failed),
                rows_lately=lately.get(extraction.id, 0),
            )
        )
    return found


def _tone(run: Run) -> str:
    return {RunState.FAILED: "failed", RunState.DONE: "done"}.get(RunState(run.state), "")


def _last_runs(extraction_ids: Sequence[str]) -> dict[str, list[Run]]:
    """The last runs of each extraction, the oldest first."""
    place = func.row_number().over(partition_by=Run.extraction_id, order_by=Run.queued_at.desc()).label("place")
    ranked = select(Run.id, place).where(Run.extraction_id.in_(extraction_ids)).subquery()
    runs = db.session.scalars(
        select(Run)
        .join(ranked, ranked.c.id == Run.id)
        .where(ranked.c.place <= RUNS_SHOWN)
        .order_by(Run.extraction_id, Run.queued_at)
    ).all()
    return {key: list(group) for key, group in groupby(runs, lambda run: run.extraction_id)}


def _rows_of(run_ids: Iterable[str]) -> dict[str, int]:
    """How many rows each run loaded or deleted."""
    statement = (
        select(RunObject.run_id, func.sum(RunObject.rows + RunObject.deleted))
        .where(RunObject.run_id.in_(list(run_ids)))
        .group_by(RunObject.run_id)
    )
    return {run_id: int(rows) for run_id, rows in db.session.execute(statement)}


def _rows_lately(extraction_ids: Sequence[str]) -> dict[str, int]:
    """How many rows all runs of the last 24 hours loaded or deleted, by extraction; a day's start differs by zone."""
    statement = (
        select(Run.extraction_id, func.sum(RunObject.rows + RunObject.deleted))
        .join(RunObject, RunObject.run_id == Run.id)
        .where(Run.extraction_id.in_(extraction_ids), Run.queued_at > utcnow() - timedelta(days=1))
        .group_by(Run.extraction_id)
    )
    return {extraction_id: int(rows) for extraction_id, rows in db.session.execute(statement)}


def _api_use(extractions: Iterable[Extraction]) -> list[ApiUse]:
    by_source: dict[str, list[Extraction]] = {}
    for extraction in extractions:
        by_source.setdefault(extraction.source_id, []).append(extraction)
    if not by_source:
        return []
    # The grants are read with the connections, not one by one.
    wanted = select(SalesforceConnection).where(SalesforceConnection.id.in_(by_source))
    db.session.scalars(wanted.options(selectinload(SalesforceConnection.grant))).all()
    found = []
    for group in list(by_source.values())[:ORGS_SHOWN]:
        quota = loader.quota_of(group[0].source)
        if quota is not None:
            left, most = quota
            ceiling = min(each.quota_ceiling for each in group)
            found.append(ApiUse(group[0].source, most - left, most, ceiling))
    return found
