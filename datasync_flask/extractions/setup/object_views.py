"""The first step: which objects are loaded, and how."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import needs_role
from datasync_flask.addresses import wants_fragment
from datasync_flask.extractions import catalog, loader, treatments
from datasync_flask.extractions.catalog import Catalog
from datasync_flask.extractions.forms import MAX_OBJECTS
from datasync_flask.extractions.service import ObjectChoice
from datasync_flask.extractions.setup import access, drafts, object_settings, objects
from datasync_flask.extractions.setup.filter_trial import Trial, tried
from datasync_flask.extractions.setup.models import ExtractionDraft
from datasync_flask.extractions.setup.views import bp, close, step_list, to_step
from datasync_flask.salesforce_connections.models import TrackingType
from datasync_flask.salesforce_connections.settings import TRACKING_TYPES


@bp.route("/extractions/<public_id:draft_id>/setup/objects", methods=["GET", "POST"], endpoint="objects")
@needs_role(Role.EDITOR)
def choose_objects(draft_id: str) -> ResponseReturnValue:
    """Choose objects; every button stores what is ticked."""
    draft = drafts.editable(draft_id)
    action = request.form.get("do", "")
    found = catalog.objects_of(draft.source, refresh=action == "refresh")
    if request.method == "GET":
        return _page(draft, found, objects.View.of(request.args))
    chosen = _after(draft, found)
    if found.entries:
        drafts.change(draft, objects=chosen)
    if "settings" in request.form:
        seen = objects.View.of(request.form, "at_")
        return to_step(draft, "object_settings_page", name=request.form["settings"], **seen.as_query)
    if action == "alike":
        return to_step(draft, "alike")
    takes_away = {"remove", "clear"} & request.form.keys()
    moves_on = not takes_away and (wants_fragment() or action == "search" or {"show", "all"} & request.form.keys())
    view = objects.View.of(request.form, "" if moves_on else "at_")
    if wants_fragment():
        return _page(draft, found, view)
    if action == "close":
        return close(draft)
    if action == "continue":
        error = _refusal(chosen) if found.entries else ""
        return _page(draft, found, view, error) if error else to_step(draft, "destination")
    return to_step(draft, "objects", **view.as_query)


@bp.route("/extractions/<public_id:draft_id>/setup/objects/<name>", methods=["GET", "POST"])
@needs_role(Role.EDITOR)
def object_settings_page(draft_id: str, name: str) -> ResponseReturnValue:
    """The settings of one chosen object."""
    draft = drafts.editable(draft_id)
    chosen = _chosen(draft, catalog.objects_of(draft.source))
    before = next((choice for choice in chosen if choice.name == name), None)
    if before is None:
        flash(gettext("%(name)s isn’t chosen.", name=name[:80]))
        return to_step(draft, "objects")
    described = object_settings.describe(draft.source, name)
    if request.method == "GET":
        return _settings_page(draft, before, described, {})
    after, errors = object_settings.parse(before, request.form, described)
    trial = Trial() if errors else tried(draft.source, name, after.filter)
    if trial.refusal:
        errors["filter"] = trial.refusal
    if errors or "try" in request.values:
        is_good = not errors and not trial.not_tried and bool(after.filter)
        return _settings_page(draft, after, described, errors, is_tried=is_good, not_tried=trial.not_tried)
    if trial.not_tried:
        flash(trial.not_tried)
    drafts.change(draft, objects=[after if choice.name == name else choice for choice in chosen])
    return _go_on(draft, name, request.form.get("then", ""))


@bp.route("/extractions/<public_id:draft_id>/setup/alike", methods=["GET", "POST"])
@needs_role(Role.EDITOR)
def alike(draft_id: str) -> ResponseReturnValue:
    """Set all chosen objects alike; settings that are left unchanged may still differ."""
    draft = drafts.editable(draft_id)
    chosen = _chosen(draft, catalog.objects_of(draft.source))
    if request.method == "POST":
        changes = object_settings.alike(request.form)
        drafts.change(draft, objects=[replace(choice, **changes) for choice in chosen])
        return to_step(draft, "objects")
    return render_template(
        "extractions/setup/alike.html", draft=draft, count=len(chosen), tracking_types=TRACKING_TYPES
    )


def _seen() -> objects.View:
    """The part of the list that the settings of an object were opened from."""
    return objects.View.of(request.args)


def _back(draft: ExtractionDraft, name: str) -> str:
    """Where in the list the settings of an object were opened."""
    return url_for("setup.objects", draft_id=draft.id, _anchor=f"settings-{name}", **_seen().as_query)


def _go_on(draft: ExtractionDraft, name: str, then: str) -> ResponseReturnValue:
    """Go where a button of the list leads that was pressed while the settings of an object were open; else back."""
    action, _, other = then.partition(" ")
    if action == "settings" and other:
        return to_step(draft, "object_settings_page", name=other, **_seen().as_query)
    if action in {"continue", "alike"}:
        return to_step(draft, "destination" if action == "continue" else "alike")
    return close(draft) if action == "close" else redirect(_back(draft, name), 303)


def _chosen(draft: ExtractionDraft, found: Catalog) -> list[ObjectChoice]:
    stored = drafts.choices(draft)
    return stored if stored is not None else [ObjectChoice(name) for name in objects.suggested(found)]


def _after(draft: ExtractionDraft, found: Catalog) -> list[ObjectChoice]:
    """The chosen objects after the form was sent."""
    before, sent = _chosen(draft, found), request.form
    if "clear" in sent:
        return []
    read_at = found.read_at.isoformat() if found.read_at else ""
    chosen = objects.choose(
        before,
        found,
        objects.View.of(sent, "at_"),
        sent.getlist("objects"),
        # A script may send a form without it.
        known=sent["at_chosen"].split() if "at_chosen" in sent else [choice.name for choice in before],
        is_same_list=sent.get("at_read") == read_at,
    )
    return [choice for choice in chosen if choice.name != sent.get("remove")]


def _refusal(chosen: list[ObjectChoice]) -> str:
    if not chosen:
        return gettext("Choose at least one object.")
    if len(chosen) > MAX_OBJECTS:
        return gettext("Choose at most %(number)s objects.", number=MAX_OBJECTS)
    return ""


def _page(draft: ExtractionDraft, found: Catalog, view: objects.View, error: str = "") -> ResponseReturnValue:
    chosen = _chosen(draft, found)
    names, dateless = [choice.name for choice in chosen], catalog.dateless(draft.source)
    page = render_template(
        "extractions/setup/objects.html",
        draft=draft,
        steps=step_list(draft, "objects"),
        listing=objects.listing(found, view),
        chosen=chosen,
        names=set(names),
        sum=objects.sum_of(names, found),
        quota=loader.quota_of(draft.source),
        found=found,
        error=error,
        no_access=access.explain(draft.source, found.problem) if found.problem else None,
        has_other_sources=len(loader.sources()) > 1,
        summary_of=lambda choice: object_settings.summary(choice, draft.source, dateless),
    )
    return (page, 422) if error else page


def _settings_page(
    draft: ExtractionDraft,
    choice: ObjectChoice,
    described: object_settings.Fields,
    errors: dict[str, str],
    *,
    is_tried: bool = False,
    not_tried: str = "",
) -> ResponseReturnValue:
    values: dict[str, Any] = {
        "draft": draft, "choice": choice, "described": described, "errors": errors, "tried": is_tried,
        "not_tried": not_tried,
        "tracking_types": TRACKING_TYPES,
        "lines": treatments.lines(
            choice, request.form, described.all, choice.cursor_field or described.usual_cursor
        ),
        "loads_new": treatments.loads_new(choice, request.form),
        "usual_tracking": TRACKING_TYPES[draft.source.tracking_type][0],
        "usual_reads_deletions": draft.source.tracking_type == TrackingType.DATE_DELETES,
        "action": url_for("setup.object_settings_page", draft_id=draft.id, name=choice.name, **_seen().as_query),
        "try_action": url_for(
            "setup.object_settings_page", draft_id=draft.id, name=choice.name, **{"try": "1"} | _seen().as_query
        ),
        "back": _back(draft, choice.name),
    }  # fmt: skip
    page = render_template("extractions/setup/object.html", **values)
    return (page, 422) if errors else page
