"""The objects and fields of the practice org, and what derives from their names and types."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

USER_ID = "0055g00000PrctUAAR"
PROFILE_ID = "00e5g000000PrctAAA"

Row = dict[str, Any]
Fields = tuple[tuple[str, str], ...]

SYSTEM_FIELDS: Fields = (
    ("Id", "id"),
    ("IsDeleted", "boolean"),
    ("Name", "string"),
    ("CreatedDate", "datetime"),
    ("LastModifiedDate", "datetime"),
    ("SystemModstamp", "datetime"),
)
WITHOUT_DATES: Fields = (("Id", "id"), ("Name", "string"))
# Who owns, created and changed a record.
PEOPLE: Fields = (("OwnerId", "reference"), ("CreatedById", "reference"), ("LastModifiedById", "reference"))
OBJECTS: dict[str, Fields] = {
    "Account": (
        ("Industry", "picklist"), ("AnnualRevenue", "currency"), ("NumberOfEmployees", "int"), ("Website", "url"),
        ("Phone", "phone"), ("BillingCity", "string"), ("BillingAddress", "address"), ("Description", "textarea"),
        ("IsPartner__c", "boolean"), ("Founded__c", "date"), ("Share__c", "percent"), ("Score__c", "double"),
        ("Opens__c", "time"), ("Tags__c", "multipicklist"), ("Age__c", "double"), ("MasterRecordId", "reference"),
        ("ParentId", "reference"), *PEOPLE,
    ),
    "Contact": (
        ("FirstName", "string"), ("LastName", "string"), ("Email", "email"), ("AccountId", "reference"),
        ("Birthdate", "date"), ("MasterRecordId", "reference"), *PEOPLE,
    ),
    "Opportunity": (
        ("AccountId", "reference"), ("Amount", "currency"), ("CloseDate", "date"), ("StageName", "picklist"),
        ("Probability", "percent"), ("IsWon", "boolean"), *PEOPLE,
    ),
    "OrderStatus": (("ApiName", "string"), ("SortOrder", "int")),
}  # fmt: skip
# Objects about the org itself: the org, its user, its objects and fields.
DATES: Fields = SYSTEM_FIELDS[3:]
OWN_OBJECTS: dict[str, Fields] = {
    "Organization": (
        ("Id", "id"), ("Name", "string"), ("Country", "string"), ("OrganizationType", "picklist"),
        ("InstanceName", "string"), ("IsSandbox", "boolean"), ("NamespacePrefix", "string"),
        ("TrialExpirationDate", "datetime"), ("LanguageLocaleKey", "picklist"), ("TimeZoneSidKey", "picklist"),
        ("DefaultLocaleSidKey", "picklist"), ("FiscalYearStartMonth", "int"), *DATES,
    ),
    "User": (
        ("Id", "id"), ("Username", "string"), ("LastName", "string"), ("FirstName", "string"), ("Name", "string"),
        ("Email", "email"), ("Alias", "string"), ("IsActive", "boolean"), ("UserType", "picklist"),
        ("TimeZoneSidKey", "picklist"), ("LocaleSidKey", "picklist"), ("LanguageLocaleKey", "picklist"),
        ("ProfileId", "reference"), *DATES,
    ),
    "Profile": (("Id", "id"), ("Name", "string"), ("UserType", "picklist"), *DATES),
    "EntityDefinition": (
        ("Id", "id"), ("DurableId", "string"), ("QualifiedApiName", "string"), ("DeveloperName", "string"),
        ("MasterLabel", "string"), ("Label", "string"), ("PluralLabel", "string"), ("NamespacePrefix", "string"),
        ("KeyPrefix", "string"), ("IsQueryable", "boolean"), ("IsRetrieveable", "boolean"),
        ("IsCustomizable", "boolean"), ("IsCustomSetting", "boolean"), ("IsDeprecatedAndHidden", "boolean"),
    ),
    "FieldDefinition": (
        ("Id", "id"), ("DurableId", "string"), ("QualifiedApiName", "string"), ("DeveloperName", "string"),
        ("MasterLabel", "string"), ("Label", "string"), ("NamespacePrefix", "string"), ("DataType", "string"),
        ("EntityDefinitionId", "reference"), ("Length", "int"), ("Precision", "int"), ("Scale", "int"),
        ("IsCalculated", "boolean"), ("IsNillable", "boolean"), ("RelationshipName", "string"),
    ),
}  # fmt: skip
DEFINITIONS = frozenset({"EntityDefinition", "FieldDefinition"})
CALCULATED = frozenset({("Account", "Age__c")})
# Objects that can't be read in bulk, and objects without a date.
NOT_IN_BULK = frozenset({"OrderStatus", *DEFINITIONS})
DATELESS = frozenset({"OrderStatus"})
PREFIXES = {"Account": "001", "Contact": "003", "Opportunity": "006", "OrderStatus": "0OS", "Organization": "00D",
            "User": "005", "Profile": "00e", "EntityDefinition": "4ie", "FieldDefinition": "4id"}  # fmt: skip
DECIMALS = {"currency": (18, 2), "percent": (18, 2), "double": (18, 6)}
NUMBERS = frozenset({"int", "long", "double", "currency", "percent"})
IDS = frozenset({"id", "reference"})
COMPOUND = frozenset({"address", "location"})
# Types that queries can't group by.
UNGROUPED = COMPOUND | {"base64", "currency", "percent", "double", "datetime", "json", "textarea", "multipicklist"}
PICKLISTS = {
    "Industry": ("Energy", "Banking", "Media", "Retail"),
    "StageName": ("Prospecting", "Qualification", "Closed Won", "Closed Lost"),
    "Tags__c": ("A", "B", "C"),
}
_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def full_id(short: str) -> str:
    """The 18 characters of an id of 15: the last three encode which of the others are capitals."""
    sums = (sum(1 << n for n, letter in enumerate(short[at : at + 5]) if letter.isupper()) for at in (0, 5, 10))
    return short + "".join(_CHECKSUM[each] for each in sums)


@dataclass
class SObject:
    """An object: its fields (name to type) and rows by id."""

    name: str
    fields: dict[str, str]
    rows: dict[str, Row] = field(default_factory=dict)
    next_number: int = 1
    # Fields that exist, but that the user can't see.
    hidden: dict[str, str] = field(default_factory=dict)
    # Fields that queries can't filter by.
    unfilterable: set[str] = field(default_factory=set)
    prefix: str = ""
    # The targets of reference fields whose name doesn't say.
    targets: dict[str, str] = field(default_factory=dict)
    # ("History", "Account") for an object that belongs to another one.
    associate: tuple[str, str] | None = None
    # False: the user can't see the object at all.
    is_accessible: bool = True
    # False: it has a description, but queries are refused.
    is_queryable: bool = True
    # The fields that a query has to filter by, each with = or IN.
    needs_filter: tuple[str, ...] = ()
    # When rows were deleted, including those that are gone for good.
    deleted_at: dict[str, datetime] = field(default_factory=dict)

    @property
    def has_dates(self) -> bool:
        """True when rows have stamps."""
        return "SystemModstamp" in self.fields

    @property
    def is_custom(self) -> bool:
        """True for an object that isn't Salesforce's own."""
        return "__" in self.name

    @property
    def namespace(self) -> str | None:
        """The namespace of the package that the object came with."""
        parts = self.name.split("__")
        return parts[0] if len(parts) > 2 else None

    @property
    def label(self) -> str:
        """The label."""
        return label_of(self.name)

    @property
    def plural(self) -> str:
        """The plural label."""
        return plural_of(self.label)

    def spelled(self, name: str) -> str | None:
        """A field's name in the org's spelling; None when the user can't see such a field."""
        if name in self.fields:
            return name
        return next((known for known in self.fields if known.lower() == name.lower()), None)

    def target_of(self, name: str) -> str:
        """The object that a reference field leads to, '' for other fields."""
        if self.fields.get(name) != "reference":
            return ""
        if name in self.targets:
            return self.targets[name]
        if name in dict(PEOPLE):
            return "User"
        return self.name if name in {"ParentId", "MasterRecordId"} else name.removesuffix("Id")

    def reference_called(self, relationship: str) -> str | None:
        """The reference field of a relationship, None when there is none."""
        references = (name for name, kind in self.fields.items() if kind == "reference")
        return next((name for name in references if relationship_of(name).lower() == relationship.lower()), None)

    def is_calculated(self, name: str) -> bool:
        """True for a formula field."""
        return (self.name, name) in CALCULATED

    def is_long(self, name: str) -> bool:
        """True for long texts, which Salesforce neither filters nor sorts by."""
        return self.fields[name] == "textarea"

    def is_aggregatable(self, name: str) -> bool:
        """True for fields that queries can aggregate."""
        return self.fields[name] not in COMPOUND | {"boolean", "textarea"}


def relationship_of(name: str) -> str:
    """The relationship name of a reference field."""
    return name.removesuffix("__c") + "__r" if name.endswith("__c") else name.removesuffix("Id")


def label_of(name: str) -> str:
    """A label made from a name."""
    parts = name.split("__")
    word = parts[1] if len(parts) > 2 else parts[0]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", word.replace("_", " "))


def plural_of(word: str) -> str:
    """The plural of an English word."""
    if word.endswith(("s", "History", "Share")):
        return word
    return word[:-1] + "ies" if re.search(r"[^aeiou]y$", word) else word + "s"


def child_relationship(child: SObject, reference: str) -> str:
    """The parent's name for its children of this object through this field."""
    name = plural_of(child.name.removesuffix("__c"))
    return name + "__r" if child.is_custom else f"Child{name}" if reference == "ParentId" else name
