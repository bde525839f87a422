"""Which extraction owns a table: only one writes to each table of a destination, or one per org if orgs are
combined.

Table names are compared as the destinations do it, and two destination connections to the same file or database count
as one place. The rows here decide: whoever inserts one first owns the table.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import current_app, has_app_context
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from datasync_flask.config import LOOPBACK_HOSTS
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.destinations.registry import DESTINATIONS
from datasync_flask.extensions import db
from datasync_flask.extractions.models import DestinationTable, Extraction
from datasync_flask.extractions.names import new_name, snake_case
from datasync_flask.salesforce_connections.models import SalesforceConnection
from datasync_flask.transactions import in_transaction

_TRIES = 5
# The place of a table, and its key there.
Spot = tuple[str, str]
# Names for this machine besides its loopback addresses; connecting to 0.0.0.0 or :: leads here too.
_THIS_MACHINE = LOOPBACK_HOSTS | {"localhost.localdomain", "ip6-localhost", socket.gethostname().lower()}


class TableTaken(Exception):
    """An extraction can't have a table, because another one owns it; the text says which."""


@dataclass
class Tables:
    """The table of each object, and the owner's description for each object whose table is taken."""

    of: dict[str, str] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)
    # Those whose owner already loads the same org's rows.
    same_org: set[str] = field(default_factory=set)


def place_of(kind: str, settings: Mapping[str, Any]) -> str:
    """The canonical name of the place that a destination connection leads to."""
    if DESTINATIONS[kind].is_file:
        # On many systems two names that differ only in case are the same file.
        return f"{kind}:{_file(str(settings.get('path', ''))).casefold()}"
    if kind == "object_storage":
        return f"{kind}:{_endpoint(settings)}/{settings.get('bucket', '')}/{settings.get('prefix', '')}"
    host = _host(str(settings.get("host", "")))
    database = str(settings.get("database", ""))
    port = settings.get("port") or DESTINATIONS[kind].default_port
    # MySQL distinguishes case in database names only on some systems, PostgreSQL on all.
    return f"{kind}:{host}:{port}/{database.casefold() if kind == 'mysql' else database}"


def _file(path: str) -> str:
    """The canonical name of a file in the data folder, with links followed."""
    name = "/".join(part for part in path.replace("\\", "/").split("/") if part not in {"", "."})
    if has_app_context():
        root: Path = current_app.config["SETTINGS"].effective_data_dir
        with suppress(OSError, ValueError):
            return (root / name).resolve().relative_to(root.resolve()).as_posix()
    return name


def _host(host: str) -> str:
    host = host.strip().lower().rstrip(".").strip("[]")
    if (address := _address(host)) is not None:
        host = "localhost" if address.is_unspecified or _is_of_this_machine(address) else str(address)
    return "localhost" if host in _THIS_MACHINE or host.startswith(("/", "127.")) else host


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """A host's IP address, None for a name. One can be written with zeros, as IPv4 in IPv6, or as a number."""
    with suppress(ValueError):
        found = ipaddress.ip_address(host)
        return getattr(found, "ipv4_mapped", None) or found
    # Resolvers also accept 10.1 and 0x7f000001.
    with suppress(OSError, ValueError):
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host[:1].isdigit() else None
    return None


def _is_of_this_machine(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """True for this machine's own addresses in its networks: a socket can be bound only to those."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as trial:
        trial.bind((str(address), 0))
        return not address.is_multicast
    return False


def _endpoint(settings: Mapping[str, Any]) -> str:
    """The canonical name of a store: Amazon's buckets are the same at each of its addresses."""
    parts = urlsplit(str(settings.get("endpoint") or ""))
    host = _host(parts.hostname or "")
    if not host or host.endswith(".amazonaws.com"):
        return "amazon"
    return f"{host}:{parts.port or (80 if parts.scheme == 'http' else 443)}"


def keys_of(kind: str, dataset: str, table: str) -> tuple[str, ...]:
    """The keys of a table in its place: its own, and that of its staging table if that is elsewhere."""
    if DESTINATIONS[kind].dataset_is == "prefix":
        return (f"{dataset}_{table}".lower(),)
    if DESTINATIONS[kind].dataset_is == "folder":
        return (f"{dataset}/{table}".lower(),)
    # dlt has its own spelling of schemas, and stages in a second schema.
    schema = snake_case(dataset)
    return f"{schema}.{table}", f"{schema}_staging.{table}"


# By place and key of a table: the object and the table's name.
_Wanted = dict[tuple[str, str], tuple[str, str]]


def _plan(
    extraction_id: str,
    destination: DestinationConnection,
    dataset: str,
    names: Iterable[str],
    kept: Mapping[str, str],
    org_id: str,
) -> tuple[Tables, _Wanted]:
    """Decide which table each object gets and which rows to store; `kept` are tables that objects already have.

    With an `org_id` tables are shared with other orgs that share theirs.
    """
    place, names = place_of(destination.kind, destination.settings), list(names)
    rows = db.session.scalars(select(DestinationTable).filter_by(place=place)).all()
    own = {row.object_name: row.table_name for row in rows if row.extraction_id == extraction_id}
    shared = {
        row.object_name: row.table_name
        for row in rows
        if org_id and row.org_id and row.table_key in keys_of(destination.kind, dataset, row.table_name)
    }
    has = {name: table for name in names if (table := kept.get(name) or own.get(name) or shared.get(name))}
    found, wanted, longest = Tables(), _Wanted(), DESTINATIONS[destination.kind].longest_table
    for name in sorted(names, key=lambda name: name not in has):
        table = has.get(name) or new_name(snake_case(name), set(found.of.values()), longest)
        found.of[name] = table
        keys = keys_of(destination.kind, dataset, table)
        others = [
            row
            for row in rows
            if row.table_key in keys
            and row.extraction_id != extraction_id
            and not (org_id and row.org_id and row.org_id != org_id and row.object_name == name)
        ]
        if others:
            found.taken[name] = db.session.get_one(Extraction, others[0].extraction_id).description
            if org_id and others[0].org_id == org_id:
                found.same_org.add(name)
        else:
            wanted |= {(place, key): (name, table) for key in keys}
    return found, wanted


def wanted_by(
    extraction: Extraction | None,
    destination: DestinationConnection,
    dataset: str,
    names: Iterable[str],
    *,
    org_id: str = "",
) -> Tables:
    """The tables that an extraction would get with these settings, without storing anything.

    With an `org_id` that org's rows are combined with those of others.
    """
    stays = extraction is not None and (extraction.destination_id, extraction.dataset) == (destination.id, dataset)
    kept = _kept(extraction) if extraction is not None and stays else {}
    return _plan(extraction.id if extraction else "", destination, dataset, names, kept, org_id[:15])[0]


def _org_of(extraction: Extraction) -> str:
    """The org whose part of the tables an extraction owns: the org of the rows in them, or its source's."""
    loaded = next((chosen.loaded_org_id for chosen in extraction.objects if chosen.loaded_org_id), "")
    if not extraction.combines_orgs:
        return ""
    return (loaded or db.session.get_one(SalesforceConnection, extraction.source_id).org_id)[:15]


def _kept(extraction: Extraction) -> dict[str, str]:
    return {chosen.name: chosen.table_name for chosen in extraction.objects if chosen.table_name}


def reserve(extraction: Extraction, destination: DestinationConnection) -> Tables:
    """Reserve the tables of all its objects for an extraction, unless another one owns them, and release the others.

    The caller commits. Raises IntegrityError if another process was faster.
    """
    if db.engine.dialect.name == "postgresql":
        # A shared and an exclusive owner would insert different rows, so lock. SQLite has one writer anyway.
        db.session.execute(text("LOCK TABLE destination_tables IN SHARE ROW EXCLUSIVE MODE"))
    names, org_id = [chosen.name for chosen in extraction.objects], _org_of(extraction)
    found, wanted = _plan(extraction.id, destination, extraction.dataset, names, _kept(extraction), org_id)
    for row in db.session.scalars(select(DestinationTable).filter_by(extraction_id=extraction.id)):
        told = wanted.pop((row.place, row.table_key), None)
        if told is None:
            db.session.delete(row)
        else:
            row.object_name, row.table_name, row.org_id = *told, org_id
    db.session.flush()
    for (place, key), (name, table) in wanted.items():
        db.session.add(
            DestinationTable(
                place=place,
                table_key=key,
                org_id=org_id,
                extraction_id=extraction.id,
                object_name=name,
                table_name=table,
            )
        )
    db.session.flush()
    return found


def reserve_for_run(extraction_id: str) -> Tables:
    """Reserve an extraction's tables before a run writes; commits."""
    for attempt in range(1, _TRIES + 1):
        try:
            return in_transaction(lambda: _reserve_as_stored(extraction_id))
        except IntegrityError:
            # Another run began at the same moment and was faster: the next try sees its tables.
            if attempt == _TRIES:
                raise
    raise AssertionError("unreachable")


def _reserve_as_stored(extraction_id: str) -> Tables:
    extraction = db.session.get_one(Extraction, extraction_id, populate_existing=True)
    return reserve(extraction, extraction.destination)


def spot_of(kind: str, place: str, dataset: str, table: str) -> Spot:
    """The place and key that tell a table from all others."""
    return place, keys_of(kind, dataset, table)[0]


def has(extraction_id: str, name: str, spot: Spot) -> bool:
    """True if a table belongs to an object of an extraction; that can't change until the caller's transaction ends."""
    place, key = spot
    row = select(DestinationTable).filter_by(extraction_id=extraction_id, object_name=name, place=place, table_key=key)
    return db.session.scalar(row.with_for_update()) is not None


def of_extraction(extraction_id: str) -> dict[str, str]:
    """The table of each object that has one."""
    rows = db.session.scalars(select(DestinationTable).filter_by(extraction_id=extraction_id))
    return {row.object_name: row.table_name for row in rows}


def sharing(extraction_id: str) -> list[Extraction]:
    """The extractions that put rows of other orgs into the tables of one."""
    mine, theirs = aliased(DestinationTable), aliased(DestinationTable)
    same_table = (theirs.place == mine.place) & (theirs.table_key == mine.table_key)
    ids = (
        select(theirs.extraction_id)
        .join(mine, same_table)
        .where(mine.extraction_id == extraction_id, theirs.extraction_id != extraction_id)
    )
    return list(db.session.scalars(select(Extraction).where(Extraction.id.in_(ids)).order_by(Extraction.description)))


def columns_elsewhere(extraction: Extraction, name: str) -> dict[str, dict[str, str]]:
    """The columns of an object's fields, in small letters, in the other extractions that share its table."""
    found: dict[str, dict[str, str]] = {}
    for other in sharing(extraction.id):
        for chosen in other.objects:
            if chosen.name == name:
                for field_name, columns in chosen.field_columns.items():
                    found[field_name.lower()] = columns | found.get(field_name.lower(), {})
    return found
