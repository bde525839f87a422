"""The objects of an org, read once and kept, so that forms are quick; and one object's fields, read when asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from datetime import datetime, timedelta

from flask import current_app

from datasync_flask.clock import utcnow
from datasync_flask.connections.models import SalesforceConnection
from datasync_flask.extensions import db
from datasync_flask.extractions.models import ObjectCatalog
from datasync_flask.salesforce.data import DataApi
from datasync_flask.salesforce.descriptions import ObjectDescription, ObjectEntry
from datasync_flask.salesforce.errors import SalesforceError
from datasync_flask.salesforce.oauth import TokenAnswer
from datasync_flask.salesforce_connections import store, token_grants

# Counts are about right anyway.
COUNTS_KEPT = timedelta(hours=1)


@dataclass(frozen=True)
class Catalog:
    """What can be chosen; `problem` says why there is nothing, or why it is as it was before."""

    entries: list[ObjectEntry]
    problem: SalesforceError | None = None
    # About how many rows, by object; None where Salesforce doesn't tell.
    counts: dict[str, int] | None = None
    counted_at: datetime | None = None
    read_at: datetime | None = None


@contextmanager
def api_of(connection_id: str) -> Iterator[DataApi]:
    """Yield calls with a connection's token for something that is done at once. Raises SalesforceError."""
    held = token_grants.held_token(connection_id)
    connection = store.load(connection_id)
    version = connection.grant.api_version if connection and connection.grant else ""
    db.session.commit()
    trusted = current_app.config["SETTINGS"].salesforce_hosts

    def refresh(_stale: TokenAnswer) -> TokenAnswer:
        nonlocal held
        held = token_grants.refreshed_token(connection_id, held)
        return held.token

    api = DataApi(held.token, version or "62.0", refresh, trusted, hurried=True)
    try:
        yield api
    finally:
        api.close()


def objects_of(connection: SalesforceConnection, *, anew: bool = False) -> Catalog:
    """Return the org's objects with about how many rows they have: as kept, or read from Salesforce when nothing is
    kept, the counts are older than COUNTS_KEPT, or `anew`.
    """
    kept = db.session.get(ObjectCatalog, connection.id)
    before = _as_kept(kept)
    if kept is not None and not anew and kept.counted_at is not None and utcnow() - kept.counted_at < COUNTS_KEPT:
        return before
    connection_id = connection.id
    try:
        with api_of(connection_id) as api:
            entries = api.objects() if anew or not before.entries else before.entries
            counts = api.all_record_counts()
    except SalesforceError as error:
        return before if before.entries and not anew else replace(before, problem=error)
    now = utcnow()
    read_at = now if entries is not before.entries else before.read_at
    values = [list(astuple(entry)) for entry in entries]

    def keep() -> None:
        db.session.merge(
            ObjectCatalog(connection_id=connection_id, read_at=read_at, entries=values, counts=counts, counted_at=now)
        )

    store.in_transaction(keep)
    return Catalog(entries, None, counts, now, read_at)


def _as_kept(kept: ObjectCatalog | None) -> Catalog:
    if kept is None:
        return Catalog([])
    return Catalog([ObjectEntry(*entry) for entry in kept.entries], None, kept.counts, kept.counted_at, kept.read_at)


@dataclass(frozen=True)
class Described:
    """An object: its fields, its number of rows when that was asked for, and which fields the user may not see."""

    description: ObjectDescription
    rows: int | None = None
    hidden: list[str] | None = None


def describe(connection: SalesforceConnection, name: str) -> ObjectDescription:
    """Return an object's fields. Raises SalesforceError."""
    with api_of(connection.id) as api:
        return api.describe(name)


def describe_closely(connection: SalesforceConnection, name: str, *, counts: bool) -> Described:
    """Return all that can be told of an object. Raises SalesforceError."""
    with api_of(connection.id) as api:
        description = api.describe(name)
        return Described(description, api.count(name) if counts else None, api.hidden_fields(description))
