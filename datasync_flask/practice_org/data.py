"""The practice org's rows: generating, changing and finding them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from datasync_flask.practice_org.catalog import (
    DATELESS,
    DEFINITIONS,
    OBJECTS,
    OWN_OBJECTS,
    PEOPLE,
    PREFIXES,
    SYSTEM_FIELDS,
    USER_ID,
    WITHOUT_DATES,
    Row,
    SObject,
    full_id,
    relationship_of,
)
from datasync_flask.practice_org.jobs import Job
from datasync_flask.practice_org.soql_tokens import SoqlError
from datasync_flask.practice_org.values import made_up, now

_STAMPED = {
    *dict(PEOPLE),
    "Id",
    "IsDeleted",
    "CreatedDate",
    "LastModifiedDate",
    "SystemModstamp",
    "MasterRecordId",
    "Name",
}


class Data:
    """All objects of the org, behind one lock."""

    def __init__(self, own_rows: Callable[[], dict[str, Row]] = dict) -> None:
        self.lock = threading.RLock()
        self.objects: dict[str, SObject] = {}
        for name, own in OBJECTS.items():
            self.objects[name] = SObject(
                name, dict((*(WITHOUT_DATES if name in DATELESS else SYSTEM_FIELDS), *own)), prefix=PREFIXES[name]
            )
        for name, own in OWN_OBJECTS.items():
            self.objects[name] = SObject(name, dict(own), prefix=PREFIXES[name])
        self.objects["FieldDefinition"].needs_filter = ("EntityDefinitionId", "DurableId", "EntityDefinition")
        self._spelled = {name.lower(): name for name in self.objects}
        # The org's rows about itself, by object, one each.
        self._own_rows = own_rows
        # When objects or fields last changed.
        self.changed_at = now()
        # Which object refers to which, computed when first needed after a change.
        self._children: dict[str, list[tuple[SObject, str]]] = {}
        self._children_at: datetime | None = None
        self.jobs: dict[str, Job] = {}
        self.jobs_made = 0

    def listed(self) -> list[SObject]:
        """The objects that the user can see."""
        return [found for name, found in self.objects.items() if found.is_accessible and name not in DEFINITIONS]

    def children_of(self, name: str) -> list[tuple[SObject, str]]:
        """The objects, and their fields, that refer to an object."""
        with self.lock:
            if self._children_at != self.changed_at:
                self._children.clear()
                for child in self.objects.values():
                    for reference, kind in child.fields.items():
                        if kind == "reference" and reference != "MasterRecordId":
                            self._children.setdefault(child.target_of(reference), []).append((child, reference))
                self._children_at = self.changed_at
            return self._children.get(name, [])

    def known(self, name: str) -> SObject | None:
        """An object that the user can see, or None."""
        spelled = self._spelled.get(name.lower())
        found = self.objects[spelled] if spelled else None
        return found if found is not None and found.is_accessible else None

    def object(self, name: str) -> SObject:
        """An object. Raises SoqlError."""
        found = self.known(name)
        if found is None:
            raise SoqlError("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        return found

    def add(self, found: SObject) -> None:
        """Add an object."""
        with self.lock:
            found.prefix = found.prefix or PREFIXES.get(found.name, "a00")
            self.objects[found.name] = found
            self._spelled[found.name.lower()] = found.name
            self.changed_at = now()

    def add_object(self, name: str, fields: dict[str, str], *, dated: bool = True) -> None:
        """Add an object with these fields besides the system fields."""
        self.add(SObject(name, {**dict(SYSTEM_FIELDS if dated else WITHOUT_DATES), **fields}))

    def show_object(self, name: str, *, is_accessible: bool) -> None:
        """Hide an object from the user, or show it again."""
        with self.lock:
            self.objects[self._spelled[name.lower()]].is_accessible = is_accessible
            self.changed_at = now()

    def refresh(self, found: SObject, asked: set[str]) -> None:
        """Update the org's rows about itself before a query; rows about fields only for the objects in the
        query.
        """
        for name, own in self._own_rows().items():
            kept = self.objects[name]
            kept.rows = {own["Id"]: {**dict.fromkeys(kept.fields), **own}}
        if found.name in DEFINITIONS:
            entities = [_entity_row(number, each) for number, each in enumerate(self.objects.values())]
            self.objects["EntityDefinition"].rows = {row["Id"]: row for row in entities}
            ids = {row["QualifiedApiName"]: row["Id"] for row in entities}
            fields = [
                row
                for name, each in self.objects.items()
                if found.name == "FieldDefinition" and {name.lower(), ids[name].lower(), ids[name][:15].lower()} & asked
                for row in _field_rows(each, ids[name])
            ]
            self.objects["FieldDefinition"].rows = {row["Id"]: row for row in fields}

    def insert(self, name: str, values: list[Row], *, at: datetime | None = None) -> list[str]:
        """Add rows and return their ids."""
        with self.lock:
            found, made = self.object(name), []
            for value in values:
                row: Row = dict.fromkeys(found.fields)
                row["Id"] = value.get("Id") or full_id(f"{found.prefix}5g{found.next_number:010}")
                found.next_number += 1
                if found.has_dates:
                    row |= {"IsDeleted": False, "CreatedDate": at or now()}
                row["Name"] = f"{name} {found.next_number - 1}"
                row |= {name: USER_ID for name, _ in PEOPLE if name in row}
                row |= _typed(found, value)
                self._stamp(found, row, at)
                found.rows[row["Id"]] = row
                made.append(row["Id"])
            return made

    def _stamp(self, found: SObject, row: Row, at: datetime | None = None) -> None:
        if found.has_dates:
            row["SystemModstamp"] = row["LastModifiedDate"] = at or now()

    def update(self, name: str, ids: list[str], values: Row, *, stamps: bool = True) -> None:
        """Change rows; without `stamps`, they change as a formula does, without any date."""
        with self.lock:
            found = self.object(name)
            for row_id in ids:
                found.rows[row_id].update(_typed(found, values))
                if stamps:
                    self._stamp(found, found.rows[row_id])

    def delete(self, name: str, ids: list[str], *, hard: bool = False) -> None:
        """Delete rows, into the recycle bin or for good."""
        with self.lock:
            found = self.object(name)
            for row_id in ids:
                found.deleted_at.setdefault(row_id, now())
                if hard:
                    found.rows.pop(row_id, None)
                else:
                    found.rows[row_id]["IsDeleted"] = True
                    self._stamp(found, found.rows[row_id])

    def undelete(self, name: str, ids: list[str]) -> None:
        """Restore rows from the recycle bin."""
        self.update(name, ids, {"IsDeleted": False})
        for row_id in ids:
            self.object(name).deleted_at.pop(row_id, None)

    def merge(self, name: str, winner: str, losers: list[str]) -> None:
        """Merge records: the losers are deleted and name their winner."""
        self.update(name, losers, {"MasterRecordId": winner})
        self.delete(name, losers)
        self.update(name, [winner], {})

    def change_fields(self, name: str, added: dict[str, str], removed: list[str]) -> None:
        """Add and remove fields of an object."""
        with self.lock:
            found = self.object(name)
            found.fields.update(added)
            self.changed_at = now()
            for gone in removed:
                found.fields.pop(gone, None)

    def make_unfilterable(self, name: str, names: list[str]) -> None:
        """Make fields unfilterable: in their description, and by refusing queries that filter by them."""
        with self.lock:
            self.object(name).unfilterable.update(names)
            self.changed_at = now()

    def hide_fields(self, name: str, names: list[str]) -> None:
        """Hide fields from the user; FieldDefinition still lists them."""
        with self.lock:
            found = self.object(name)
            self.changed_at = now()
            for hidden in names:
                found.hidden[hidden] = found.fields.pop(hidden)

    def show_fields(self, name: str, names: list[str]) -> None:
        """Show fields to the user again."""
        with self.lock:
            found = self.object(name)
            self.changed_at = now()
            for shown in names:
                found.fields[shown] = found.hidden.pop(shown)

    def generate(self, name: str, count: int) -> None:
        """Add rows whose values derive from their number, stamped over the past year."""
        start = now() - timedelta(days=365)
        with self.lock:
            found = self.object(name)
            for _ in range(count):
                number = found.next_number
                value = {key: made_up(kind, key, number) for key, kind in found.fields.items() if key not in _STAMPED}
                self.insert(name, [value], at=start + timedelta(seconds=(number * 31) % (364 * 86400)))


def _typed(found: SObject, values: Row) -> Row:
    """Values with times converted from texts."""
    return {
        name: datetime.fromisoformat(value)
        if found.fields.get(name) == "datetime" and isinstance(value, str)
        else value
        for name, value in values.items()
    }


def _entity_row(number: int, found: SObject) -> Row:
    return {
        "Id": full_id(f"4ie5g{number:010}"), "DurableId": found.name, "QualifiedApiName": found.name,
        "DeveloperName": found.name.removesuffix("__c").split("__")[-1], "MasterLabel": found.label,
        "Label": found.label, "PluralLabel": found.plural, "NamespacePrefix": found.namespace,
        "KeyPrefix": found.prefix, "IsQueryable": found.is_queryable, "IsRetrieveable": True,
        "IsCustomizable": True, "IsCustomSetting": False, "IsDeprecatedAndHidden": False,
    }  # fmt: skip


def _field_rows(found: SObject, entity_id: str) -> list[Row]:
    fields: dict[str, Any] = {**found.fields, **found.hidden}
    return [
        {
            "Id": full_id(f"4id5g{entity_id[9:15]}{number:04}"), "DurableId": f"{found.name}.{name}",
            "QualifiedApiName": name, "DeveloperName": name.removesuffix("__c"), "MasterLabel": name, "Label": name,
            "NamespacePrefix": None, "DataType": kind.capitalize(), "EntityDefinitionId": entity_id,
            "Length": 255 if kind == "string" else 0, "Precision": 0, "Scale": 0,
            "IsCalculated": found.is_calculated(name), "IsNillable": name != "Id",
            "RelationshipName": relationship_of(name) if kind == "reference" else None,
        }
        for number, (name, kind) in enumerate(fields.items())
    ]  # fmt: skip
