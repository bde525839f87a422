"""What the user of a connection can't see of the objects that extractions read: storing it, and texts about it.

Describe lists what the user may see; the Tooling API lists all fields, whatever field-level security says ("Tooling API
Objects in the Enterprise WSDL"), to users with the permission View Setup and Configuration. For other
users it is unknown whether a missing field was hidden or deleted, and the texts say so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from blinker import Signal
from flask_babel import gettext, ngettext
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from datasync_flask.clock import utcnow
from datasync_flask.connections.kinds import Verdict
from datasync_flask.extensions import db
from datasync_flask.problems.setup_pages import OBJECT_MANAGER, PERMISSION_SETS
from datasync_flask.salesforce_connections.models import ObjectVisibility, SalesforceConnection
from datasync_flask.transactions import in_transaction

# Where a Salesforce administrator changes what a user sees.
SETUP_PAGES = (PERMISSION_SETS, OBJECT_MANAGER)
# Running text has this many names; a page lists them all.
MAX_NAMES = 10

# Sent in the transaction when visibility was stored, with the connection, and `is_worse` if the user sees less of what
# extractions need than before.
noted = Signal("what a connection's user can't see was noted")


@dataclass(frozen=True)
class Seen:
    """The visibility of one object, see ObjectVisibility."""

    is_visible: bool
    hidden: list[str] | None = None
    missing: tuple[str, ...] = ()


def note(connection_id: str, found: Mapping[str, Seen], wanted: Collection[str], *, skips_hidden: bool = False) -> None:
    """Store the visibility of objects, and forget objects that nothing reads any more; commits.

    With `skips_hidden`, hidden fields weren't checked, and their stored value stays.
    """

    def write() -> None:
        connection = db.session.get(SalesforceConnection, connection_id, populate_existing=True)
        if connection is None:
            return
        before = {each.name: each for each in connection.visibility}
        needs_before = _needs(connection)
        for name in before.keys() - set(wanted):
            connection.visibility.remove(before[name])
        for name, seen in found.items():
            row = before.get(name)
            if row is None:
                row = ObjectVisibility(name=name)
                connection.visibility.append(row)
            if not skips_hidden:
                row.hidden = seen.hidden
            row.checked_at, row.is_visible, row.missing = utcnow(), seen.is_visible, list(seen.missing)
        db.session.flush()
        noted.send(connection, is_worse=not _needs(connection) <= needs_before)

    try:
        in_transaction(write)
    except IntegrityError:
        # Another run stored the same object at the same moment.
        in_transaction(write)


def _needs(connection: SalesforceConnection) -> set[str]:
    """The full names of what extractions need and the user can't see."""
    fields = {f"{row.name}.{field}" for row in connection.visibility for field in row.missing}
    return fields | {row.name for row in connection.visibility if not row.is_visible}


def rows_of(connection_id: str, names: Collection[str]) -> list[ObjectVisibility]:
    """The stored visibility of some objects of a connection."""
    of_them = select(ObjectVisibility).where(
        ObjectVisibility.connection_id == connection_id, ObjectVisibility.name.in_(names)
    )
    return list(db.session.scalars(of_them.order_by(ObjectVisibility.name)))


def unseen_fields(row: ObjectVisibility) -> list[str]:
    """The fields of an object that the user can't see, whether Salesforce lists them as hidden or they disappeared."""
    return sorted({*(row.hidden or ()), *row.missing})


def unseen_objects(rows: Collection[ObjectVisibility]) -> list[str]:
    """The objects that the user can't see at all."""
    return [row.name for row in rows if not row.is_visible]


def some_names(names: list[str]) -> str:
    """Names as running text: the first ones, and the number of the others."""
    told = ", ".join(names[:MAX_NAMES])
    more = len(names) - MAX_NAMES
    return gettext("%(names)s and %(count)s more", names=told, count=more) if more > 0 else told


def sentences(rows: Collection[ObjectVisibility]) -> list[str]:
    """Sentences about what the user can't see: one per object with hidden fields, and one for hidden objects."""
    found = []
    for row in rows:
        names = unseen_fields(row) if row.is_visible else []
        if names:
            found.append(
                ngettext(
                    "This Salesforce user can’t see %(num)s field of %(name)s: %(names)s.",
                    "This Salesforce user can’t see %(num)s fields of %(name)s: %(names)s.",
                    len(names), name=row.name, names=some_names(names),
                )
            )  # fmt: skip
    gone = unseen_objects(rows)
    if gone:
        found.append(
            ngettext(
                "This Salesforce user can’t see %(num)s object, or it was deleted: %(names)s.",
                "This Salesforce user can’t see %(num)s objects, or they were deleted: %(names)s.",
                len(gone), names=some_names(gone),
            )
        )  # fmt: skip
    if any(row.missing and (row.hidden is None or not set(row.missing) <= set(row.hidden)) for row in rows):
        found.append(gettext("Salesforce doesn’t say whether a field that went away is hidden or deleted."))
    return found


def who_can_grant_access() -> str:
    """Who can change what the user sees, and where."""
    return gettext(
        "A Salesforce administrator can change this in Setup: give the user a permission set with read access to "
        "these objects and fields."
    )


def why_unknown() -> str:
    """A text about why hidden fields are unknown."""
    return gettext("Only users with the permission View Setup and Configuration can see which other fields are hidden.")


def verdict(rows: Collection[ObjectVisibility]) -> tuple[Verdict, str]:
    """The verdict on whether the user sees what extractions read, and what they can't see."""
    if not rows:
        return Verdict.UNKNOWN, gettext("Not checked yet. DataSync checks the objects and fields that it loads.")
    if unseen := sentences(rows):
        return Verdict.WARNING, " ".join([*unseen, who_can_grant_access()])
    if any(row.hidden is None for row in rows):
        text = gettext("The user sees every object and field that was chosen or loaded before.")
        return Verdict.UNKNOWN, f"{text} {why_unknown()}"
    text = ngettext(
        "The user sees all fields of %(num)s object that is loaded.",
        "The user sees all fields of the %(num)s objects that are loaded.",
        len(rows),
    )
    return Verdict.OK, text


def needed_sentences(rows: Collection[ObjectVisibility]) -> list[str]:
    """Sentences about what extractions need and the user can't see, for notifications."""
    return sentences(
        [
            ObjectVisibility(name=row.name, is_visible=row.is_visible, hidden=_needed(row), missing=row.missing)
            for row in rows
            if row.missing or not row.is_visible
        ]
    )


def _needed(row: ObjectVisibility) -> Any:
    return [name for name in row.missing if name in row.hidden] if row.hidden is not None else None
