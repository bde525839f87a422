"""Airbyte: a source's configuration, sources and connections from its API, catalogues, Octavia's YAML.

Written from the specification of source-salesforce, Airbyte's API reference ("Sources", "Connections"), the Airbyte
protocol ("ConfiguredAirbyteCatalog") and the README of octavia-cli.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from flask_babel import gettext

from datasync_flask.moving_in.found import Found, FoundConnection, FoundObject, listed
from datasync_flask.moving_in.reading import Document, FileRefused, is_true, items, mapping, text_of
from datasync_flask.moving_in.salesforce_parts import (
    add_connection,
    put_domain,
    put_sandbox,
    put_start,
)
from datasync_flask.salesforce_connections.models import AuthMethod

_OWN = frozenset(
    {"auth_type", "domain_url", "streams_criteria", "force_use_bulk_api", "lookback_window", "stream_slice_step"}
)
_KNOWN = frozenset(
    {"auth_type", "domain_url", "streams_criteria", "client_id", "client_secret", "refresh_token", "is_sandbox",
     "start_date", "credentials", "additional_properties", "sourceType", "source_type"}
)  # fmt: skip
# More entries than a team has; later ones aren't read.
_MOST = 100


def value(settings: Any, name: str) -> Any:
    """A setting, in camel case from the API or in snake case from files."""
    first, *rest = name.split("_")
    found = mapping(settings)
    return found.get(name, found.get(first + "".join(word.capitalize() for word in rest)))


class _Source(NamedTuple):
    """A source and its settings in the file."""

    connection: FoundConnection
    configuration: Mapping[Any, Any]


class Airbyte:
    """Settings in JSON or YAML."""

    title = "Airbyte: source-salesforce"

    def detect(self, document: Document) -> bool:
        """True when there is a configuration of the source, or a list of streams."""
        return any(_configuration(each) or _streams(each) for each in _entries(document.data))

    def parse(self, document: Document) -> Found:
        """The sources as connections and the connections as extractions. Raises FileRefused."""
        return found_in(list(_entries(document.data))[:_MOST])


def found_in(entries: list[Mapping[Any, Any]]) -> Found:
    """What sources and connections give, with each connection under its source. Raises FileRefused."""
    found = Found()
    sources: dict[str, _Source] = {}
    for entry in entries:
        if not (configuration := _configuration(entry)):
            continue
        name = text_of(value(entry, "name") or value(entry, "resource_name"))
        kind = text_of(value(entry, "source_type") or configuration.get("sourceType"))
        if kind and "salesforce" not in kind.lower():
            found.subject = name
            found.left(kind, gettext("This isn’t a Salesforce source."))
            continue
        key = text_of(value(entry, "source_id") or value(entry, "resource_name")) or name
        sources[key] = _Source(_connection(found, configuration, name), configuration)
    read: set[str] = set()
    for entry in entries:
        if streams := _streams(entry):
            key = _key_of_source(entry, sources)
            read.add(key)
            _extraction(found, entry, streams, sources.get(key))
    for key in sources.keys() - read:
        _objects_of_source(found, sources[key])
    if not found.connections and not found.extractions:
        raise FileRefused(gettext("There is no Salesforce source in this file, and no stream is selected."))
    return found


def _entries(data: Any) -> Iterator[Mapping[Any, Any]]:
    """Yield sources and connections, whether they are alone, in a list, or below the API's names of lists."""
    if isinstance(data, list):
        yield from (mapping(each) for each in data)
        return
    found = mapping(data)
    lists = [part for name in ("sources", "connections", "data") for part in items(found.get(name))]
    yield from (mapping(each) for each in lists) if lists else (found,)


def _configuration(entry: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The source's configuration in an entry; empty when it is something else."""
    if text_of(value(entry, "definition_type")) in {"connection", "destination"}:
        return {}
    inner = mapping(value(entry, "configuration") or value(entry, "connection_configuration"))
    outer = inner or entry
    flat = {**outer, **mapping(outer.get("credentials"))}
    has_app = "client_id" in flat and bool(flat.keys() & {"client_secret", "refresh_token"})
    is_one = (has_app or bool(flat.keys() & _OWN)) and not ("streams" in entry or "password" in flat)
    return flat if is_one or "salesforce" in text_of(value(entry, "source_type")) else {}


def _streams(entry: Mapping[Any, Any]) -> list[tuple[Mapping[Any, Any], Mapping[Any, Any]]]:
    """The streams of a connection or a catalogue, each with its settings."""
    inner = mapping(value(entry, "configuration")) or entry
    catalogue = mapping(value(inner, "configurations") or value(inner, "sync_catalog")) or inner
    found: list[tuple[Mapping[Any, Any], Mapping[Any, Any]]] = []
    for each in items(catalogue.get("streams")):
        stream = mapping(each)
        described = mapping(stream.get("stream"))
        if described or value(stream, "sync_mode"):
            found.append((described or stream, mapping(stream.get("config")) or stream))
    return found


def _key_of_source(entry: Mapping[Any, Any], sources: Mapping[str, _Source]) -> str:
    """The key of the source that a connection reads from; '' when it isn't in the file."""
    inner = mapping(value(entry, "configuration"))
    # Octavia's connections name the folder of the source's file.
    path = text_of(value(entry, "source_configuration_path")).split("/")
    named = [text_of(value(entry, "source_id")), text_of(inner.get("sourceId")), *path]
    return next((each for each in named if each in sources), next(iter(sources)) if len(sources) == 1 else "")


def _connection(found: Found, configuration: Mapping[Any, Any], name: str) -> FoundConnection:
    connection = FoundConnection(name[:120] or gettext("Salesforce (%(tool)s)", tool="Airbyte"))
    found.subject = connection.description
    if text_of(configuration.get("auth_type")) == "client_credentials":
        connection.auth_method = AuthMethod.CLIENT_CREDENTIALS
    put_domain(found, connection, text_of(configuration.get("domain_url")))
    put_sandbox(connection, is_true(configuration.get("is_sandbox")))
    others = [name for name in configuration if name not in _KNOWN]
    return add_connection(found, connection, configuration, client_id="client_id", others=others)


def _objects_of_source(found: Found, source: _Source) -> None:
    """Use the objects that a source names exactly, if no connection in the file says which streams to read."""
    connection, configuration = source
    found.subject = connection.description
    objects: list[FoundObject] = []
    others: list[str] = []
    for each in items(configuration.get("streams_criteria")):
        kind, text = text_of(value(each, "criteria")), text_of(value(each, "value"))
        if kind == "exacts":
            objects.append(FoundObject(text))
        else:
            others.append(f"{kind} “{text}”")
    if others:
        found.left(
            gettext("Objects"),
            gettext(
                "Conditions on names need the org’s list of objects. Choose them after connecting: %(rules)s.",
                rules=listed(others),
            ),
        )
    put_start(found, objects, configuration.get("start_date"))
    if not objects or found.add_extraction(connection.description, objects, connection) is None:
        found.left(
            gettext("Objects"),
            gettext("A source doesn’t say which streams are read. Import its connection too, or choose the objects."),
        )


def _extraction(
    found: Found,
    entry: Mapping[Any, Any],
    streams: list[tuple[Mapping[Any, Any], Mapping[Any, Any]]],
    source: _Source | None,
) -> None:
    inner = mapping(value(entry, "configuration"))
    name = text_of(value(entry, "name") or value(entry, "resource_name") or inner.get("name"))
    description = name[:120] or (
        source.connection.description if source else gettext("Salesforce (%(tool)s)", tool="Airbyte")
    )
    found.subject = description
    objects, appended, renamed, unclear = [], [], [], []
    for stream, config in streams:
        if "selected" in config and not is_true(config["selected"]):
            continue
        each = _object(stream, config)
        objects.append(each)
        if value(config, "selected_fields") and each.fields is None:
            unclear.append(each.name)
        mode = f"{text_of(value(config, 'sync_mode'))} {text_of(value(config, 'destination_sync_mode'))}"
        if "append" in mode and "dedup" not in mode:
            appended.append(each.name)
        if items_renamed := list(items(config.get("mappers"))):
            renamed.append(f"{each.name} ({len(items_renamed)})")
    put_start(found, objects, source.configuration.get("start_date") if source else None)
    if found.add_extraction(description, objects, source.connection if source else None) is None:
        return
    if appended:
        found.changed(
            gettext("Tables"),
            gettext(
                "Airbyte appends a row for each change. DataSync updates the row, unless you choose Keep history: "
                "every version of a row: %(names)s.",
                names=listed(appended),
            ),
        )
    if unclear:
        found.left(
            gettext("Fields"),
            gettext(
                "Your file doesn’t write the selected fields as plain names: %(names)s. All fields are chosen.",
                names=listed(unclear),
            ),
        )
    if renamed:
        found.left(gettext("Fields"), gettext("DataSync has no mappers: %(names)s.", names=listed(renamed)))
    schedule = value(entry, "schedule") or value(inner, "schedule_data") or value(inner, "schedule")
    if schedule:
        found.left(
            gettext("Schedule"),
            gettext("The extraction runs only when you start it, until you give it a schedule."),
        )


def _object(stream: Mapping[Any, Any], config: Mapping[Any, Any]) -> FoundObject:
    name = text_of(stream.get("name"))
    cursor = next((text_of(each) for each in items(value(config, "cursor_field"))), "")
    cursor = cursor or next((text_of(each) for each in items(value(stream, "default_cursor_field"))), "")
    fields = []
    for each in items(value(config, "selected_fields")):
        path = [text_of(step) for step in items(value(each, "field_path"))]
        if len(path) == 1:
            fields.append(path[0])
    is_chosen = is_true(value(config, "field_selection_enabled") if "fieldSelectionEnabled" in config else True)
    return FoundObject(
        name,
        is_whole=text_of(value(config, "sync_mode")).startswith("full_refresh"),
        cursor_field=cursor,
        fields=fields if fields and is_chosen else None,
    )
