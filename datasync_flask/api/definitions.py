"""Connections and extractions as data; saving goes through the pages' forms, with the same rules and texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from sqlalchemy import ColumnElement, or_, select
from werkzeug.datastructures import MultiDict

from datasync_flask.connections.descriptions import DescriptionTaken
from datasync_flask.connections.kinds import KINDS
from datasync_flask.connections.models import Connection, description_key
from datasync_flask.extensions import db
from datasync_flask.extractions import service as extractions
from datasync_flask.extractions.forms import ExtractionForm
from datasync_flask.extractions.models import Extraction, ExtractionObject
from datasync_flask.extractions.tables import TableTaken
from datasync_flask.forms import Refused, check_names, given_text, given_values

EXTRACTION_FIELDS = ("description", "dataset", *extractions.DEFAULTS)
OBJECT_FIELDS = (
    "name", "tracking_type", "filter", "fields", "hashed", "left_out", "cursor_field", "keeps_history", "marks_deleted",
)  # fmt: skip


@dataclass(frozen=True)
class SavedExtraction:
    """A saved extraction, and what couldn't be checked before saving it."""

    extraction: Extraction
    warnings: tuple[str, ...] = ()


def extraction_definition(extraction: Extraction) -> dict[str, Any]:
    """An extraction's settings; its connections by their descriptions."""
    found: dict[str, Any] = {name: getattr(extraction, name) for name in EXTRACTION_FIELDS}
    found |= {"source": extraction.source.description, "destination": extraction.destination.description}
    return found | {"objects": [_object_definition(chosen) for chosen in extraction.objects]}


def _object_definition(chosen: ExtractionObject) -> dict[str, Any]:
    values = {name: getattr(chosen, name) for name in OBJECT_FIELDS}
    return {name: value for name, value in values.items() if value not in ("", None, False, [])}


def find_connection(name: str) -> Connection | None:
    """The connection with this id or description."""
    return db.session.scalar(select(Connection).where(_is_called(name, Connection)))


def find_extraction(name: str) -> Extraction | None:
    """The extraction with this id or description."""
    return db.session.scalar(select(Extraction).where(_is_called(name, Extraction)))


def _is_called(name: str, kind: type[Connection | Extraction]) -> ColumnElement[bool]:
    name = given_text(name)
    return or_(kind.id == name, kind.description_key == description_key(name))


def save_connection(values: Mapping[str, Any], existing: Connection | None, *, by: int | None) -> Connection:
    """Save a connection from its settings; missing ones stay as they are. Raises Refused."""
    kind = existing.kind if existing is not None else values.get("kind")
    if not isinstance(kind, str) or kind not in KINDS or (existing is not None and values.get("kind", kind) != kind):
        choices = ", ".join(sorted(KINDS)) if existing is None else kind
        raise Refused({"kind": [gettext("Choose one of: %(choices)s.", choices=choices)]})
    saved: Connection = KINDS[kind].save(values, existing, by=by)
    return saved


def save_extraction(values: Mapping[str, Any], existing: Extraction | None, *, by: int | None) -> SavedExtraction:
    """Save an extraction from its settings; missing ones stay as they are. Raises Refused."""
    check_names(values, {"source", "destination", "objects", *EXTRACTION_FIELDS})
    merged = {**(extraction_definition(existing) if existing is not None else extractions.DEFAULTS), **values}
    objects = merged.pop("objects", [])
    for name in ("source", "destination"):
        found = find_connection(str(merged.get(name) or ""))
        if found is None:
            raise Refused({name: [gettext("There is no connection with this description or id.")]})
        merged[name] = found.id
    given = given_values({}, merged)
    _give_objects(given, objects)
    form = ExtractionForm(existing, given=given)
    if not form.validate():
        raise form.refusal()
    try:
        saved = extractions.save(existing, form.settings(), by=by)
        return SavedExtraction(saved, tuple(form.not_tried))
    except DescriptionTaken as refusal:
        form.refuse(refusal)
    except TableTaken:
        form.validate()
    raise form.refusal()


def _give_objects(given: MultiDict[str, str], objects: Any) -> None:
    if not isinstance(objects, list):
        raise Refused({"objects": [gettext("Objects are a list.")]})
    for each in objects:
        chosen = {"name": each} if isinstance(each, str) else each
        if not isinstance(chosen, dict) or not isinstance(chosen.get("name"), str):
            raise Refused({"objects": [gettext("Each object has a name, such as Account.")]})
        unknown = chosen.keys() - set(OBJECT_FIELDS)
        if unknown:
            raise Refused({"objects": [gettext("There is no such setting here.") + f" ({min(map(str, unknown))})"]})
        if chosen.get("fields") == []:
            # In a form no field means all of them; whoever sends an empty list doesn't want all.
            raise Refused({"objects": [gettext("Choose at least one field, or all of them.")]})
        name = given_text(chosen["name"])
        given.add("objects", name)
        for listed in ("fields", "hashed", "left_out"):
            fields = chosen.get(listed) or []
            if not isinstance(fields, list) or not all(isinstance(field, str) for field in fields):
                raise Refused({"objects": [gettext("Fields are a list of API names.")]})
            given.add(f"{listed}-{name}", ",".join(map(given_text, fields)))
        given.add(f"cursor-{name}", given_text(chosen.get("cursor_field")))
        given.add(f"tracking_type-{name}", given_text(chosen.get("tracking_type")))
        given.add(f"filter-{name}", given_text(chosen.get("filter")))
        for switch, sent in (("keeps_history", "history"), ("marks_deleted", "mark")):
            if chosen.get(switch):
                given.add(f"{sent}-{name}", "on")
