"""The objects of an org, read once and kept, so that forms are quick; and one object's fields, read when asked."""

from __future__ import annotations

from dataclasses import dataclass

from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.extractions.models import ObjectCatalog
from datasync_flask.extractions.source_api import source_api
from datasync_flask.salesforce import objects, query
from datasync_flask.salesforce.descriptions import ObjectDescription, ObjectEntry
from datasync_flask.salesforce.errors import SalesforceError
from datasync_flask.salesforce_connections.models import SalesforceConnection
from datasync_flask.transactions import in_transaction


@dataclass(frozen=True)
class Catalog:
    """What can be chosen; `problem` says why there is nothing."""

    entries: list[ObjectEntry]
    problem: SalesforceError | None = None


def objects_of(connection: SalesforceConnection, *, anew: bool = False) -> Catalog:
    """Return the org's objects: as kept, or read from Salesforce when nothing is kept or `anew`."""
    kept = db.session.get(ObjectCatalog, connection.id)
    if kept is not None and not anew:
        return Catalog([ObjectEntry(*entry) for entry in kept.entries])
    connection_id = connection.id
    try:
        with source_api(connection_id) as api:
            entries = objects.list_objects(api)
    except SalesforceError as error:
        return Catalog([ObjectEntry(*entry) for entry in kept.entries] if kept else [], error)
    values = [[entry.name, entry.label, entry.is_custom] for entry in entries]

    def keep() -> None:
        db.session.merge(ObjectCatalog(connection_id=connection_id, read_at=utcnow(), entries=values))

    in_transaction(keep)
    return Catalog(entries)


@dataclass(frozen=True)
class Described:
    """An object: its fields, its number of rows when that was asked for, and which fields the user may not see."""

    description: ObjectDescription
    rows: int | None = None
    hidden: list[str] | None = None


def describe(connection: SalesforceConnection, name: str) -> ObjectDescription:
    """Return an object's fields. Raises SalesforceError."""
    with source_api(connection.id) as api:
        return objects.describe(api, name)


def describe_closely(connection: SalesforceConnection, name: str, *, counts: bool) -> Described:
    """Return all that can be told of an object. Raises SalesforceError."""
    with source_api(connection.id) as api:
        description = objects.describe(api, name)
        return Described(
            description, query.count(api, name) if counts else None, objects.hidden_fields(api, description)
        )
