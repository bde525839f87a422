"""What people do with an extraction: save, run, delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import delete as sql_delete
from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError

from datasync_flask.audit import trail
from datasync_flask.clock import utcnow
from datasync_flask.connections.descriptions import DescriptionTaken, free_description
from datasync_flask.connections.models import description_key, new_public_id
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.destinations.service import PlaceTaken
from datasync_flask.extensions import db
from datasync_flask.extractions import schedule, tables
from datasync_flask.extractions.models import Extraction, ExtractionObject
from datasync_flask.extractions.names import numbered
from datasync_flask.extractions.runs.formula_rhythm import FormulaRhythm
from datasync_flask.extractions.tables import TableTaken
from datasync_flask.salesforce_connections import health_check

TAKEN = _l("Another extraction has this description already. Choose another one.")
OVERTAKEN = _l(
    "Somebody changed this extraction since you opened this page. Below is what you typed. Press the button again to "
    "replace what is saved now."
)


@dataclass
class ObjectChoice:
    """The choices for one object; '' means the connection's tracking type."""

    name: str
    tracking_type: str = ""
    filter: str = ""
    keeps_history: bool = False
    marks_deleted: bool = False
    # None: all fields that can be loaded.
    fields: list[str] | None = None
    # '' means the first existing one of SystemModstamp, LastModifiedDate, CreatedDate.
    cursor_field: str = ""
    # Fields of which only a hash is loaded, and fields that are left out, with their columns emptied.
    hashed: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, stored: ExtractionObject) -> ObjectChoice:
        """The stored choices of an object."""
        return cls(
            stored.name, stored.tracking_type, stored.filter, stored.keeps_history, stored.marks_deleted,
            stored.fields, stored.cursor_field, list(stored.hashed), list(stored.left_out),
        )  # fmt: skip


@dataclass
class ExtractionSettings:
    """The validated settings of an extraction."""

    description: str
    source_id: str
    destination_id: str
    dataset: str
    objects: list[ObjectChoice]
    combines_orgs: bool = False
    schedule: str = ""
    timezone: str = "UTC"
    quota_ceiling: int = 80
    reread_days: int = 0
    formula_rhythm: FormulaRhythm = FormulaRhythm.DAILY

    @classmethod
    def of(cls, stored: Extraction) -> ExtractionSettings:
        """The stored settings of an extraction."""
        objects = [ObjectChoice.of(chosen) for chosen in stored.objects]
        return cls(objects=objects, **{name: getattr(stored, name) for name in _SETTINGS})


# The values of a new extraction, by setting.
DEFAULTS: Mapping[str, Any] = {
    each.name: each.default for each in fields(ExtractionSettings) if each.default is not MISSING
}
# The settings of the extraction itself.
_SETTINGS = tuple(each.name for each in fields(ExtractionSettings) if each.name != "objects")


def is_description_taken(description: str, except_id: str = "") -> bool:
    """True when another extraction has this description."""
    key = description_key(description)
    return bool(
        db.session.scalar(select(exists().where(Extraction.description_key == key, Extraction.id != except_id)))
    )


def save(extraction: Extraction | None, data: ExtractionSettings, *, by: int | None, public_id: str = "") -> Extraction:
    """Store an extraction, a new one under `public_id` if given; commits. An object that moves starts again.

    Raises DescriptionTaken, TableTaken.
    """
    now = utcnow()
    before_all = _as_data(extraction) if extraction is not None else None
    if extraction is None:
        extraction = Extraction(id=public_id or new_public_id(), created_at=now)
        db.session.add(extraction)
    moved = (extraction.destination_id, extraction.dataset, extraction.combines_orgs or False) != (
        data.destination_id, data.dataset, data.combines_orgs,
    )  # fmt: skip
    # It keeps the tables: a run stops before it adds rows of another org.
    has_other_source = extraction.source_id != data.source_id
    has_other_schedule = (extraction.schedule, extraction.timezone) != (data.schedule, data.timezone)
    for name in _SETTINGS:
        setattr(extraction, name, getattr(data, name))
    extraction.description_key = description_key(data.description)
    if has_other_schedule:
        extraction.next_run_at = schedule.next_of(extraction, now)
    extraction.updated_at = now
    before = {each.name: each for each in extraction.objects}
    fields_before = {name: each.fields for name, each in before.items()}
    wanted = {choice.name: choice for choice in data.objects}
    for name in before.keys() - wanted.keys():
        extraction.objects.remove(before[name])
    for name, choice in wanted.items():
        chosen = before.get(name)
        if chosen is None:
            chosen = ExtractionObject(name=name, columns={}, field_columns={}, hashed=[], left_out=[])
            extraction.objects.append(chosen)
        if moved:
            chosen.forget_rows()
            chosen.table_name, chosen.columns, chosen.field_columns = "", {}, {}
            chosen.loaded_org_id, chosen.loaded_org_name, chosen.formulas_fresh_at = "", "", None
        elif has_other_source:
            chosen.watermark = None
        chosen.tracking_type, chosen.filter = choice.tracking_type, choice.filter
        chosen.keeps_history, chosen.marks_deleted = choice.keeps_history, choice.marks_deleted
        _set_fields(chosen, choice)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise DescriptionTaken(TAKEN) from None
    try:
        destination = db.session.get_one(DestinationConnection, data.destination_id)
        if taken := tables.reserve(extraction, destination).taken:
            db.session.rollback()
            raise TableTaken(min(taken))
        after_all = _as_data(extraction)
        if before_all is None:
            trail.record(trail.Event.EXTRACTION_CREATED, _subject(extraction), by=by, objects=sorted(wanted))
        elif changes := {name: [before_all.get(name), value] for name, value in after_all.items()
                         if before_all.get(name) != value}:  # fmt: skip
            record_change(extraction, changes, by)
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise TableTaken(data.description) from None
    if has_other_source or {each.name: each.fields for each in extraction.objects} != fields_before:
        # Find out before the first run what the user can't see.
        health_check.check_soon(extraction.source_id)
    return extraction


def _subject(extraction: Extraction) -> tuple[str, str, str]:
    return "extraction", extraction.id, extraction.description


def record_change(extraction: Extraction, changes: dict[str, Any], by: int | None = None) -> None:
    """Record changed settings, each with its old and its new value, in the audit log. The caller commits."""
    trail.record(trail.Event.EXTRACTION_CHANGED, _subject(extraction), by=by, changes=changes)


def on_destination_changed(destination: DestinationConnection, *, before: dict[str, Any]) -> None:
    """If a destination leads to another place, reserve the tables there and have everything loaded into them.

    The caller commits. Raises PlaceTaken.
    """
    if tables.place_of(destination.kind, before) == tables.place_of(destination.kind, destination.settings):
        return
    for extraction in db.session.scalars(select(Extraction).where(Extraction.destination_id == destination.id)).all():
        for chosen in extraction.objects:
            chosen.forget_rows()
        if taken := tables.reserve(extraction, destination).taken:
            name = min(taken)
            raise PlaceTaken(taken[name], name)


def _as_data(extraction: Extraction) -> dict[str, Any]:
    """The settings for the audit log."""
    objects = [asdict(ObjectChoice.of(chosen)) for chosen in extraction.objects]
    return {name: getattr(extraction, name) for name in _SETTINGS} | {
        f"object {chosen['name']}": {name: value for name, value in chosen.items() if value and name != "name"}
        for chosen in objects
    }


def reload(chosen: ExtractionObject) -> None:
    """Have the next run load all of an object; commits."""
    chosen.watermark = None
    record_change(chosen.extraction, {f"object {chosen.name}": ["", "load everything again"]})
    db.session.commit()


def choose_fields(chosen: ExtractionObject, choice: ObjectChoice, *, fills: bool, by: int | None) -> None:
    """Store which fields of an object are loaded and which date detects changes; commits.

    With `fills` the next run reads everything, so that rows loaded before get the new fields too.
    """
    extraction, before = chosen.extraction, ObjectChoice.of(chosen)
    _set_fields(chosen, choice)
    extraction.updated_at = utcnow()
    if fills:
        chosen.watermark = None
    if before != choice:
        record_change(extraction, {f"object {chosen.name}": [asdict(before), asdict(choice)]}, by)
    db.session.commit()


def _set_fields(chosen: ExtractionObject, choice: ObjectChoice) -> None:
    if set(chosen.left_out) - set(choice.left_out):
        # Rows that are already loaded get its values too.
        chosen.watermark = None
    chosen.fields, chosen.cursor_field = choice.fields, choice.cursor_field
    chosen.hashed, chosen.left_out = choice.hashed, choice.left_out


def copy_along(old_source_id: str, new_source_id: str, *, by: int | None) -> int:
    """Copy the extractions of a source to another one, without a schedule so that nothing starts by itself; commits.

    Return how many were copied.
    """
    found = db.session.scalars(select(Extraction).where(Extraction.source_id == old_source_id)).all()
    for original in found:
        data = replace(
            ExtractionSettings.of(original),
            description=free_description(original.description, is_description_taken),
            source_id=new_source_id,
            # Two sources in one table would delete each other's rows.
            dataset=_free_dataset(original),
            combines_orgs=False,
            schedule="",
        )
        save(None, data, by=by)
    return len(found)


def _free_dataset(original: Extraction) -> str:
    """A dataset named after an extraction's, in which no other extraction owns a table of its objects."""
    names = [chosen.name for chosen in original.objects]
    datasets = numbered(f"{original.dataset[:40].rstrip('_')}_copy")
    return next(each for each in datasets if not tables.wanted_by(None, original.destination, each, names).taken)


def delete(extraction: Extraction, *, by: int | None) -> None:
    """Delete an extraction with its runs; the tables stay, and belong to nobody. Commits."""
    trail.record(trail.Event.EXTRACTION_DELETED, _subject(extraction), by=by)
    db.session.execute(sql_delete(Extraction).where(Extraction.id == extraction.id))
    db.session.commit()
