"""tap-salesforce: its config.json, and the catalogue (properties.json) that discovery writes and people edit.

Written from the documentation of MeltanoLabs' tap-salesforce and the Singer specification ("Config", "Catalog",
"Metadata").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext

from datasync_flask.moving_in.found import Found, FoundConnection, FoundObject
from datasync_flask.moving_in.reading import Document, FileRefused, is_true, items, mapping, part, text_of
from datasync_flask.moving_in.salesforce_parts import (
    add_connection,
    put_domain,
    put_sandbox,
    put_start,
)
from datasync_flask.salesforce_connections.models import AuthMethod, LoginHost

TOOL = "tap-salesforce"
# Settings, or combinations of them, that no other tool's file has.
_PAIRS = ({"username", "password"}, {"instance_url", "client_id"}, {"domain", "auth"})
_OWN = frozenset({"select_fields_by_default", "security_token", "streams_to_discover", "state_message_threshold"})
_KNOWN = frozenset(
    {"access_token", "username", "password", "security_token", "client_id", "client_secret", "refresh_token",
     "is_sandbox",
     "instance_url", "domain", "auth", "start_date", "streams_to_discover"}
)  # fmt: skip


# With one of these, the tap signs in as a person.
_OF_A_PERSON = frozenset({"refresh_token", "username", "password", "access_token"})


def _with_sign_in(config: Mapping[Any, Any]) -> dict[Any, Any]:
    """The settings with those of `auth` merged in; Meltano writes them in several ways."""
    inner = dict(mapping(config.get("auth")))
    inner |= {name.removeprefix("auth."): config[name] for name in config if text_of(name).startswith("auth.")}
    rest = {name: value for name, value in config.items() if not text_of(name).startswith("auth.") and name != "auth"}
    if "token" in inner:
        inner["access_token"] = inner.pop("token")
    inner.pop("flow", None)
    return {**rest, **inner}


def connection_from(found: Found, config: Mapping[Any, Any], description: str) -> FoundConnection:
    """Add the connection in a tap's settings."""
    found.subject = description
    connection = FoundConnection(description)
    config = _with_sign_in(config)
    put_domain(found, connection, text_of(config.get("instance_url") or config.get("domain")))
    put_sandbox(connection, is_true(config.get("is_sandbox")))
    if connection.login_host == LoginHost.CUSTOM and not config.keys() & _OF_A_PERSON:
        # With only the org's own address, the tap signs in as its app.
        connection.auth_method = AuthMethod.CLIENT_CREDENTIALS
    others = [name for name in config if name not in _KNOWN]
    return add_connection(found, connection, config, client_id="client_id", username="username", others=others)


class Config:
    """The settings of the tap."""

    title = "tap-salesforce: config.json"

    def detect(self, document: Document) -> bool:
        """True for top-level settings with one of the tap's names."""
        names = document.mapping.keys()
        return bool(names & _OWN) or any(names >= pair for pair in _PAIRS)

    def parse(self, document: Document) -> Found:
        """The connection, and the objects when the settings name some."""
        found, config = Found(), document.mapping
        connection = connection_from(found, config, gettext("Salesforce (%(tool)s)", tool=TOOL))
        objects = [FoundObject(text_of(name)) for name in items(config.get("streams_to_discover"))]
        put_start(found, objects, config.get("start_date"))
        if objects:
            found.add_extraction(connection.description, objects, connection)
            found.changed(
                gettext("Objects"),
                gettext("The objects are those the tap discovers. Import its catalogue to take selected fields too."),
            )
        return found


class Catalogue:
    """The catalogue of the tap, with its selection."""

    title = "tap-salesforce: catalog.json, properties.json"

    def detect(self, document: Document) -> bool:
        """True for a list of streams whose names are texts."""
        return any(text_of(part(each, "tap_stream_id")) for each in items(document.mapping.get("streams")))

    def parse(self, document: Document) -> Found:
        """The selected objects with their selected fields. Raises FileRefused."""
        found = Found()
        objects = [
            each for stream in items(document.mapping.get("streams"))
            if (each := self._selected(mapping(stream))) is not None
        ]  # fmt: skip
        if not objects:
            raise FileRefused(gettext("No stream is selected in this catalogue."))
        found.add_extraction(gettext("Salesforce (%(tool)s)", tool=TOOL), objects, None)
        return found

    def _selected(self, stream: Mapping[Any, Any]) -> FoundObject | None:
        """A stream as an object; None when it isn't selected."""
        of_stream: Mapping[Any, Any] = {}
        chosen: list[str] = []
        has_choice = False
        for entry in items(stream.get("metadata")):
            facts = mapping(part(entry, "metadata"))
            crumbs = [text_of(crumb) for crumb in items(part(entry, "breadcrumb"))]
            if not crumbs:
                of_stream = facts
            elif len(crumbs) == 2 and crumbs[0] == "properties":
                if self._is_field_selected(facts):
                    chosen.append(crumbs[1])
                elif text_of(facts.get("inclusion")) != "unsupported":
                    has_choice = True
        is_selected = is_true(of_stream.get("selected")) or is_true(part(stream, "schema", "selected"))
        if not is_selected:
            return None
        name = text_of(stream.get("stream") or stream.get("tap_stream_id"))
        method = text_of(of_stream.get("replication-method") or stream.get("replication_method"))
        cursor = text_of(of_stream.get("replication-key") or stream.get("replication_key"))
        return FoundObject(
            name,
            is_whole=method == "FULL_TABLE",
            cursor_field=cursor,
            fields=chosen if has_choice and chosen else None,
        )

    def _is_field_selected(self, facts: Mapping[Any, Any]) -> bool:
        if text_of(facts.get("inclusion")) == "automatic":
            return True
        if text_of(facts.get("inclusion")) == "unsupported":
            return False
        return is_true(facts["selected"] if "selected" in facts else facts.get("selected-by-default"))
