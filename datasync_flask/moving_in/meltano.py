"""Meltano: the extractor tap-salesforce in meltano.yml, with its select rules, environments and schedules.

Written from Meltano's documentation ("Project structure", "Plugin definition syntax", "Selecting entities").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask_babel import gettext

from datasync_flask.moving_in.found import Found, FoundObject, listed
from datasync_flask.moving_in.reading import Document, FileRefused, items, mapping, part, text_of
from datasync_flask.moving_in.salesforce_parts import put_start
from datasync_flask.moving_in.singer import connection_from

_WILDCARD = re.compile(r"[*?\[\]]")


class Project:
    """A project's settings."""

    title = "Meltano: meltano.yml"

    def detect(self, document: Document) -> bool:
        """True for settings with a list of extractors."""
        return isinstance(part(document.mapping, "plugins", "extractors"), list)

    def parse(self, document: Document) -> Found:
        """A connection and an extraction for each use of the tap. Raises FileRefused."""
        found, project = Found(), document.mapping
        extractors = [mapping(each) for each in items(part(project, "plugins", "extractors"))]
        taps = [each for each in extractors if _is_salesforce(each, extractors)]
        if not taps:
            raise FileRefused(gettext("This project has no extractor tap-salesforce."))
        for tap in taps:
            for title, settings in _uses(tap, extractors, project):
                self._take(found, title, settings)
        names = {text_of(tap.get("name")) for tap in taps}
        found.subject = ""
        for schedule in items(project.get("schedules")):
            if text_of(part(schedule, "extractor")) in names:
                found.left(
                    gettext("Schedule"),
                    gettext(
                        "%(interval)s. The extraction runs only when you start it, until you give it a schedule.",
                        interval=text_of(part(schedule, "interval"))[:80],
                    ),
                )
        return found

    def _take(self, found: Found, title: str, tap: Mapping[Any, Any]) -> None:
        config = dict(mapping(tap.get("config")))
        config |= mapping(config.pop("airbyte_config", None))
        description = gettext("Salesforce (%(tool)s)", tool=f"Meltano {title}"[:80])
        connection = connection_from(found, config, description)
        objects = _objects(found, tap)
        if not objects:
            objects = [FoundObject(text_of(name)) for name in items(config.get("streams_to_discover"))]
        put_start(found, objects, config.get("start_date"))
        if not objects or found.add_extraction(description, objects, connection) is None:
            found.left(
                gettext("Objects"), gettext("Your file selects no objects by name. Choose them in a new extraction.")
            )


def _is_salesforce(plugin: Mapping[Any, Any], plugins: list[Mapping[Any, Any]]) -> bool:
    return any(
        text_of(each.get("name")).startswith("tap-salesforce") or text_of(each.get("namespace")) == "tap_salesforce"
        for each in _with_parents(plugin, plugins)
    )


def _with_parents(plugin: Mapping[Any, Any], plugins: list[Mapping[Any, Any]]) -> Iterator[Mapping[Any, Any]]:
    """Yield a plugin and those it inherits from, the nearest first."""
    by_name = {text_of(each.get("name")): each for each in plugins}
    seen: set[str] = set()
    current: Mapping[Any, Any] | None = plugin
    while current is not None:
        yield current
        parent = text_of(current.get("inherit_from"))
        current = by_name.get(parent) if parent not in seen else None
        # The tap itself needn't be in the project.
        if current is None and parent.startswith("tap-salesforce") and parent not in seen:
            yield {"name": parent}
        seen.add(parent)


def _uses(
    tap: Mapping[Any, Any], plugins: list[Mapping[Any, Any]], project: Mapping[Any, Any]
) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Yield the tap's settings for each environment that changes some, or else the plain settings."""
    base: dict[str, Any] = {}
    for each in reversed(list(_with_parents(tap, plugins))):
        base = _over(base, each)
    name = text_of(tap.get("name"))
    has_own = False
    for environment in items(project.get("environments")):
        for each in items(part(environment, "config", "plugins", "extractors")):
            if text_of(part(each, "name")) == name:
                has_own = True
                yield f"{name} {text_of(part(environment, 'name'))}", _over(base, mapping(each))
    if not has_own:
        yield name, base


def _over(base: Mapping[Any, Any], above: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "config": {**mapping(base.get("config")), **mapping(above.get("config"))},
        "metadata": {**mapping(base.get("metadata")), **mapping(above.get("metadata"))},
        "select": above.get("select") or base.get("select"),
    }


def _objects(found: Found, tap: Mapping[Any, Any]) -> list[FoundObject]:
    """The objects chosen by the select rules: `Account.*`, `Contact.Email`, and exclusions with !."""
    fields: dict[str, list[str] | None] = {}
    excluded, unclear = [], []
    for rule in items(tap.get("select")):
        text = text_of(rule)
        if not text:
            continue
        name, _, field = text.lstrip("!").partition(".")
        if text.startswith("!"):
            excluded.append(text)
        elif not name or _WILDCARD.search(name):
            unclear.append(text)
        elif field in {"*", ""}:
            fields[name] = None
        elif _WILDCARD.search(field):
            unclear.append(text)
            fields[name] = None
        elif (chosen := fields.setdefault(name, [])) is not None:
            chosen.append(field)
    if excluded:
        found.left(
            gettext("Fields"),
            gettext(
                "DataSync has a list of chosen fields, none of excluded ones. These rules are left out, so choose the "
                "fields after connecting: %(rules)s.",
                rules=listed(excluded),
            ),
        )
    if unclear:
        found.left(
            gettext("Objects"),
            gettext(
                "Names with * need the org’s list of objects and fields. Choose them after connecting: %(rules)s.",
                rules=listed(unclear),
            ),
        )
    of_names = mapping(tap.get("metadata"))
    return [_object(name, chosen, mapping(of_names.get(name))) for name, chosen in fields.items()]


def _object(name: str, fields: list[str] | None, facts: Mapping[Any, Any]) -> FoundObject:
    cursor = text_of(facts.get("replication-key"))
    return FoundObject(
        name,
        is_whole=text_of(facts.get("replication-method")) == "FULL_TABLE",
        cursor_field=cursor,
        fields=fields,
    )
