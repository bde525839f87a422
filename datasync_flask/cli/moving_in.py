"""Does with another tool's settings in `datasync connection import` what the page does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from flask import current_app

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from datasync_flask.connections.models import Connection
    from datasync_flask.extractions.models import Extraction
    from datasync_flask.moving_in.reading import Document


def bring_drafts(document: Document, *, source: str, destination: str, preview: bool, as_json: bool) -> int:
    """Create drafts, print the list, and return the exit status. Raises FileRefused."""
    from datasync_flask.destinations.models import DestinationConnection
    from datasync_flask.moving_in.drafts import Choice, Made, checked, make
    from datasync_flask.moving_in.formats import understand
    from datasync_flask.salesforce_connections.models import SalesforceConnection

    kind, found = understand(document)
    choice = Choice(_id_of(source, SalesforceConnection), _id_of(destination, DestinationConnection))
    result = checked(found, choice, current_app.config["SETTINGS"].salesforce_hosts)
    made = Made() if preview else make(result, choice, by=None)
    drafts: Mapping[str, Sequence[Connection | Extraction]] = {
        "connection": made.connections,
        "extraction": made.extractions,
    }
    if as_json:
        shown = {
            "read_as": kind.title,
            **{
                f"{name}s": [{"id": each.id, "description": each.description} for each in several]
                for name, several in drafts.items()
            },
            "remarks": [
                {"verdict": each.verdict.value, "subject": each.subject, "about": each.about, "text": each.text}
                for each in result.remarks
            ],
        }
        click.echo(json.dumps(shown, indent=2))
    else:
        click.echo(f"read as  {kind.title}")
        for each in result.remarks:
            click.echo(f"{each.verdict:8} {each.subject}{each.subject and ', '}{each.about}: {each.text}")
        for name, several in drafts.items():
            for draft in several:
                click.echo(f"{'draft':8} {name} {draft.id} {draft.description}")
    return 0 if preview or made.connections or made.extractions else 1


def _id_of(name: str, kind: type[Connection]) -> str:
    from datasync_flask.api.definitions import find_connection

    found = find_connection(name) if name else None
    if name and not isinstance(found, kind):
        raise click.ClickException(f"There is no such connection with the description or id {name!r}.")
    return found.id if found is not None else ""
