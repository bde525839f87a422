"""The form of an extraction. The objects are a list of names, each with settings of its own."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, HiddenField, IntegerField, SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types
from wtforms.validators import InputRequired, NumberRange, ValidationError

from datasync_flask.connections.forms import description_field
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.destinations.registry import DESTINATIONS
from datasync_flask.extractions import filters, loader, schedule, service, tables, treatments
from datasync_flask.extractions.formula_fields import RHYTHM_HINT, RHYTHMS
from datasync_flask.extractions.models import Extraction
from datasync_flask.extractions.runs.formula_rhythm import FormulaRhythm
from datasync_flask.extractions.service import ExtractionSettings, ObjectChoice
from datasync_flask.extractions.setup import filter_trial, schedule_picker
from datasync_flask.extractions.setup.schedule_picker import Picked
from datasync_flask.forms import SettingsForm, strip
from datasync_flask.salesforce.descriptions import is_api_name
from datasync_flask.salesforce_connections.models import SalesforceConnection
from datasync_flask.salesforce_connections.settings import TRACKING_TYPES

_DATASET = re.compile(r"[a-z][a-z0-9_]{0,49}")
# How dlt spells names: no two underscores in a row, and none at the end.
_AS_DLT_SPELLS = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
# Schemas and prefixes that the databases reserve.
_NOT_FREE = {
    "postgresql": re.compile(r"information_schema|pg_.*"),
    "duckdb": re.compile(r"information_schema|pg_catalog|system|temp"),
    "sqlite": re.compile(r"sqlite(_.*)?"),
}
MAX_OBJECTS = 500


def names_in(text: str) -> list[str] | None:
    """The API names in a text, separated by commas or spaces; None when there are none: all fields."""
    return list(dict.fromkeys(re.findall(r"\w+", text)))[:2000] or None


def is_dataset_name(name: str) -> bool:
    """True for names that every destination takes without quoting."""
    return bool(_DATASET.fullmatch(name))


class DescribedExtraction(SettingsForm):
    """A form with an extraction's unique description."""

    description = description_field(_l("Give the extraction a description, for instance Sales to the warehouse."))
    extraction: Extraction | None = None

    def validate_description(self, field: Any) -> None:
        """Refuse a description that another extraction has."""
        if service.is_description_taken(field.data, self.extraction.id if self.extraction else ""):
            raise ValidationError(str(service.TAKEN))


class ExtractionForm(DescribedExtraction):
    """What an extraction loads, where to, and when."""

    source = SelectField(_l("Source"), validate_choice=False)
    destination = SelectField(_l("Destination"), validate_choice=False)
    dataset = StringField(
        _l("Schema, prefix or folder"),
        [InputRequired(_l("Enter a name for the schema, folder or prefix, for instance salesforce."))],
        filters=[strip],
        render_kw={"autocomplete": "off", "spellcheck": "false", "maxlength": 50},
    )
    combines_orgs = BooleanField(
        _l("Combine orgs in these tables"),
        description=_l(
            "Only if you load several orgs into the same tables. Each row then says which org it is from, in the "
            "columns _datasync_org_id and _datasync_org_name."
        ),
        false_values=("", "false", "False"),
    )
    objects = SelectMultipleField(_l("Objects"), validate_choice=False)
    schedule = StringField(
        _l("Schedule"),
        filters=[strip],
        render_kw={"autocomplete": "off", "maxlength": 100, "list": "schedules"},
    )
    timezone = StringField(
        _l("Time zone"),
        filters=[strip],
        default="UTC",
        render_kw={"autocomplete": "off", "spellcheck": "false", "maxlength": 64},
    )
    quota_ceiling = IntegerField(
        _l("Pause when the org has used this much of its daily API calls, in percent"),
        [NumberRange(1, 100, _l("Enter a number from 1 to 100."))],
        default=80,
    )
    reread_days = IntegerField(
        _l("Reload everything after this many days"),
        [NumberRange(0, 365, _l("Enter a number from 0 to 365."))],
        default=0,
        description=_l("For changes that Salesforce doesn’t report. 0: never."),
    )
    formula_rhythm = SelectField(
        _l("Refresh formula fields"),
        choices=[SelectChoice(value, words) for value, words in RHYTHMS.items()],
        default=FormulaRhythm.DAILY.value,
        description=RHYTHM_HINT,
    )

    # When the settings last changed, as far as this page knows.
    edited = HiddenField()

    def __init__(
        self,
        extraction: Extraction | None = None,
        *,
        given: MultiDict[str, str] | None = None,
        tries_filters: bool = True,
    ) -> None:
        values: dict[str, Any] = {}
        if extraction is not None:
            values = {name: getattr(extraction, name) for name in ("description", "dataset", *service.DEFAULTS)}
            values |= {
                "source": extraction.source_id,
                "destination": extraction.destination_id,
                "objects": [chosen.name for chosen in extraction.objects],
                "edited": extraction.updated_at.isoformat(),
            }
        super().__init__(data=values, given=given)
        self.extraction, self._tries_filters = extraction, tries_filters
        # Why each filter that couldn't be tried couldn't.
        self.not_tried: list[str] = []
        # The object whose filter was refused.
        self.refused_filter = ""
        self.source.choices = [SelectChoice(each.id, each.description) for each in loader.sources()]
        self.destination.choices = [SelectChoice(each.id, each.description) for each in loader.destinations()]

    def validate_source(self, field: Any) -> None:
        """One of the connections that can be read from."""
        if field.data not in {choice.value for choice in field.choices}:
            raise ValidationError(gettext("Choose a source."))

    def validate_destination(self, field: Any) -> None:
        """One of the connections that can be written to."""
        if field.data not in {choice.value for choice in field.choices}:
            raise ValidationError(gettext("Choose a destination."))

    def validate_dataset(self, field: Any) -> None:
        """Accept only names that every destination takes without quoting; convert capitals, spaces and dashes."""
        field.data = re.sub(r"[\s-]+", "_", (field.data or "").strip().lower())
        if not _DATASET.fullmatch(field.data or ""):
            raise ValidationError(
                gettext("Use small letters, digits and underscores, beginning with a letter, for instance salesforce.")
            )

        target = self._chosen_destination
        is_kept = self.extraction is not None and self.extraction.dataset == field.data
        if not is_kept and not _AS_DLT_SPELLS.fullmatch(field.data):
            raise ValidationError(gettext("Put one underscore between two words, and none at the end."))
        if target is not None and target.kind in _NOT_FREE and _NOT_FREE[target.kind].fullmatch(field.data):
            raise ValidationError(
                gettext("%(name)s is a name that the database keeps for itself. Choose another one.", name=field.data)
            )
        path = str(target.settings.get("path", "")) if target is not None and target.kind == "duckdb" else ""
        if path and PurePosixPath(path).stem.lower() == field.data:
            # DuckDB calls a file's database by the file's name, and then can't tell it from a schema of that name.
            raise ValidationError(
                gettext(
                    "In DuckDB a schema can’t have the name of its file (%(file)s). Choose another name, for instance "
                    "%(name)s_data.",
                    file=path,
                    name=field.data,
                )
            )

    def validate_combines_orgs(self, field: Any) -> None:
        """Refuse a change for existing tables, which stay with or without the org's columns, and an unknown org."""
        source, target, stored = self._chosen_source, self._chosen_destination, self.extraction
        if field.data and source is not None and not source.org_id:
            raise ValidationError(gettext("Connect %(name)s first, so that its org is known.", name=source.description))
        if field.data and target is not None and not DESTINATIONS[target.kind].combines_orgs:
            raise ValidationError(gettext("This kind of destination doesn’t combine orgs."))
        if (
            stored is not None
            and stored.combines_orgs != field.data
            and (stored.destination_id, stored.dataset) == (self.destination.data, self.dataset.data)
            and any(chosen.table_name for chosen in stored.objects)
        ):
            raise ValidationError(
                gettext(
                    "The tables in %(dataset)s are only this org’s. To combine orgs, enter another schema, prefix or "
                    "folder: the next run loads everything there, and the tables in %(dataset)s stay as they are.",
                    dataset=stored.dataset,
                )
                if field.data
                else gettext(
                    "The tables in %(dataset)s are for several orgs. For tables of its own, enter another schema, "
                    "prefix or folder: the next run loads everything there, and the rows in %(dataset)s stay as "
                    "they are.",
                    dataset=stored.dataset,
                )
            )

    def validate_objects(self, field: Any) -> None:
        """Require at least one object, each only once and with a possible name."""
        names = list(dict.fromkeys(field.data or []))
        if not names:
            raise ValidationError(gettext("Choose at least one object."))
        if len(names) > MAX_OBJECTS:
            raise ValidationError(gettext("Choose at most %(number)s objects.", number=MAX_OBJECTS))
        wrong = [name for name in names if not is_api_name(name)]
        if wrong:
            raise ValidationError(gettext("%(name)s can’t be the API name of an object.", name=wrong[0][:80]))
        spelled: dict[str, str] = {}
        for name in names:
            if spelled.setdefault(name.lower(), name) != name:
                raise ValidationError(
                    gettext(
                        "%(one)s and %(other)s are the same object. Choose one of them.",
                        one=spelled[name.lower()],
                        other=name,
                    )
                )
            if self.sent.get(f"tracking_type-{name}", "") not in {"", *TRACKING_TYPES}:
                self.objects.id = f"tracking_type-{name}"
                raise ValidationError(gettext("The tracking type of %(name)s: choose one from the list.", name=name))
            try:
                filters.check(self.choice(name).filter)
            except filters.FilterRefused as refusal:
                self._point_to_filter(name)
                raise ValidationError(gettext("The filter of %(name)s: %(why)s", name=name, why=str(refusal))) from None
            try:
                treatments.check(self.choice(name))
            except treatments.TreatmentRefused as refusal:
                raise ValidationError(gettext("The fields of %(name)s: %(why)s", name=name, why=str(refusal))) from None
        field.data = names

    @property
    def _chosen_source(self) -> SalesforceConnection | None:
        return loader.source(self.source.data)

    @property
    def _chosen_destination(self) -> DestinationConnection | None:
        return loader.destination(self.destination.data)

    def validate(self, extra_validators: Any = None) -> bool:
        """Validate the fields. Check that no other extraction has a table this one would write to, and Salesforce
        accepts new filters.
        """
        return bool(super().validate(extra_validators)) and self._has_free_tables() and self._has_good_filters()

    def _has_good_filters(self) -> bool:
        source, before = self._chosen_source, self.extraction
        if source is None or not self._tries_filters:
            return True
        # Another org may refuse what this one accepts.
        is_same_org = before is not None and before.source_id == source.id
        stored = {each.name: each.filter for each in before.objects} if before is not None and is_same_org else {}
        self.not_tried = []
        for name in self.objects.data or []:
            condition = self.choice(name).filter
            if not condition or stored.get(name) == condition:
                continue
            trial = filter_trial.tried(source, name, condition)
            if trial.refusal:
                self._point_to_filter(name)
                self.objects.errors = [gettext("The filter of %(name)s: %(why)s", name=name, why=trial.refusal)]
                return False
            self.not_tried += [trial.not_tried] if trial.not_tried else []
        return True

    def _point_to_filter(self, name: str) -> None:
        self.refused_filter = name
        self.objects.id = f"filter-{name}"

    def _has_free_tables(self) -> bool:
        target, stored, source = self._chosen_destination, self.extraction, self._chosen_source
        if target is None or source is None:
            return True
        org_id = source.org_id if self.combines_orgs.data else ""
        found = tables.wanted_by(stored, target, self.dataset.data or "", self.objects.data or [], org_id=org_id)
        if not (taken := found.taken):
            return True
        name = min(taken)
        if name in found.same_org:
            self.combines_orgs.errors = [
                gettext(
                    "The extraction %(owner)s puts %(name)s of this org into these tables already. An org is combined "
                    "with other orgs, not with itself.",
                    owner=f"“{taken[name]}”",
                    name=name,
                )
            ]
            return False
        stays = stored is not None and (stored.destination_id, stored.dataset) == (target.id, self.dataset.data)
        (self.objects if stays else self.dataset).errors = [
            gettext(
                "The extraction %(owner)s loads %(name)s into the same table already. Choose another "
                "schema, prefix or folder, or leave %(name)s out of one of the two.",
                owner=f"“{taken[name]}”",
                name=name,
            )
        ]
        return False

    def validate_schedule(self, field: Any) -> None:
        """Parse the schedule: as picked, or as text."""
        field.data = self.picked.schedule if "repeat" in self.sent else schedule.normalised(field.data or "")

    def validate_timezone(self, field: Any) -> None:
        """A time zone that exists."""
        field.data = field.data or "UTC"
        schedule.check_timezone(field.data)

    @property
    def picked(self) -> Picked:
        """The schedule for its picker."""
        is_sent = self.is_submitted() and "repeat" in self.sent
        return schedule_picker.of_form(self.sent) if is_sent else schedule_picker.of_schedule(self.schedule.data or "")

    def choice(self, name: str) -> ObjectChoice:
        """The choice for one object: as posted, or as stored."""
        stored = self.extraction.object(name) if self.extraction else None
        before = ObjectChoice.of(stored) if stored else ObjectChoice(name)
        if not self.is_submitted():
            return before
        sent = self.sent
        tracking = sent.get(f"tracking_type-{name}", "")
        return ObjectChoice(
            name,
            tracking if tracking in TRACKING_TYPES else "",
            sent.get(f"filter-{name}", "").replace("\x00", "").strip(),
            f"history-{name}" in sent,
            f"mark-{name}" in sent,
            # People choose these on a separate page: a form without them doesn't change them.
            names_in(sent[f"fields-{name}"]) if f"fields-{name}" in sent else before.fields,
            sent.get(f"cursor-{name}", before.cursor_field)[:80],
            (names_in(sent[f"hashed-{name}"]) or []) if f"hashed-{name}" in sent else before.hashed,
            (names_in(sent[f"left_out-{name}"]) or []) if f"left_out-{name}" in sent else before.left_out,
        )

    def settings(self) -> ExtractionSettings:
        """The settings in the validated form."""
        return ExtractionSettings(
            description=self.description.data or "",
            source_id=self.source.data,
            destination_id=self.destination.data,
            dataset=self.dataset.data or "",
            combines_orgs=self.combines_orgs.data,
            objects=[self.choice(name) for name in self.objects.data or []],
            schedule=self.schedule.data or "",
            timezone=self.timezone.data or "UTC",
            quota_ceiling=self.quota_ceiling.data if self.quota_ceiling.data is not None else 80,
            reread_days=self.reread_days.data or 0,
            formula_rhythm=FormulaRhythm(self.formula_rhythm.data),
        )
