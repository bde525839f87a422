"""What the page with the first rows of a table shows."""

from __future__ import annotations

import re
from typing import Any

from flask import current_app

from datasync_flask.destinations import checking
from datasync_flask.destinations.base import DestinationError, Table
from datasync_flask.destinations.service import settings_of
from datasync_flask.extractions import loader, treatments
from datasync_flask.extractions.models import Extraction
from datasync_flask.problems.registry import trouble

# Times as the destinations write them, all in UTC; fractions of a second are dropped.
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)?(?:\+00:00|\+00|Z)?")


def context(extraction: Extraction, name: str) -> dict[str, Any]:
    """The values for the page."""
    loaded = [each for each in extraction.objects if each.table_name]
    chosen = next((each for each in loaded if each.name == name), None)
    found: dict[str, Any] | None = None
    problem = ""
    if chosen is not None:
        folder, destination = current_app.config["SETTINGS"].effective_data_dir, extraction.destination
        try:
            org_id = chosen.loaded_org_id if extraction.combines_orgs else ""
            table = Table(extraction.dataset, chosen.table_name, org_id)
            found = checking.preview(destination.kind, settings_of(destination), folder, table)
            _hide(found, treatments.pending_columns(chosen))
        except DestinationError as error:
            problem = f"{trouble(error.fault).sentences} {error.detail}"
    return {
        "extraction": extraction,
        "name": name,
        "table": chosen.table_name if chosen else "",
        "tables": [each.name for each in loaded],
        "rows": loader.rows_in_destination(extraction).get(name),
        "is_loaded": chosen is not None,
        "found": found,
        "shown": [[plain(value) for value in row] for row in found["rows"]] if found else [],
        "problem": problem,
    }


def _hide(found: dict[str, Any], names: set[str]) -> None:
    """Hide the values of these columns."""
    shown = [place for place, (name, _) in enumerate(found["columns"]) if name.lower() not in names]
    found["columns"] = [found["columns"][place] for place in shown]
    found["rows"] = [[row[place] for place in shown] for row in found["rows"]]


def plain(value: str | None) -> str | None:
    """A value for people: times to the second, booleans in lower case."""
    if value in {"True", "False"}:
        return value.lower()
    moment = _MOMENT.fullmatch(value) if value else None
    return f"{moment[1]} {moment[2]}" if moment else value
