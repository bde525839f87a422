"""All connections and extractions as YAML, without secrets, for git and for moving to another server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from sqlalchemy import select

from datasync_flask.api.definitions import (
    extraction_definition,
    find_connection,
    find_extraction,
    save_connection,
    save_extraction,
)
from datasync_flask.connections.kinds import definition_of
from datasync_flask.connections.models import Connection
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction
from datasync_flask.forms import Refused, given_text

FORMAT = 1
_HEAD = """\
# Connections and extractions of DataSync. It holds no secrets: after an import, enter Client Secrets and passwords and
# press Authenticate and Save.
"""


def export() -> str:
    """Everything that can be exported."""
    connections = db.session.scalars(select(Connection).order_by(Connection.description_key))
    extractions = db.session.scalars(select(Extraction).order_by(Extraction.description_key))
    found = {
        "datasync": FORMAT,
        "connections": [definition_of(each) for each in connections],
        "extractions": [extraction_definition(each) for each in extractions],
    }
    return _HEAD + yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=120)


@dataclass(frozen=True)
class Brought:
    """The result for one entry of a file: `errors` says why it wasn't saved, `warnings` what couldn't be checked."""

    kind: str
    description: str
    what: str
    errors: str = ""
    warnings: tuple[str, ...] = ()


class NotOurs(ValueError):
    """A file isn't an export."""


def bring(text: str) -> Iterator[Brought]:
    """Save a file's entries, changing those with the same description. Raises NotOurs."""
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        # A ValueError is about a value that looks like a date or a number and is none.
        raise NotOurs(f"This isn't YAML: {' '.join(str(error).split())[:300]}") from None
    except RecursionError:
        raise NotOurs("This isn't an export of DataSync: it is nested too deeply.") from None
    if not isinstance(found, dict) or found.get("datasync") != FORMAT:
        raise NotOurs(f"This isn't an export of DataSync: it has to begin with 'datasync: {FORMAT}'.")
    kinds = ("connection", "extraction")
    for kind in kinds:
        if not isinstance(found.get(f"{kind}s") or [], list):
            raise NotOurs(f"'{kind}s' has to be a list.")
    for kind in kinds:
        for values in found.get(f"{kind}s") or []:
            yield _bring(values, kind)


def _bring(values: Any, kind: str) -> Brought:
    if not isinstance(values, dict):
        return Brought(kind, given_text(values)[:80], "refused", "an entry has to be settings with their values")
    description = given_text(values.get("description") or "")
    try:
        if kind == "connection":
            existing = find_connection(description)
            # Save a destination even if its server isn't reachable yet, and show that it doesn't work.
            anyway = {} if values.get("kind") == "salesforce" else {"save_anyway": True}
            save_connection({**values, **anyway}, existing, by=None)
            return Brought(kind, description, "changed" if existing else "made")
        extraction = find_extraction(description)
        saved = save_extraction(values, extraction, by=None)
        return Brought(kind, description, "changed" if extraction else "made", warnings=saved.warnings)
    except Refused as refusal:
        db.session.rollback()
        return Brought(kind, description, "refused", given_text(refusal))
