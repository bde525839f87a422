"""The form of an extraction. The objects are a list of names, each with settings of its own."""

from __future__ import annotations

import re
from typing import Any

from flask import request
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, ValidationError

from datasync_flask.connections.forms import TRACKING_TYPES, one_line, strip
from datasync_flask.extractions import loader, schedule, service
from datasync_flask.extractions.models import Extraction
from datasync_flask.extractions.service import ExtractionSettings, ObjectChoice

_OBJECT_NAME = re.compile(r"[A-Za-z]\w{0,79}")
_DATASET = re.compile(r"[a-z][a-z0-9_]{0,49}")
MAX_OBJECTS = 500


class ExtractionForm(FlaskForm):
    """Which objects go where, and when."""

    description = StringField(
        _l("Description"),
        [
            DataRequired(_l("Give the extraction a description, for instance Sales to the warehouse.")),
            Length(max=120, message=_l("Use at most 120 characters.")),
        ],
        filters=[one_line, strip],
        render_kw={"autocomplete": "off", "maxlength": 120},
    )
    source = SelectField(_l("Source"))
    destination = SelectField(_l("Destination"))
    dataset = StringField(
        _l("Dataset"),
        [InputRequired(_l("Enter a name for the schema, folder or prefix, for instance salesforce."))],
        filters=[strip],
        description=_l("The schema or folder the tables go to; in SQLite and MySQL the beginning of their names."),
        render_kw={"autocomplete": "off", "spellcheck": "false", "maxlength": 50},
    )
    objects = SelectMultipleField(_l("Objects"), validate_choice=False)
    schedule = StringField(
        _l("Schedule"),
        filters=[strip],
        description=_l(
            "Empty: only by hand. Or every 15 minutes, every 2 hours, every day; or cron, like 30 6 * * 1-5."
        ),
        render_kw={"autocomplete": "off", "maxlength": 100, "list": "schedules"},
    )
    timezone = StringField(
        _l("Time zone"),
        filters=[strip],
        default="UTC",
        description=_l("For cron. A name like Europe/Berlin."),
        render_kw={"autocomplete": "off", "spellcheck": "false", "maxlength": 64},
    )
    quota_ceiling = IntegerField(
        _l("Pause at this share of the org's daily API calls, in percent"),
        [NumberRange(1, 100, _l("Enter a number from 1 to 100."))],
        default=80,
    )
    reread_days = IntegerField(
        _l("Load everything again after this many days"),
        [NumberRange(0, 365, _l("Enter a number from 0 to 365."))],
        default=0,
        description=_l("Keeps formula fields fresh, which change without anybody being told. 0: never."),
    )

    def __init__(self, extraction: Extraction | None = None, source_id: str = "") -> None:
        values: dict[str, Any] = {"source": source_id}
        if extraction is not None:
            values = {
                name: getattr(extraction, name)
                for name in ("description", "dataset", "schedule", "timezone", "quota_ceiling", "reread_days")
            }
            values |= {
                "source": extraction.source_id,
                "destination": extraction.destination_id,
                "objects": [chosen.name for chosen in extraction.objects],
            }
        super().__init__(data=values)
        self.extraction = extraction
        self.source.choices = [SelectChoice(each.id, each.description) for each in loader.sources()]
        self.destination.choices = [SelectChoice(each.id, each.description) for each in loader.destinations()]

    def validate_description(self, field: Any) -> None:
        """Refuse a description that another extraction has."""
        if service.is_description_taken(field.data, self.extraction.id if self.extraction else ""):
            raise ValidationError(gettext("Another extraction has this description already. Choose another one."))

    def validate_dataset(self, field: Any) -> None:
        """Names that every destination takes without quoting; capitals, spaces and dashes are understood."""
        field.data = re.sub(r"[\s-]+", "_", (field.data or "").strip().lower())
        if not _DATASET.fullmatch(field.data or ""):
            raise ValidationError(
                gettext("Use small letters, digits and underscores, beginning with a letter, for instance salesforce.")
            )

    def validate_objects(self, field: Any) -> None:
        """At least one, each once, each a name that an object can have."""
        names = list(dict.fromkeys(field.data or []))
        if not names:
            raise ValidationError(gettext("Choose at least one object."))
        if len(names) > MAX_OBJECTS:
            raise ValidationError(gettext("Choose at most %(number)s objects.", number=MAX_OBJECTS))
        wrong = [name for name in names if not _OBJECT_NAME.fullmatch(name)]
        if wrong:
            raise ValidationError(gettext("%(name)s can't be the API name of an object.", name=wrong[0][:80]))
        field.data = names
        for stored in self.extraction.objects if self.extraction else ():
            is_switched = stored.name in names and self.choice(stored.name).keeps_history != stored.keeps_history
            if is_switched and stored.loaded_at is not None:
                raise ValidationError(
                    gettext(
                        "%(name)s is loaded already: whether every version is kept is chosen before the first run. "
                        "Make another extraction for it.",
                        name=stored.name,
                    )
                )

    def validate_schedule(self, field: Any) -> None:
        """Understand the schedule."""
        try:
            field.data = schedule.normalised(field.data or "")
        except schedule.ScheduleRefused as refusal:
            raise ValidationError(gettext(str(refusal))) from None

    def validate_timezone(self, field: Any) -> None:
        """A time zone that exists."""
        field.data = field.data or "UTC"
        try:
            schedule.check_timezone(field.data)
        except schedule.ScheduleRefused as refusal:
            raise ValidationError(gettext(str(refusal))) from None

    def choice(self, name: str) -> ObjectChoice:
        """Return what is chosen for one object: as posted, or as stored."""
        stored = (
            next((each for each in self.extraction.objects if each.name == name), None) if self.extraction else None
        )
        if not self.is_submitted():
            if stored is None:
                return ObjectChoice(name)
            return ObjectChoice(name, stored.tracking_type, stored.filter, stored.keeps_history, stored.marks_deleted)
        tracking = request.form.get(f"tracking_type-{name}", "")
        return ObjectChoice(
            name,
            tracking if tracking in TRACKING_TYPES else "",
            request.form.get(f"filter-{name}", "").replace("\x00", "").strip()[:2000],
            f"history-{name}" in request.form,
            f"mark-{name}" in request.form,
        )

    def settings(self) -> ExtractionSettings:
        """Return what the validated form holds."""
        return ExtractionSettings(
            description=self.description.data or "",
            source_id=self.source.data,
            destination_id=self.destination.data,
            dataset=self.dataset.data or "",
            objects=[self.choice(name) for name in self.objects.data or []],
            schedule=self.schedule.data or "",
            timezone=self.timezone.data or "UTC",
            quota_ceiling=self.quota_ceiling.data if self.quota_ceiling.data is not None else 80,
            reread_days=self.reread_days.data or 0,
        )
