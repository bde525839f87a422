"""How one object is loaded: tracking type, filter, fields, deleted rows, history; as a form and as a summary."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from flask_babel import gettext, ngettext
from werkzeug.datastructures import MultiDict

from datasync_flask.extractions import catalog, preview, treatments
from datasync_flask.extractions.runs.plan import CURSORS, can_be_cursor, cursor_of, loadable
from datasync_flask.extractions.service import ObjectChoice
from datasync_flask.salesforce.descriptions import Field
from datasync_flask.salesforce.errors import SalesforceError
from datasync_flask.salesforce_connections.models import SalesforceConnection
from datasync_flask.salesforce_connections.settings import TRACKING_TYPES


@dataclass(frozen=True)
class Fields:
    """The choices that an object offers; empty when Salesforce doesn't answer."""

    all: tuple[Field, ...] = ()
    dates: tuple[Field, ...] = ()
    usual_cursor: str = ""

    @property
    def is_known(self) -> bool:
        """True when Salesforce listed the fields."""
        return bool(self.all)


def describe(source: SalesforceConnection, name: str) -> Fields:
    """An object's fields."""
    if source.grant is None:
        return Fields()
    try:
        description = catalog.describe(source, name)
    except SalesforceError:
        return Fields()
    fields = loadable(description)
    dates = tuple(field for field in fields if can_be_cursor(field) and field.name not in CURSORS)
    return Fields(fields, dates, cursor_of(description))


def parse(before: ObjectChoice, sent: MultiDict[str, str], described: Fields) -> tuple[ObjectChoice, dict[str, str]]:
    """The settings that were sent, and the errors by field name."""
    errors: dict[str, str] = {}
    tracking = sent.get("tracking_type", "")
    condition = sent.get("filter", "").replace("\x00", "").strip()
    treated = treatments.Treated(before.fields, before.hashed, before.left_out)
    cursor = before.cursor_field
    if described.is_known and "which" in sent:
        cursor = sent.get("cursor", "")
        if cursor and cursor not in {field.name for field in described.dates}:
            errors["cursor"] = gettext(
                "Salesforce doesn’t filter by %(name)s, so it can’t tell of changes.", name=cursor[:80]
            )
            cursor = ""
        try:
            treated = treatments.parse(before, sent, described.all, cursor or described.usual_cursor)
        except treatments.TreatmentRefused as refusal:
            errors["fields"] = str(refusal)
    after = replace(
        before,
        **vars(treated),
        tracking_type=tracking if tracking in TRACKING_TYPES else "",
        filter=condition,
        cursor_field=cursor,
        marks_deleted=sent.get("deleted") == "mark",
        keeps_history="history" in sent,
    )
    return after, errors


def alike(sent: MultiDict[str, str]) -> dict[str, Any]:
    """The settings for all chosen objects; '-' leaves a setting unchanged."""
    changes: dict[str, Any] = {}
    tracking = sent.get("tracking_type", "-")
    if tracking == "" or tracking in TRACKING_TYPES:
        changes["tracking_type"] = tracking
    if sent.get("deleted") in {"mark", "remove"}:
        changes["marks_deleted"] = sent["deleted"] == "mark"
    if sent.get("history") in {"keep", "latest"}:
        changes["keeps_history"] = sent["history"] == "keep"
    if sent.get("which") == "all":
        changes["fields"] = None
    return changes


def summary(choice: ObjectChoice, source: SalesforceConnection, dateless: Collection[str]) -> str:
    """A one-line summary of the settings."""
    parts = [
        gettext("All fields")
        if choice.fields is None
        else ngettext("%(num)s field", "%(num)s fields", len(choice.fields))
    ]
    parts.append(preview.later_runs(choice, source, dateless))
    if choice.filter:
        parts.append(gettext("filtered"))
    if personal := treatments.summary(choice):
        parts.append(personal)
    if choice.keeps_history:
        parts.append(gettext("history"))
    return " · ".join(parts)
