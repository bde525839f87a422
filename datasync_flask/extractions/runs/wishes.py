"""What somebody chose for an object, in the terms of plans."""

from __future__ import annotations

from datetime import timedelta

from datasync_flask.extractions.models import Extraction, ExtractionObject, RunObject
from datasync_flask.extractions.runs.plan import Wish


def wish_of(chosen: ExtractionObject, extraction: Extraction) -> Wish:
    """Return what was chosen for an object, in the plan's terms."""
    days = extraction.reread_days
    return Wish(
        name=chosen.name,
        tracking_type=chosen.effective_tracking_type.value,
        cursor_field=chosen.cursor_field,
        fields=tuple(chosen.fields) if chosen.fields else None,
        filter=chosen.filter,
        keeps_history=chosen.keeps_history,
        marks_deleted=chosen.marks_deleted,
        watermark=chosen.watermark,
        loaded_at=chosen.loaded_at,
        read_whole_at=chosen.read_whole_at,
        ids_compared_at=chosen.ids_compared_at,
        made_by=chosen.made_by,
        look_back=timedelta(minutes=extraction.look_back_minutes),
        compare_ids_every=timedelta(days=extraction.compare_ids_days) if extraction.compare_ids_days else None,
        reread_every=timedelta(days=days) if days else None,
    )


def may_be_whole(row: RunObject) -> bool:
    """True unless it is sure that only changes are read."""
    chosen = next((each for each in row.run.extraction.objects if each.name == row.name), None)
    return chosen is not None and (chosen.effective_tracking_type.value == "none" or chosen.watermark is None)
