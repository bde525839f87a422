"""Where the data goes: existing destinations, a new one created in place, and the names of its tables."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from datasync_flask.connections.descriptions import is_description_taken
from datasync_flask.connections.kinds import KINDS
from datasync_flask.destinations.base import DestinationError
from datasync_flask.destinations.forms import DestinationForm
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.destinations.registry import DESTINATIONS
from datasync_flask.extensions import db
from datasync_flask.extractions import loader, tables
from datasync_flask.extractions.models import Extraction
from datasync_flask.extractions.names import numbered, snake_case
from datasync_flask.forms import SettingRefused

NEW = "new"
USUAL_KIND = "duckdb"
# Fields of a new destination have this prefix, because the form also has fields of the extraction.
PREFIX = "new-"
DATASET_LABELS = {"schema": _l("Schema"), "prefix": _l("Table prefix"), "folder": _l("Folder")}
_BETWEEN = {"schema": ".", "prefix": "_", "folder": "/"}
_SECRETS = {"password", "kept_password"}


def usual_destination(choices: Sequence[DestinationConnection]) -> str:
    """The preselected destination: the last used one, the only one, or a new one."""
    if not choices:
        return NEW
    newest = select(Extraction.destination_id).order_by(Extraction.created_at.desc()).limit(1)
    return db.session.scalar(newest) or choices[0].id


def dataset_is(destination: DestinationConnection | None, kind: str) -> str:
    """What a dataset is in a destination: schema, prefix or folder."""
    return DESTINATIONS[destination.kind if destination is not None else kind].dataset_is


def table_names(dataset: str, shown_as: str, names: Sequence[str]) -> list[str]:
    """The tables that objects get."""
    return [f"{dataset}{_BETWEEN[shown_as]}{snake_case(name)}" for name in names]


def slug(text: str) -> str:
    """A text turned into a name that every destination takes."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    prefix = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:40].rstrip("_")
    return prefix if prefix[:1].isalpha() else f"sf_{prefix}".rstrip("_") if prefix else "salesforce"


def free_dataset(wanted: str, destination: DestinationConnection | None, new_path: str, names: Sequence[str]) -> str:
    """A name for a dataset in which no other extraction owns one of these tables."""
    path = str(destination.settings.get("path", "")) if destination is not None else new_path
    base = f"{wanted}_data" if path.rsplit("/", 1)[-1].rpartition(".")[0].lower() == wanted else wanted
    if destination is None:
        return base
    return next(each for each in numbered(base) if not tables.wanted_by(None, destination, each, names).taken)


def usual_fields(kind: str) -> dict[str, Any]:
    """The default values of a new destination's form: enough for a file."""
    if not DESTINATIONS[kind].is_file:
        return {"port": DESTINATIONS[kind].default_port} if DESTINATIONS[kind].default_port else {}
    _, dot, suffix = DESTINATIONS[kind].example.rpartition(".")
    taken = {str(each.settings.get("path", "")).lower() for each in loader.destinations()}
    paths = (f"{name}.{suffix}" if dot else name for name in numbered("datasync"))
    return {"path": next(path for path in paths if path.lower() not in taken)}


def free_name(wanted: str) -> str:
    """A description that no other connection has."""
    return next(name for name in numbered(wanted[:110], " ") if not is_description_taken(name))


def usual_description(kind: str, values: Mapping[str, Any]) -> str:
    """A new destination's description, made of its address; empty while that is."""
    if values.get("path"):
        return free_name(f"{KINDS[kind].title} {values['path']}")
    if values.get("database"):
        place = gettext("%(database)s on %(host)s", database=values["database"], host=values.get("host", ""))
        return free_name(place)
    return free_name(str(values["bucket"])) if values.get("bucket") else ""


def new_form(kind: str, typed: Mapping[str, Any]) -> DestinationForm:
    """The form of a new destination, with what was typed in place of defaults."""
    values = usual_fields(kind) | {name: value for name, value in typed.items() if value}
    values.setdefault("description", usual_description(kind, values))
    sent = MultiDict({name: str(value) for name, value in values.items()})
    form = DestinationForm(kind, given=sent)
    for name in form._fields.keys() - {"csrf_token"}:
        form[name].id = f"{PREFIX}{form[name].id}"
        form[name].label.field_id = form[name].id
        form[name].name = f"{PREFIX}{name}"
    return form


def typed_in(sent: Mapping[str, str]) -> dict[str, str]:
    """The values typed into the fields of a new destination."""
    found = {
        name.removeprefix(PREFIX): str(value).replace("\x00", "")[:20_000]
        for name, value in sent.items()
        if name.startswith(PREFIX) and name != f"{PREFIX}kind"
    }
    # One that nobody changed follows the address.
    if found.get("description") == sent.get("usual_description"):
        found["description"] = ""
    return found


def without_secrets(typed: Mapping[str, str]) -> dict[str, str]:
    """The values that a draft may store."""
    return {name: value for name, value in typed.items() if name not in _SECRETS}


def is_valid(form: DestinationForm) -> bool:
    """True when nothing is missing. A name that is made of the other fields isn't missed while those are empty."""
    is_complete: bool = form.validate()
    others = any(field.errors for field in form if field is not form["description"])
    if others and not form["description"].data:
        form["description"].errors = []
    return is_complete


def problem_of(form: DestinationForm) -> DestinationError | None:
    """Try a valid form's settings, and put an error at its field."""
    problem = form.find_problem()
    if problem is not None:
        form.show(problem)
    return problem


def save_new(form: DestinationForm, *, by: int) -> DestinationConnection | None:
    """Check and store a new destination; None if something is wrong, with the error at its field. Commits."""
    if is_valid(form) and problem_of(form) is None:
        try:
            return form.save(None, by=by)
        except SettingRefused as refusal:
            form.refuse(refusal)
    form.keep_password()
    return None
