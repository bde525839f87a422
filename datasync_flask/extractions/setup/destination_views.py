"""The second step: where the data goes, and when."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import needs_role
from datasync_flask.addresses import wants_fragment
from datasync_flask.connections.kinds import KINDS
from datasync_flask.destinations.forms import DestinationForm
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.destinations.registry import DESTINATIONS
from datasync_flask.extractions import catalog, formula_fields, loader, service
from datasync_flask.extractions.forms import ExtractionForm
from datasync_flask.extractions.runs.formula_rhythm import FormulaRhythm
from datasync_flask.extractions.schedule import ScheduleRefused
from datasync_flask.extractions.setup import destinations, drafts, objects, schedule_picker
from datasync_flask.extractions.setup.models import ExtractionDraft
from datasync_flask.extractions.setup.views import bp, close, step_list, to_step

FIELDS = ("destination", "dataset", *service.DEFAULTS)


@bp.route("/extractions/<public_id:draft_id>/setup/destination", methods=["GET", "POST"], endpoint="destination")
@needs_role(Role.EDITOR)
def choose_destination(draft_id: str) -> ResponseReturnValue:
    """Choose destination and schedule; every button stores what was typed, except passwords."""
    draft = drafts.editable(draft_id)
    step = Step(draft)
    if request.method == "GET":
        return step.page()
    action = request.form.get("do", "")
    drafts.change(draft, step.typed)
    if wants_fragment() or action == "show":
        if action == "test":
            step.test()
        return step.page()
    if action == "back":
        return to_step(draft, "objects")
    if action == "close":
        return close(draft)
    if action == "test":
        step.test()
        return step.page()
    if not step.finish():
        return step.page(), 422
    return to_step(draft, "review")


class Step:
    """The values the step shows: the draft, overridden by what was sent."""

    def __init__(self, draft: ExtractionDraft) -> None:
        self.draft, self.choices = draft, loader.destinations()
        self.is_sent = request.method == "POST"
        stored = draft.settings
        sent = request.form
        self.destination = sent.get("destination", "") or stored.get("destination", "")
        known = {each.id: each for each in self.choices}
        if self.destination not in {*known, destinations.NEW}:
            self.destination = destinations.usual_destination(self.choices)
        self.chosen: DestinationConnection | None = known.get(self.destination)
        kind = sent.get("new-kind", "") or stored.get("new_kind", "")
        self.kind = kind if kind in DESTINATIONS else destinations.USUAL_KIND
        had_fields = "new-kind" in sent and sent.get("shown_kind") == self.kind
        self.new_typed = destinations.typed_in(sent) if had_fields else {}
        typed_before = stored.get("new", {}) if stored.get("new_kind") == self.kind else {}
        typed = typed_before | self.new_typed
        self.new_form: DestinationForm = destinations.new_form(self.kind, typed)
        self.usual_description = "" if typed.get("description") else self.new_form.description.data
        if "repeat" in sent:
            self.picked = schedule_picker.of_form(sent)
        elif unfinished := stored.get("unfinished_schedule"):
            self.picked = schedule_picker.Picked("cron", text=unfinished)
        else:
            self.picked = schedule_picker.of_schedule(stored.get("schedule", drafts.SCHEDULE))
        self.combines_orgs = "combines_orgs" in sent if self.is_sent else bool(stored.get("combines_orgs"))
        self.combined = loader.combining_at(self.chosen)
        self.objects = drafts.choices(draft) or []
        self.names = [choice.name for choice in self.objects]
        self.dataset = self._dataset()
        self.errors: dict[str, list[str]] = {}
        self.test_result, self.is_test_passed = "", False

    def _dataset(self) -> str:
        """The dataset: as typed, or one that fits the destination."""
        typed, usual = request.form.get("dataset"), request.form.get("usual_dataset")
        if typed is not None and typed != usual:
            return typed.replace("\x00", "").strip()[:80]
        if typed is None and "dataset" in self.draft.settings:
            return str(self.draft.settings["dataset"])
        return self.usual_dataset

    @property
    def usual_dataset(self) -> str:
        """A name derived from the connection's, or the schema that the destination suggests."""
        if self.combines_orgs and self.combined:
            return self.combined[0].dataset
        schema = str(self.chosen.settings.get("schema", "")) if self.chosen is not None else ""
        wanted = destinations.slug(schema or self.draft.source.description)
        path = str(self.new_form.path.data or "") if "path" in self.new_form and self.chosen is None else ""
        return destinations.free_dataset(wanted, self.chosen, path, self.names)

    @property
    def combine_field(self) -> Any:
        """The field for combining orgs, for its texts."""
        return ExtractionForm(given=MultiDict()).combines_orgs

    @property
    def typed(self) -> dict[str, Any]:
        """What the draft stores of this step: values that differ from the defaults, and no password."""
        sent = request.form
        found: dict[str, Any] = {
            "destination": self.destination,
            "new_kind": self.kind,
            "combines_orgs": self.combines_orgs,
            "timezone": sent.get("timezone", "UTC")[:64],
            "quota_ceiling": sent.get("quota_ceiling", "80")[:10],
            "reread_days": sent.get("reread_days", "0")[:10],
            "formula_rhythm": sent.get("formula_rhythm", FormulaRhythm.DAILY.value)[:16],
            "unfinished_schedule": "",
        }
        if self.new_typed:
            found["new"] = destinations.without_secrets(self.new_typed)
        elif self.draft.settings.get("new_kind") != self.kind:
            found["new"] = {}
        if self.dataset != self.usual_dataset or "dataset" in self.draft.settings:
            found["dataset"] = self.dataset
        try:
            found["schedule"] = self.picked.schedule
        except ScheduleRefused:
            found["schedule"] = self.draft.settings.get("schedule", drafts.SCHEDULE)
            found["unfinished_schedule"] = self.picked.text if self.picked.repeat == "cron" else ""
        return {name: value.replace("\x00", "") if isinstance(value, str) else value for name, value in found.items()}

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the step in the format of an extraction's form."""
        return drafts.settings_of(
            self.draft,
            destination=self.chosen.id if self.chosen is not None else "",
            dataset=self.dataset,
            combines_orgs=self.combines_orgs,
            # A unique placeholder: the next step asks for the name.
            description=self.draft.id,
        )

    def test(self) -> None:
        """Try a new destination; errors appear at their fields."""
        form = self.new_form
        if destinations.is_valid(form) and destinations.problem_of(form) is None:
            self.test_result = gettext("It works: tables can be created, written and removed.")
            self.is_test_passed = True
        else:
            self.test_result = gettext("It doesn’t work yet. The fields above say what to correct.")
        form.keep_password()

    def finish(self) -> bool:
        """Create a new destination, check everything, and put all errors at their fields; False if there is one."""
        made = None
        if self.destination == destinations.NEW:
            made = destinations.save_new(self.new_form, by=current_user.id)
        if made is not None:
            self.chosen, self.destination, self.choices = made, made.id, loader.destinations()
            drafts.change(self.draft, {"destination": made.id, "new": {}})
        try:
            schedule = self.picked.schedule
        except ScheduleRefused as refusal:
            schedule = ""
            self.errors["schedule"] = [str(refusal)]
        sent = drafts.as_sent({**self.settings, "schedule": schedule}, drafts.choices(self.draft) or [])
        form = ExtractionForm(given=sent, tries_filters=False)
        form.validate()
        self.errors |= {name: list(map(str, form[name].errors)) for name in FIELDS if form[name].errors}
        if self.destination == destinations.NEW:
            # Its own fields say why there is none.
            self.errors.pop("destination", None)
            return False
        if not self.errors:
            drafts.change(
                self.draft, {"dataset": form.dataset.data, "schedule": schedule, "timezone": form.timezone.data}
            )
        return not self.errors

    def page(self) -> str:
        """The page."""
        usual = schedule_picker.browser_timezone()
        timezone = schedule_picker.known_timezone(str(self.draft.settings.get("timezone", usual)))
        outlook = schedule_picker.outlook_of(self.picked, timezone)
        shown_as = destinations.dataset_is(self.chosen, self.kind)
        return render_template(
            "extractions/setup/destination.html",
            draft=self.draft,
            steps=step_list(self.draft, "destination"),
            step=self,
            kinds={key: KINDS[key] for key in DESTINATIONS},
            names=self.names,
            dataset_label=destinations.DATASET_LABELS[shown_as],
            table_names=destinations.table_names(self.dataset, shown_as, self.names[:3]),
            picked=self.picked,
            outlook=outlook,
            timezone=timezone,
            is_zone_chosen="timezone" in self.draft.settings,
            picker=schedule_picker,
            calls_a_day=outlook.runs_a_day * objects.calls_a_run(self.names)
            + formula_fields.calls_a_day(
                self.settings["formula_rhythm"],
                outlook.runs_a_day,
                {each.name: each.tracking_type or self.draft.source.tracking_type for each in self.objects},
                catalog.kept_counts(self.draft.source),
                None,
            ),
            quota=loader.quota_of(self.draft.source),
            settings=self.draft.settings,
            rhythm=self.settings["formula_rhythm"],
            rhythms=formula_fields.RHYTHMS,
            rhythm_hint=formula_fields.RHYTHM_HINT,
        )
