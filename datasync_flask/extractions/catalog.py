"""The objects of an org, stored so that forms are quick, and the fields of one object, read when needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from datetime import datetime, timedelta

from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction, ObjectCatalog
from datasync_flask.extractions.runs.plan import cursor_of
from datasync_flask.extractions.source_api import source_api
from datasync_flask.salesforce import objects, query
from datasync_flask.salesforce.descriptions import ObjectDescription, ObjectEntry
from datasync_flask.salesforce.errors import SalesforceError
from datasync_flask.salesforce_connections.models import SalesforceConnection
from datasync_flask.transactions import in_transaction

# Counts are only approximate anyway.
COUNTS_LAST = timedelta(hours=1)


@dataclass(frozen=True)
class Catalog:
    """The objects to choose from; `problem` says why there are none, or why they may be out of date."""

    entries: list[ObjectEntry]
    problem: SalesforceError | None = None
    # Approximate row counts by object; None where Salesforce doesn't say.
    counts: dict[str, int] | None = None
    counted_at: datetime | None = None
    read_at: datetime | None = None


def objects_of(connection: SalesforceConnection, *, refresh: bool = False) -> Catalog:
    """The org's objects with about how many rows they have: as kept, or read from Salesforce when nothing is
    kept, the counts are older than COUNTS_LAST, or `refresh`.
    """
    kept = db.session.get(ObjectCatalog, connection.id)
    before = _as_stored(kept)
    if kept is not None and not refresh and kept.counted_at is not None and utcnow() - kept.counted_at < COUNTS_LAST:
        return before
    connection_id = connection.id
    try:
        with source_api(connection_id) as api:
            entries = objects.list_objects(api) if refresh or not before.entries else before.entries
            counts = objects.all_record_counts(api)
    except SalesforceError as error:
        return before if before.entries and not refresh else replace(before, problem=error)
    now = utcnow()
    read_at = now if entries is not before.entries else before.read_at
    values = [list(astuple(entry)) for entry in entries]

    def store() -> None:
        db.session.merge(
            ObjectCatalog(connection_id=connection_id, read_at=read_at, entries=values, counts=counts, counted_at=now)
        )

    in_transaction(store)
    return Catalog(entries, None, counts, now, read_at)


def kept_counts(connection: SalesforceConnection) -> dict[str, int]:
    """Approximate row counts of the org's objects, as last read."""
    return _as_stored(db.session.get(ObjectCatalog, connection.id)).counts or {}


def _as_stored(kept: ObjectCatalog | None) -> Catalog:
    if kept is None:
        return Catalog([])
    return Catalog([ObjectEntry(*entry) for entry in kept.entries], None, kept.counts, kept.counted_at, kept.read_at)


@dataclass(frozen=True)
class Described:
    """An object: its fields, its number of rows if requested, and the fields that the user can't see."""

    description: ObjectDescription
    rows: int | None = None
    hidden: list[str] | None = None


def dateless(connection: SalesforceConnection, extraction: Extraction | None = None) -> set[str]:
    """The org's objects that have no date to detect changes by, as far as they have been described or the last run of
    an extraction found out.
    """
    found = {name for name, has_date in _dated(connection.id).items() if not has_date}
    return found.union(each.name for each in extraction.objects if each.is_dateless) if extraction else found


def _dated(connection_id: str) -> dict[str, bool]:
    kept = db.session.get(ObjectCatalog, connection_id, populate_existing=True)
    return kept.dated if kept is not None else {}


def note_dates(connection_id: str, descriptions: Iterable[ObjectDescription]) -> None:
    """Store which of these objects have a date to detect changes by; commits."""
    found = {each.name: bool(cursor_of(each)) for each in descriptions}

    def store() -> None:
        before = _dated(connection_id)
        if before | found != before:
            db.session.merge(ObjectCatalog(connection_id=connection_id, dated=before | found))

    in_transaction(store)


def describe(connection: SalesforceConnection, name: str) -> ObjectDescription:
    """An object's fields. Raises SalesforceError."""
    connection_id = connection.id
    with source_api(connection_id) as api:
        found = objects.describe(api, name)
    note_dates(connection_id, [found])
    return found


def check(connection: SalesforceConnection, names: Sequence[str]) -> None:
    """Check whether the org answers, and find out by one more call which of these objects have a date to detect changes
    by, unless that is known; commits. Raises SalesforceError when the org doesn't answer.
    """
    connection_id, known = connection.id, _dated(connection.id)
    new = [name for name in names if name not in known][: objects.DESCRIBES_PER_CALL]
    found: dict[str, ObjectDescription] = {}
    with source_api(connection_id) as api:
        api.request("GET", f"{api.base}/")
        # The first run finds out too; somebody is waiting for the page.
        with suppress(SalesforceError):
            found = objects.describe_together(api, new) if new else {}
    note_dates(connection_id, found.values())


def describe_closely(connection: SalesforceConnection, name: str, *, counts: bool) -> Described:
    """Everything about an object. Raises SalesforceError."""
    with source_api(connection.id) as api:
        description = objects.describe(api, name)
        return Described(
            description, query.count(api, name) if counts else None, objects.hidden_fields(api, description)
        )
