"""The HTTP API's input and output as marshmallow schemas, from which the OpenAPI description is made.

The forms validate the values; the schemas only check JSON's types.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from marshmallow import Schema, fields, validate

from datasync_flask.connections.kinds import ConnectionKind, Verdict
from datasync_flask.connections.models import State
from datasync_flask.connections.settings import Setting
from datasync_flask.extractions.models import RunState
from datasync_flask.extractions.runs.formula_rhythm import FormulaRhythm
from datasync_flask.salesforce_connections.models import TrackingType

_TEXT = validate.Length(max=2000)


def _field(setting: Setting) -> fields.Field[Any]:
    """A setting in JSON; the form validates its value."""
    about: dict[str, Any] = {"metadata": {"description": setting.about}} if setting.about else {}
    if setting.is_secret:
        about = {"load_only": True, "metadata": {"description": "Stored, never given back."}}
    if setting.between:
        return fields.Integer(validate=validate.Range(*setting.between), **about)
    if setting.values:
        return fields.String(validate=validate.OneOf(setting.values), **about)
    return fields.String(validate=validate.Length(max=setting.longest), **about)


class ListQuery(Schema):
    """The requested part of a list."""

    page = fields.Integer(load_default=1, validate=validate.Range(1, 100_000))
    page_size = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class ConnectionSettings(Schema):
    """Settings of a connection; which ones it has follows from its kind. What isn't given stays as it is."""

    description = fields.String(validate=_TEXT)
    labels = fields.List(fields.String(validate=_TEXT), validate=validate.Length(max=50))
    save_anyway = fields.Boolean(
        load_only=True, metadata={"description": "Save a destination although its check found something wrong."}
    )

    def add_settings(self, kinds: Mapping[str, ConnectionKind[Any]]) -> None:
        """Add the settings of all kinds of connections, which register themselves when the app is created."""
        self.declared_fields = deepcopy(self._declared_fields)
        self.declared_fields["kind"] = fields.String(validate=validate.OneOf(sorted(kinds)))
        for kind in kinds.values():
            self.declared_fields |= {name: _field(setting) for name, setting in kind.settings.items()}
        self._init_fields()

    def __deepcopy__(self, _memo: Any) -> ConnectionSettings:
        """Return the same schema, because flask-smorest copies a view's schemas and settings are added later."""
        return self


class CheckShown(Schema):
    """One check of a connection and its verdict."""

    code = fields.String()
    verdict = fields.String(validate=validate.OneOf(tuple(Verdict)))
    text = fields.String()


class ConnectionState(ConnectionSettings):
    """A connection with its state."""

    id = fields.String()
    state = fields.String(validate=validate.OneOf([state.value for state in State]))
    reason = fields.String()
    message = fields.String(metadata={"description": "What is wrong, in plain words."})
    detail = fields.String(metadata={"description": "What the other side said, in its own words."})
    next_steps = fields.List(fields.String())
    since = fields.AwareDateTime()
    checks = fields.List(
        fields.Nested(CheckShown), metadata={"description": "Of one connection, not in the list of all."}
    )


SETTINGS, STATE = ConnectionSettings(), ConnectionState()


class ConnectionList(Schema):
    """A part of the list of connections."""

    items = fields.List(fields.Nested(lambda: STATE))
    total = fields.Integer()


def _names(about: str) -> fields.Field[Any]:
    """A list of API names of fields."""
    name = fields.String(validate=validate.Length(max=80))
    return fields.List(name, validate=validate.Length(max=2000), metadata={"description": about})


class ObjectSettings(Schema):
    """One object of an extraction."""

    name = fields.String(required=True, validate=validate.Length(max=80))
    tracking_type = fields.String(validate=validate.OneOf(tuple(TrackingType)))
    filter = fields.String(validate=_TEXT)
    cursor_field = fields.String(validate=validate.Length(max=80))
    keeps_history = fields.Boolean()
    marks_deleted = fields.Boolean()


# A class body can't have a setting called "fields", because it needs the module of that name.
ObjectSettings = ObjectSettings.from_dict(  # type: ignore[misc, assignment]
    {
        **ObjectSettings._declared_fields,
        "fields": _names("Only these fields; without it all of them, new ones too."),
        "hashed": _names("Fields of which only a hash is loaded."),
        "left_out": _names("Fields that are not loaded, and whose columns are emptied."),
    },
    name="ObjectSettings",
)


class ExtractionSettings(Schema):
    """Settings of an extraction. What isn't given stays as it is."""

    description = fields.String(validate=_TEXT)
    source = fields.String(validate=_TEXT, metadata={"description": "A connection's id or description."})
    destination = fields.String(validate=_TEXT, metadata={"description": "A connection's id or description."})
    dataset = fields.String(validate=_TEXT)
    combines_orgs = fields.Boolean(
        metadata={"description": "Share the tables with extractions of other orgs that do so too."}
    )
    schedule = fields.String(validate=_TEXT, metadata={"example": "every 15 minutes"})
    timezone = fields.String(validate=_TEXT)
    quota_ceiling = fields.Integer(validate=validate.Range(1, 100))
    reread_days = fields.Integer(validate=validate.Range(0, 365))
    formula_rhythm = fields.String(validate=validate.OneOf(tuple(FormulaRhythm)))
    objects = fields.List(fields.Nested(ObjectSettings), validate=validate.Length(max=500))


class RunObjectState(Schema):
    """One object in a run."""

    name = fields.String()
    step = fields.String()
    rows = fields.Integer()
    deleted = fields.Integer()
    source_count = fields.Integer(allow_none=True)
    target_count = fields.Integer(allow_none=True)


class RunShown(Schema):
    """A run."""

    id = fields.String()
    state = fields.String(validate=validate.OneOf([state.value for state in RunState]))
    started_by = fields.String()
    started_at = fields.AwareDateTime(allow_none=True)
    ended_at = fields.AwareDateTime(allow_none=True)
    api_calls = fields.Integer()
    message = fields.String()
    detail = fields.String()
    objects = fields.List(fields.Nested(RunObjectState))


class RunList(Schema):
    """The newest runs of an extraction."""

    items = fields.List(fields.Nested(RunShown))


class TableShown(Schema):
    """The table of an object, and the columns of its fields, the oldest first."""

    object = fields.String()
    table = fields.String()
    columns = fields.Dict(
        keys=fields.String(), values=fields.List(fields.String()), metadata={"description": "By the field's API name."}
    )


class ExtractionState(ExtractionSettings):
    """An extraction with its newest run."""

    id = fields.String()
    tables = fields.List(fields.Nested(TableShown))
    next_run_at = fields.AwareDateTime(allow_none=True)
    last_run = fields.Nested(RunShown, allow_none=True)
    warnings = fields.List(
        fields.String(), metadata={"description": "After saving: what couldn't be checked, such as a filter."}
    )


class ExtractionList(Schema):
    """All extractions."""

    items = fields.List(fields.Nested(ExtractionState))
    total = fields.Integer()


class Refusal(Schema):
    """Why something can't be done; `errors` has the reasons by field."""

    code = fields.Integer()
    status = fields.String()
    message = fields.String()
    errors = fields.Dict(keys=fields.String(), values=fields.Raw())
