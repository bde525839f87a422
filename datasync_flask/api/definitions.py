"""Connections and extractions as data; what is saved goes through the pages' forms: the same rules, the same words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext
from sqlalchemy import or_, select
from werkzeug.datastructures import MultiDict

from datasync_flask.connections.kinds import KINDS
from datasync_flask.connections.models import Connection, SalesforceConnection, State, description_key
from datasync_flask.destinations import service as destinations
from datasync_flask.destinations.base import DestinationError
from datasync_flask.destinations.forms import DestinationForm
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.destinations.registry import DESTINATIONS
from datasync_flask.extensions import db
from datasync_flask.extractions import service as extractions
from datasync_flask.extractions.forms import ExtractionForm
from datasync_flask.extractions.models import Extraction, ExtractionObject
from datasync_flask.extractions.tables import TableTaken
from datasync_flask.forms import SettingsForm
from datasync_flask.problems.registry import trouble
from datasync_flask.salesforce_connections import service as connections
from datasync_flask.salesforce_connections.forms import SalesforceForm
from datasync_flask.worker import queue

SALESFORCE_FIELDS = (
    "tracking_type", "login_host", "login_url", "auth_method", "client_id", "client_secret_use", "username",
    "permission_level",
)  # fmt: skip
EXTRACTION_FIELDS = ("description", "dataset", "schedule", "timezone", "quota_ceiling", "reread_days")
OBJECT_FIELDS = (
    "name", "tracking_type", "filter", "fields", "cursor_field", "keeps_history", "marks_deleted",
)  # fmt: skip


class Refused(ValueError):
    """Settings can't be saved; `errors` says why, by the name of the field ('' for all of it)."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(texts)}" if name else " ".join(texts)
                                   for name, texts in errors.items()))  # fmt: skip
        self.errors = errors


def connection_definition(connection: Connection) -> dict[str, Any]:
    """Return a connection's settings; never a secret."""
    found: dict[str, Any] = {"kind": connection.kind, "description": connection.description}
    if isinstance(connection, SalesforceConnection):
        found |= {name: str(getattr(connection, name)) for name in SALESFORCE_FIELDS}
    elif isinstance(connection, DestinationConnection):
        found |= {name: connection.settings.get(name) or "" for name in _destination_fields(connection.kind)}
    return found | {"labels": [label.name for label in connection.labels]}


def _destination_fields(kind: str) -> list[str]:
    return [name for name in DESTINATIONS[kind].fields if name != "password"]


def extraction_definition(extraction: Extraction) -> dict[str, Any]:
    """Return an extraction's settings; its connections by their descriptions."""
    found: dict[str, Any] = {name: getattr(extraction, name) for name in EXTRACTION_FIELDS}
    found |= {"source": extraction.source.description, "destination": extraction.destination.description}
    return found | {"objects": [_object_definition(chosen) for chosen in extraction.objects]}


def _object_definition(chosen: ExtractionObject) -> dict[str, Any]:
    values = {name: getattr(chosen, name) for name in OBJECT_FIELDS}
    return {name: value for name, value in values.items() if value not in ("", None, False)}


def find_connection(name: str) -> Connection | None:
    """Return the connection with this id or description."""
    name = _text(name)
    return db.session.scalar(
        select(Connection).where(or_(Connection.id == name, Connection.description_key == description_key(name)))
    )


def find_extraction(name: str) -> Extraction | None:
    """Return the extraction with this id or description."""
    name = _text(name)
    return db.session.scalar(
        select(Extraction).where(or_(Extraction.id == name, Extraction.description_key == description_key(name)))
    )


def save_connection(values: Mapping[str, Any], existing: Connection | None, *, by: int | None) -> Connection:
    """Save a connection from its settings; what isn't given stays as it is. Raises Refused."""
    kind = existing.kind if existing is not None else values.get("kind")
    if not isinstance(kind, str) or kind not in KINDS or (existing is not None and values.get("kind", kind) != kind):
        choices = ", ".join(sorted(KINDS)) if existing is None else kind
        raise Refused({"kind": [gettext("Choose one of: %(choices)s.", choices=choices)]})
    if kind == "salesforce":
        return _save_salesforce(values, existing, by)
    return _save_destination(kind, values, existing, by)


def _known(values: Mapping[str, Any], names: set[str]) -> None:
    unknown = sorted(str(name) for name in values.keys() - names)
    if unknown:
        raise Refused({name: [gettext("There is no such setting here.")] for name in unknown})


def _given(values: Mapping[str, Any], base: Mapping[str, Any]) -> MultiDict[str, str]:
    """Return what a form gets: the settings as they are, with the values over them."""
    merged = {**base, **values}
    labels = merged.pop("labels", None)
    if labels is not None and not (isinstance(labels, list) and all(isinstance(each, str) for each in labels)):
        raise Refused({"labels": [gettext("Labels are a list of texts.")]})
    given: MultiDict[str, str] = MultiDict()
    for name, value in merged.items():
        if isinstance(value, dict | list):
            raise Refused({name: [gettext("This has to be a text or a number.")]})
        given.add(name, _text(value))
    if labels is not None:
        given.add("label_names", ", ".join(labels))
    return given


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else ""
    return "" if value is None else str(value).replace("\x00", "")


def _refuse(form: SettingsForm) -> Refused:
    errors = form.error_texts()
    if "label_names" in errors:
        errors["labels"] = errors.pop("label_names")
    return Refused(errors)


def _save_salesforce(values: Mapping[str, Any], existing: Connection | None, by: int | None) -> Connection:
    _known(values, {"kind", "description", "labels", "client_secret", *SALESFORCE_FIELDS})
    found = existing if isinstance(existing, SalesforceConnection) else None
    defaults = {"tracking_type": "date", "login_host": "production", "auth_method": "authorization_code"}
    base = connection_definition(found) if found else defaults | {"permission_level": "api"}
    form = SalesforceForm(found, given=_given(values, base))
    if not form.validate():
        raise _refuse(form)
    try:
        saved = connections.save(found, form.settings(), by=by)
    except connections.DescriptionTaken:
        form.validate()
        raise _refuse(form) from None
    if saved.state == State.WAITING:
        queue().wake(saved.id)
    return saved


def _save_destination(kind: str, values: Mapping[str, Any], existing: Connection | None, by: int | None) -> Connection:
    secrets = {"password"} if "password" in DESTINATIONS[kind].fields else set()
    _known(values, {"kind", "description", "labels", "save_anyway", *_destination_fields(kind), *secrets})
    found = existing if isinstance(existing, DestinationConnection) else None
    base: dict[str, Any] = connection_definition(found) if found else {}
    if not found and DESTINATIONS[kind].default_port:
        base["port"] = DESTINATIONS[kind].default_port
    form = DestinationForm(kind, found, given=_given(values, base))
    if not form.validate():
        raise _refuse(form)
    password = destinations.password_for(found, form.settings(), form.typed_password)
    problem = None
    try:
        destinations.check(kind, form.settings(), password)
    except DestinationError as error:
        problem = error
    if problem is not None and not values.get("save_anyway"):
        raise Refused({problem.field or "": [f"{trouble(problem.fault).sentences} {problem.detail}".strip()]})
    try:
        return destinations.save(
            found, kind, description=form.description.data or "", settings=form.settings(),
            password=form.typed_password, label_names=form.chosen_labels, problem=problem, by=by,
        )  # fmt: skip
    except destinations.PlaceTaken as refusal:
        form.errors_of_place(str(refusal))
        raise _refuse(form) from None
    except connections.DescriptionTaken:
        form.validate()
        raise _refuse(form) from None


def save_extraction(values: Mapping[str, Any], existing: Extraction | None, *, by: int | None) -> Extraction:
    """Save an extraction from its settings; what isn't given stays as it is. Raises Refused."""
    _known(values, {"source", "destination", "objects", *EXTRACTION_FIELDS})
    base: dict[str, Any] = {"timezone": "UTC", "quota_ceiling": 80, "reread_days": 0}
    if existing is not None:
        base = extraction_definition(existing)
    merged = {**base, **values}
    objects = merged.pop("objects", [])
    for name in ("source", "destination"):
        found = find_connection(str(merged.get(name) or ""))
        if found is None:
            raise Refused({name: [gettext("There is no connection with this description or id.")]})
        merged[name] = found.id
    given = _given({}, merged)
    _give_objects(given, objects)
    form = ExtractionForm(existing, given=given)
    if not form.validate():
        raise _refuse(form)
    try:
        return extractions.save(existing, form.settings(), by=by)
    except (connections.DescriptionTaken, TableTaken):
        form.validate()
        raise _refuse(form) from None


def _give_objects(given: MultiDict[str, str], objects: Any) -> None:
    if not isinstance(objects, list):
        raise Refused({"objects": [gettext("Objects are a list.")]})
    for each in objects:
        chosen = {"name": each} if isinstance(each, str) else each
        if not isinstance(chosen, dict) or not isinstance(chosen.get("name"), str):
            raise Refused({"objects": [gettext("Each object has a name, such as Account.")]})
        unknown = chosen.keys() - set(OBJECT_FIELDS)
        if unknown:
            unknown_name = min(map(str, unknown))
            raise Refused({"objects": [f"{gettext('There is no such setting here.')} ({unknown_name})"]})
        name = _text(chosen["name"])
        given.add("objects", name)
        fields = chosen.get("fields") or []
        if not isinstance(fields, list) or not all(isinstance(field, str) for field in fields):
            raise Refused({"objects": [gettext("Fields are a list of API names.")]})
        given.add(f"fields-{name}", ",".join(map(_text, fields)))
        given.add(f"cursor-{name}", _text(chosen.get("cursor_field")))
        given.add(f"tracking_type-{name}", _text(chosen.get("tracking_type")))
        given.add(f"filter-{name}", _text(chosen.get("filter")))
        for switch, sent in (("keeps_history", "history"), ("marks_deleted", "mark")):
            if chosen.get(switch):
                given.add(f"{sent}-{name}", "on")
