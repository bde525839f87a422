"""Descriptions of an org's objects and fields, checked on arrival.

Sources: REST API Developer Guide "Describe Global", "sObject Describe"; Object Reference "API Names".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.self_moving import moves_by_itself

# Names from Salesforce, or for an address, have only these characters.
API_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")


@dataclass(frozen=True)
class Field:
    """One field in an object's description."""

    name: str
    label: str
    type: str
    is_calculated: bool = False
    # Its value changes without any date of the record.
    is_self_moving: bool = False
    # False: a query can't have it in its WHERE.
    is_filterable: bool = True


@dataclass(frozen=True)
class ObjectDescription:
    """An object with the fields that the user can see."""

    name: str
    label: str
    fields: tuple[Field, ...]
    is_custom: bool = False

    def field(self, name: str) -> Field | None:
        """A field by its API name, whatever its capitals, or None."""
        return next((field for field in self.fields if field.name.lower() == name.lower()), None)

    def spelled(self, names: Iterable[str]) -> tuple[str, ...]:
        """Names of fields with the capitals that they have now: these can be changed in Salesforce."""
        own = {field.name.lower(): field.name for field in self.fields}
        return tuple(dict.fromkeys(own.get(name.lower(), name) for name in names))


@dataclass(frozen=True)
class ObjectEntry:
    """An entry of the list of all objects."""

    name: str
    label: str
    is_custom: bool
    # Histories, shares and feeds belong to another object.
    is_associate: bool = False
    can_be_queried: bool = True

    @property
    def namespace(self) -> str:
        """Its package; '' for objects of Salesforce or of the org itself."""
        parts = self.name.split("__")
        return parts[0] if len(parts) > 2 else ""


def parse_entry(entry: dict[str, Any]) -> ObjectEntry:
    """An entry of the list of all objects (Describe Global)."""
    name = entry["name"]
    return ObjectEntry(
        name=name,
        label=str(entry.get("label") or name),
        is_custom=bool(entry.get("custom")),
        is_associate=bool(entry.get("associateParentEntity")) or name.endswith(("__History", "__Share", "__Feed")),
        can_be_queried=entry.get("queryable", True) is not False and entry.get("retrieveable", True) is not False,
    )


def is_object(entry: dict[str, Any]) -> bool:
    """True for an entry that has rows; platform events aren't stored."""
    return not entry.get("deprecatedAndHidden") and not entry["name"].endswith(("ChangeEvent", "__e", "__ChangeEvent"))


def is_api_name(name: Any) -> bool:
    """True for a possible name of an object or a field."""
    return isinstance(name, str) and bool(API_NAME.fullmatch(name))


def checked_name(name: str) -> str:
    """The name of an object, safe for an address. Raises SalesforceError when it can't be one."""
    if not is_api_name(name):
        raise SalesforceError(Problem.OBJECT_GONE, f"{name[:80]} can't be the name of an object")
    return name


def parse_description(answer: Any, name: str) -> ObjectDescription:
    """A description's answer as an ObjectDescription. Raises SalesforceError when it isn't about the object `name`, so
    an answer can't choose what it describes.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("fields"), list):
        raise SalesforceError(Problem.NOT_DESCRIBED, f"a description of {name} without fields")
    told = answer.get("name")
    if not isinstance(told, str) or told.lower() != name.lower() or not is_api_name(told):
        raise SalesforceError(Problem.NOT_DESCRIBED, f"asked for {name}, answered for {str(told)[:80]}")
    fields = tuple(
        Field(
            name=field["name"],
            label=str(field.get("label") or field["name"]),
            type=str(field.get("type") or "string").lower(),
            is_calculated=bool(field.get("calculated")),
            is_self_moving=moves_by_itself(told, field["name"], is_calculated=bool(field.get("calculated"))),
            is_filterable=field.get("filterable") is not False,
        )
        for field in answer["fields"]
        if isinstance(field, dict) and is_api_name(field.get("name"))
    )
    return ObjectDescription(
        name=told,
        label=str(answer.get("label") or told),
        # Salesforce's names ignore case; a second field with the same name would give a duplicate column.
        fields=tuple({field.name.lower(): field for field in reversed(fields)}.values())[::-1],
        is_custom=bool(answer.get("custom")),
    )
