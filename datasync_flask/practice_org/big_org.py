"""An org of real size: standard objects with their histories, shares and feeds, custom objects, packages.

Everything derives from names and numbers, so two orgs of the same size are alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from datasync_flask.practice_org.catalog import SYSTEM_FIELDS, SObject
from datasync_flask.practice_org.data import Data

_STANDARD = [
    name
    for line in Path(__file__).with_name("standard_objects.txt").read_text().splitlines()
    if not line.startswith("#")
    for name in line.split()
]
# Objects that can only be queried with a filter, and the fields to filter by.
_FILTERED = {
    "ContentDocumentLink": ("ContentDocumentId", "LinkedEntityId"),
    "ContentFolderItem": ("ParentContentFolderId", "Id"),
    "ContentFolderMember": ("ParentContentFolderId", "ChildRecordId"),
    "IdeaComment": ("CommunityId", "IdeaId"),
    "Vote": ("ParentId", "Id"),
}
_UNQUERIED = ("ActivityHistory", "CombinedAttachment", "NoteAndAttachment", "OpenActivity")
_THINGS = (
    "Invoice", "Project", "Milestone", "Position", "Candidate", "Vehicle", "Meter", "Site", "Survey", "Ticket",
    "Voucher", "Shipment", "Donation", "Pledge", "Household", "Course", "Enrollment", "Lesson", "Grant", "Budget",
    "Forecast", "Territory", "Route", "Stop", "Driver", "Machine", "Part", "Repair", "Warranty", "Claim", "Policy",
    "Premium", "Broker", "Room", "Booking", "Guest", "Menu", "Recipe", "Batch", "Sample", "Test", "Result",
    "Patient", "Visit", "Referral",
)  # fmt: skip
_ASPECTS = ("", "Line", "Type", "Setting", "Log", "Note", "Group", "Member", "Rule", "Target")
# Packages: their namespaces, and how many of each dozen custom objects belong to them.
_NAMESPACES = ("", "acme_hr", "", "zx_billing", "", "nimbusforms", "")
_SUFFIXES = ("Status", "Code", "Region", "Amount", "Count", "Ratio", "Start", "Closing", "Remark", "Contact", "Link")
_KINDS = (
    "picklist", "string", "string", "currency", "int", "percent", "date", "datetime", "textarea", "email", "url",
    "boolean", "double", "phone", "multipicklist",
)  # fmt: skip
WIDE_FIELDS, USUAL_FIELDS = 800, 12
_ROWS = 3


def grow(data: Data, count: int) -> None:
    """Add objects until there are at least `count` that the user sees."""
    seen = len(data.listed())
    for number, found in enumerate(_objects(data)):
        if seen >= count:
            return
        found.prefix = found.prefix or _prefix(number, is_custom=found.is_custom)
        # A few are hidden from this user; some others have hidden fields.
        found.is_accessible = number % 29 != 28
        seen += found.is_accessible
        if found.is_custom and number % 11 == 0:
            found.hidden = {f"Secret_{n}__c": "string" for n in range(1, 3)}
        data.add(found)
        if found.is_accessible and len(found.fields) < WIDE_FIELDS:
            data.generate(found.name, number % (_ROWS + 1))


def _prefix(number: int, *, is_custom: bool) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return ("a" if is_custom else "1") + digits[number // 36 % 36] + digits[number % 36]


def _objects(data: Data) -> Iterator[SObject]:
    """Yield objects: first those of every org, then standard and custom ones in turn."""
    for name, needed in _FILTERED.items():
        fields = {**_system(), **{each: "reference" for each in needed if each != "Id"}}
        yield SObject(name, fields, needs_filter=needed)
    for name in _UNQUERIED:
        yield SObject(name, {"Id": "id", "Subject": "string", "ActivityDate": "date"}, is_queryable=False)
    standard, custom = _standard(data), _custom()
    while True:
        yield from itertools.islice(standard, 3)
        yield from itertools.islice(custom, 2)


def _system() -> dict[str, str]:
    return {**dict(SYSTEM_FIELDS), "OwnerId": "reference"}


def _standard(data: Data) -> Iterator[SObject]:
    for number, entry in enumerate(_STANDARD):
        name = entry.rstrip("*")
        if name not in data.objects:
            yield SObject(name, {**_system(), **_fields(USUAL_FIELDS + number % 30, number, "")})
        if entry.endswith("*"):
            yield _share(name)
            yield _history(name)
            yield _feed(name)


def _share(name: str) -> SObject:
    parent = f"{name}Id" if "__" not in name else "ParentId"
    fields = {
        "Id": "id", parent: "reference", "UserOrGroupId": "reference", "RowCause": "picklist",
        "LastModifiedDate": "datetime", "IsDeleted": "boolean",
    }  # fmt: skip
    targets = {parent: name, "UserOrGroupId": "User"}
    return SObject(_beside(name, "Share"), fields, prefix="0sh", targets=targets, associate=("Share", name))


def _history(name: str) -> SObject:
    parent = f"{name}Id" if "__" not in name else "ParentId"
    fields = {
        "Id": "id", "IsDeleted": "boolean", parent: "reference", "CreatedById": "reference",
        "CreatedDate": "datetime", "Field": "picklist", "DataType": "picklist", "OldValue": "anyType",
        "NewValue": "anyType",
    }  # fmt: skip
    return SObject(_beside(name, "History"), fields, prefix="0hi", targets={parent: name}, associate=("History", name))


def _feed(name: str) -> SObject:
    fields = {
        "Id": "id", "ParentId": "reference", "Type": "picklist", "CreatedById": "reference", "CreatedDate": "datetime",
        "IsDeleted": "boolean", "LastModifiedDate": "datetime", "SystemModstamp": "datetime", "Body": "textarea",
    }  # fmt: skip
    return SObject(_beside(name, "Feed"), fields, prefix="0fd", targets={"ParentId": name}, associate=("Feed", name))


def _beside(name: str, kind: str) -> str:
    """The name of an object that belongs to another one: AccountHistory, Invoice__History."""
    return name.removesuffix("c") + kind if name.endswith("__c") else name + kind


def _custom() -> Iterator[SObject]:
    for number in itertools.count():
        round_, place = divmod(number, len(_THINGS) * len(_ASPECTS))
        aspect, thing = divmod(place, len(_THINGS))
        namespace = _NAMESPACES[number % len(_NAMESPACES)]
        stem = "_".join(part for part in (_THINGS[thing], _ASPECTS[aspect], str(round_) if round_ else "") if part)
        name = f"{namespace}__{stem}__c" if namespace else f"{stem}__c"
        # Orgs tend to have a few objects with a great many fields.
        wide = number % 40 == 1
        fields = {**_system(), **_fields(WIDE_FIELDS if wide else USUAL_FIELDS + number % 60, number, namespace)}
        if wide:
            fields = dict(list(fields.items())[:WIDE_FIELDS])
        yield SObject(name, fields, targets={key: "Account" for key, kind in fields.items() if kind == "reference"})
        if number % 6 == 0:
            yield _history(name)
            yield _share(name)


def _fields(count: int, number: int, namespace: str) -> dict[str, str]:
    """Custom fields, this many."""
    found: dict[str, str] = {f"{namespace}__Account__c" if namespace else "Account__c": "reference"}
    for index in range(count - 1):
        stem = f"{_SUFFIXES[(index + number) % len(_SUFFIXES)]}_{index + 1}"
        name = f"{namespace}__{stem}__c" if namespace and index % 3 else f"{stem}__c"
        found[name] = _KINDS[(index * 7 + number) % len(_KINDS)]
    return found
