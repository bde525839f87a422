"""Drafts of extractions: a POST creates one, every step changes it, and the form that saves all extractions turns it
into one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import selectinload
from werkzeug.datastructures import MultiDict

from datasync_flask.accounts.models import Role
from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.extractions.service import DEFAULTS, ObjectChoice
from datasync_flask.extractions.setup.models import ExtractionDraft
from datasync_flask.salesforce_connections.models import SalesforceConnection
from datasync_flask.transactions import in_transaction

SCHEDULE = "0 * * * *"
_DEFAULTS: Mapping[str, Any] = {**DEFAULTS, "schedule": SCHEDULE}


def begin(source: SalesforceConnection) -> ExtractionDraft:
    """A new draft, or the person's existing draft without any choices yet; commits."""
    mine = select(ExtractionDraft).filter_by(source_id=source.id, created_by=current_user.id)
    for draft in db.session.scalars(mine):
        if draft.objects is None and not draft.settings:
            return draft
    draft = ExtractionDraft(source_id=source.id, created_by=current_user.id, settings={})
    db.session.add(draft)
    db.session.commit()
    return draft


def editable(draft_id: str) -> ExtractionDraft:
    """A draft; 404 when there is none."""
    return db.get_or_404(ExtractionDraft, draft_id, populate_existing=True)


def shown() -> Sequence[ExtractionDraft]:
    """All drafts for the list, the newest first; viewers see none."""
    if not current_user.has_role(Role.EDITOR):
        return ()
    newest_first = select(ExtractionDraft).order_by(ExtractionDraft.updated_at.desc())
    return db.session.scalars(newest_first.options(selectinload(ExtractionDraft.source))).all()


def of_source(connection_id: str) -> Sequence[ExtractionDraft]:
    """The drafts that read from a connection."""
    return [draft for draft in shown() if draft.source_id == connection_id]


def exists(draft_id: str) -> bool:
    """True when there is such a draft."""
    return db.session.get(ExtractionDraft, draft_id) is not None


def change(
    draft: ExtractionDraft,
    settings: Mapping[str, Any] | None = None,
    objects: Iterable[ObjectChoice] | None = None,
) -> None:
    """Merge settings into the stored ones, and replace the stored objects; commits."""
    draft_id = draft.id

    def write() -> None:
        row = db.session.get_one(ExtractionDraft, draft_id, populate_existing=True)
        if settings:
            row.settings = {**row.settings, **settings}
        if objects is not None:
            row.objects = [asdict(choice) for choice in objects]
        row.updated_at = utcnow()

    in_transaction(write)


def change_source(draft: ExtractionDraft, source: SalesforceConnection) -> None:
    """Choose another source; objects chosen from the previous one are dropped. Commits."""
    draft.source_id, draft.objects, draft.updated_at = source.id, None, utcnow()
    draft.settings = {name: value for name, value in draft.settings.items() if name not in {"dataset", "description"}}
    db.session.commit()


def discard(draft: ExtractionDraft) -> None:
    """Delete a draft; commits."""
    db.session.delete(draft)
    db.session.commit()


def choices(draft: ExtractionDraft) -> list[ObjectChoice] | None:
    """The chosen objects with their settings; None when nobody has chosen yet."""
    return None if draft.objects is None else [ObjectChoice(**chosen) for chosen in draft.objects]


def settings_of(draft: ExtractionDraft, **others: Any) -> dict[str, Any]:
    """The settings of a draft, stored or default, in the format of an extraction's form, with `others` in it."""
    stored = {name: draft.settings.get(name, usual) for name, usual in _DEFAULTS.items()}
    return {"source": draft.source_id, **stored, **others}


def next_step(draft: ExtractionDraft) -> str:
    """The next step of a draft."""
    if not draft.objects:
        return "objects"
    is_chosen = draft.settings.get("destination", "new") != "new" and not draft.settings.get("unfinished_schedule")
    return "review" if is_chosen else "destination"


def as_sent(values: Mapping[str, Any], chosen: Iterable[ObjectChoice]) -> MultiDict[str, str]:
    """An extraction's settings in the format of a sent form."""
    sent: MultiDict[str, str] = MultiDict({name: str(value) for name, value in values.items() if value is not None})
    for choice in chosen:
        sent.add("objects", choice.name)
        sent[f"tracking_type-{choice.name}"] = choice.tracking_type
        sent[f"filter-{choice.name}"] = choice.filter
        sent[f"fields-{choice.name}"] = ",".join(choice.fields or ())
        sent[f"cursor-{choice.name}"] = choice.cursor_field
        sent[f"hashed-{choice.name}"] = ",".join(choice.hashed)
        sent[f"left_out-{choice.name}"] = ",".join(choice.left_out)
        for name, is_on in (("history", choice.keeps_history), ("mark", choice.marks_deleted)):
            if is_on:
                sent[f"{name}-{choice.name}"] = "on"
    return sent
