"""Which objects and fields of extractions a source's user can't see: checked before the first run, once a day with
the check of the connection, and in every run.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from datasync_flask.extensions import db
from datasync_flask.extractions import catalog
from datasync_flask.extractions.models import Extraction, ExtractionObject
from datasync_flask.extractions.runs.plan import unknown
from datasync_flask.extractions.source_api import source_api
from datasync_flask.salesforce import objects
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.descriptions import ObjectDescription
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce_connections import health_check, visibility
from datasync_flask.salesforce_connections.visibility import Seen

log = logging.getLogger(__name__)

# The check runs under a lease: what doesn't fit into its time waits for the next check.
SECONDS_TO_ASK = 10.0
# How Salesforce refuses to describe an object that the user can't see, or that doesn't exist.
_NOT_VISIBLE = frozenset({Problem.OBJECT_GONE, Problem.NOT_FOUND, Problem.NO_ACCESS})


def connect() -> None:
    """Check what the user sees after each check of a connection; doing it twice changes nothing."""
    health_check.proved.connect(_after_check)


def needed_fields(chosen: ExtractionObject) -> set[str]:
    """The fields that were chosen for an object, or loaded before."""
    fields = chosen.fields if chosen.fields is not None else chosen.field_columns
    return set(unknown(filter(None, (*fields, chosen.cursor_field)), chosen.left_out))


def missing_fields(chosen: ExtractionObject, description: ObjectDescription) -> tuple[str, ...]:
    """The fields that an extraction needs and the user doesn't see."""
    return _unseen(needed_fields(chosen), description)


def _unseen(names: Iterable[str], description: ObjectDescription) -> tuple[str, ...]:
    return tuple(sorted(set(unknown(names, (field.name for field in description.fields)))))


def read_objects(connection_id: str) -> dict[str, set[str]]:
    """The objects that extractions read from a connection, each with the fields they need."""
    of_source = select(ExtractionObject).join(Extraction).where(Extraction.source_id == connection_id)
    found: dict[str, set[str]] = {}
    for chosen in db.session.scalars(of_source):
        found.setdefault(chosen.name, set()).update(needed_fields(chosen))
    return found


def _after_check(connection_id: str, **_: Any) -> None:
    wanted = read_objects(connection_id)
    db.session.commit()
    if not wanted:
        visibility.note(connection_id, {}, ())
        return
    try:
        with source_api(connection_id) as api:
            found = read_visibility(api, wanted)
    except SalesforceError as error:
        # The connection's own check says what is wrong; this one only says that visibility is unknown.
        log.info("what the user of %s sees: %s", connection_id, error)
        return
    visibility.note(connection_id, found, wanted)


def read_visibility(api: SalesforceApi, wanted: Mapping[str, set[str]]) -> dict[str, Seen]:
    """What the user sees of objects. Raises SalesforceError."""
    until, tells = time.monotonic() + SECONDS_TO_ASK, True
    found: dict[str, Seen] = {}
    for name, description in objects.describe_many(api, sorted(wanted)).items():
        seen = seen_of(description, wanted[name])
        if seen is None:
            continue
        hidden = None
        if isinstance(description, ObjectDescription) and tells and time.monotonic() < until:
            hidden = objects.hidden_fields(api, description)
            # Whoever can't read this for one object can't read it for any.
            tells = hidden is not None
        found[name] = Seen(seen.is_visible, hidden, seen.missing)
    return found


def seen_of(description: ObjectDescription | SalesforceError, needed: Iterable[str]) -> Seen | None:
    """What a description says about visibility; None when it says nothing."""
    if isinstance(description, ObjectDescription):
        return Seen(True, None, _unseen(needed, description))
    return Seen(False) if description.problem in _NOT_VISIBLE else None


def note_run(connection_id: str, descriptions: Mapping[str, ObjectDescription | SalesforceError]) -> None:
    """Store what a run found out from its own calls; commits."""
    wanted = read_objects(connection_id)
    db.session.commit()
    seen = {name: seen_of(told, wanted[name]) for name, told in descriptions.items() if name in wanted}
    found = {name: each for name, each in seen.items() if each is not None}
    visibility.note(connection_id, found, wanted, skips_hidden=True)
    catalog.note_dates(connection_id, [told for told in descriptions.values() if isinstance(told, ObjectDescription)])
