"""The practice org's rows: objects with typed fields, generated, changed by script, queried with a little SOQL."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Row = dict[str, Any]

SYSTEM_FIELDS = (
    ("Id", "id"),
    ("IsDeleted", "boolean"),
    ("Name", "string"),
    ("CreatedDate", "datetime"),
    ("LastModifiedDate", "datetime"),
    ("SystemModstamp", "datetime"),
)
OBJECTS: dict[str, tuple[tuple[str, str], ...]] = {
    "Account": (
        ("Industry", "picklist"), ("AnnualRevenue", "currency"), ("NumberOfEmployees", "int"), ("Website", "url"),
        ("Phone", "phone"), ("BillingCity", "string"), ("BillingAddress", "address"), ("Description", "textarea"),
        ("IsPartner__c", "boolean"), ("Founded__c", "date"), ("Share__c", "percent"), ("Score__c", "double"),
        ("Opens__c", "time"), ("Tags__c", "multipicklist"), ("Age__c", "double"), ("MasterRecordId", "reference"),
    ),
    "Contact": (
        ("FirstName", "string"), ("LastName", "string"), ("Email", "email"), ("AccountId", "reference"),
        ("Birthdate", "date"), ("MasterRecordId", "reference"),
    ),
    "Opportunity": (
        ("AccountId", "reference"), ("Amount", "currency"), ("CloseDate", "date"), ("StageName", "picklist"),
        ("Probability", "percent"), ("IsWon", "boolean"),
    ),
    "OrderStatus": (("ApiName", "string"), ("SortOrder", "int")),
}  # fmt: skip
CALCULATED = {("Account", "Age__c")}
# What can't be read in bulk, and what has no date.
NOT_IN_BULK = {"OrderStatus"}
WITHOUT_DATES = {"OrderStatus"}
PREFIXES = {"Account": "001", "Contact": "003", "Opportunity": "006", "OrderStatus": "0OS"}
DECIMALS = {"currency": (18, 2), "percent": (18, 2), "double": (18, 6), "int": (0, 0)}


class SoqlError(Exception):
    """A query that can't be answered: the code and message that Salesforce has for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class SObject:
    """An object: its fields (name to type) and rows by id."""

    name: str
    fields: dict[str, str]
    rows: dict[str, Row] = field(default_factory=dict)
    next_number: int = 1
    # Fields that there are, but not for the user.
    hidden: dict[str, str] = field(default_factory=dict)
    # Fields that no query may filter by.
    unfilterable: set[str] = field(default_factory=set)

    @property
    def has_dates(self) -> bool:
        """True when rows carry stamps."""
        return "SystemModstamp" in self.fields


def _now() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Data:
    """All objects of the org, behind one lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.objects: dict[str, SObject] = {}
        for name, own in OBJECTS.items():
            system = [pair for pair in SYSTEM_FIELDS if name not in WITHOUT_DATES or pair[0] in {"Id", "Name"}]
            self.objects[name] = SObject(name, dict((*system, *own)))
        self.jobs: dict[str, Job] = {}
        self.jobs_made = 0

    def object(self, name: str) -> SObject:
        """Return an object. Raises SoqlError."""
        found = next((each for key, each in self.objects.items() if key.lower() == name.lower()), None)
        if found is None:
            raise SoqlError("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        return found

    def add_object(self, name: str, fields: dict[str, str], *, dated: bool = True) -> None:
        """Add an object with these fields besides the system's."""
        system = SYSTEM_FIELDS if dated else (SYSTEM_FIELDS[0], SYSTEM_FIELDS[2])
        with self.lock:
            self.objects[name] = SObject(name, {**dict(system), **fields})

    def insert(self, name: str, values: list[Row], *, at: datetime | None = None) -> list[str]:
        """Add rows and return their ids."""
        with self.lock:
            found, made = self.object(name), []
            for value in values:
                prefix = PREFIXES.get(name, "a00")
                row: Row = dict.fromkeys(found.fields)
                row["Id"] = value.get("Id") or f"{prefix}5g{found.next_number:010}AAA"
                found.next_number += 1
                if found.has_dates:
                    row |= {"IsDeleted": False, "CreatedDate": at or _now()}
                row["Name"] = f"{name} {found.next_number - 1}"
                row |= _typed(found, value)
                self._stamp(found, row, at)
                found.rows[row["Id"]] = row
                made.append(row["Id"])
            return made

    def _stamp(self, found: SObject, row: Row, at: datetime | None = None) -> None:
        if found.has_dates:
            row["SystemModstamp"] = row["LastModifiedDate"] = at or _now()

    def update(
        self, name: str, ids: list[str], values: Row, *, stamps: bool = True, at: datetime | None = None
    ) -> None:
        """Change rows; without `stamps` as a formula changes, which nobody is told of."""
        with self.lock:
            found = self.object(name)
            for row_id in ids:
                found.rows[row_id].update(_typed(found, values))
                if stamps:
                    self._stamp(found, found.rows[row_id], at)

    def delete(self, name: str, ids: list[str], *, hard: bool = False) -> None:
        """Delete rows, softly (into the bin) or for good."""
        with self.lock:
            found = self.object(name)
            for row_id in ids:
                if hard:
                    found.rows.pop(row_id, None)
                else:
                    found.rows[row_id]["IsDeleted"] = True
                    self._stamp(found, found.rows[row_id])

    def undelete(self, name: str, ids: list[str]) -> None:
        """Take rows out of the bin."""
        self.update(name, ids, {"IsDeleted": False})

    def merge(self, name: str, winner: str, losers: list[str]) -> None:
        """Merge records: the losers are deleted and name their winner."""
        self.update(name, losers, {"IsDeleted": True, "MasterRecordId": winner})
        self.update(name, [winner], {})

    def change_fields(self, name: str, added: dict[str, str], removed: list[str]) -> None:
        """Add and remove fields of an object."""
        with self.lock:
            found = self.object(name)
            found.fields.update(added)
            for gone in removed:
                found.fields.pop(gone, None)

    def make_unfilterable(self, name: str, names: list[str]) -> None:
        """Have describe call fields not filterable, and queries that filter by them refused."""
        with self.lock:
            self.object(name).unfilterable.update(names)

    def hide_fields(self, name: str, names: list[str]) -> None:
        """Take fields away from the user; FieldDefinition goes on telling of them."""
        with self.lock:
            found = self.object(name)
            for hidden in names:
                found.hidden[hidden] = found.fields.pop(hidden)

    def generate(self, name: str, count: int) -> None:
        """Add rows whose values follow from their number, stamped over the year before now."""
        start = _now() - timedelta(days=365)
        with self.lock:
            found = self.object(name)
            for _ in range(count):
                number = found.next_number
                value = {key: _made_up(kind, key, number) for key, kind in found.fields.items() if key not in _STAMPED}
                self.insert(name, [value], at=start + timedelta(seconds=(number * 31) % (364 * 86400)))


def _typed(found: SObject, values: Row) -> Row:
    """Return values with times that came as texts made times."""
    return {
        name: datetime.fromisoformat(value)
        if found.fields.get(name) == "datetime" and isinstance(value, str)
        else value
        for name, value in values.items()
    }


_STAMPED = {"Id", "IsDeleted", "CreatedDate", "LastModifiedDate", "SystemModstamp", "MasterRecordId", "Name"}
_WORDS = ("Alpine", "Beacon", "Cedar", "Delta", "Ember", "Fjord", "Granite", "Harbor", "Indigo", "Juniper")


def _made_up(kind: str, name: str, number: int) -> Any:
    word = _WORDS[number % len(_WORDS)]
    return {
        "string": f"{word} {number}",
        "textarea": f"{word}, founded by {name}\nline two of {number}",
        "picklist": ("Energy", "Banking", "Media", "Retail")[number % 4],
        "multipicklist": "A;B" if number % 2 else "C",
        "currency": (number * 1234567 % 100_000_000) / 100,
        "percent": (number * 7 % 10_000) / 100,
        "double": number / 8,
        "int": number % 5000,
        "boolean": number % 3 == 0,
        "date": f"{1900 + number % 180:04}-{number % 12 + 1:02}-{number % 28 + 1:02}",
        "time": f"{number % 24:02}:{number % 60:02}:00.000Z",
        "datetime": _now(),
        "url": f"https://{word.lower()}{number}.example",
        "email": f"{word.lower()}{number}@example.com",
        "phone": f"+49 30 {number:07}",
    }.get(kind)


_SELECT = re.compile(
    r"\s*SELECT\s+(?P<fields>.+?)\s+FROM\s+(?P<name>\w+)(?:\s+WHERE\s+(?P<where>.+?))?"
    r"(?:\s+ORDER\s+BY\s+(?P<order>[\w, ]+?))?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*$",
    re.I | re.S,
)
_CONDITION = re.compile(
    r"\s*\(?\s*(\w+)\s*(>=|<=|!=|=|<|>|\bIN\b|\bLIKE\b)\s*(\([^)]*\)|'(?:[^'\\]|\\.)*'|[^\s)]+)\s*\)?\s*", re.I
)


@dataclass
class Answer:
    """What a query found: the fields asked for and the rows; a count has no fields."""

    object: str
    fields: list[str]
    rows: list[Row]


_FIELD_DEFINITION = re.compile(
    r"SELECT QualifiedApiName FROM FieldDefinition WHERE EntityDefinition\.QualifiedApiName = '(\w+)'", re.I
)


def run_soql(data: Data, soql: str, *, with_deleted: bool) -> Answer:
    """Answer a query. Raises SoqlError with Salesforce's code."""
    about = _FIELD_DEFINITION.fullmatch(soql)
    if about is not None:
        described = data.object(about[1])
        names = [*described.fields, *described.hidden]
        rows = [{"Id": f"000{number:012}AAA", "QualifiedApiName": name} for number, name in enumerate(names)]
        return Answer("FieldDefinition", ["QualifiedApiName"], rows)
    parts = _SELECT.match(soql)
    if parts is None:
        raise SoqlError("MALFORMED_QUERY", "unexpected token")
    with data.lock:
        found = data.object(parts["name"])
        fields = [name.strip() for name in parts["fields"].split(",")]
        is_count = fields == ["COUNT()"]
        spelled = {name.lower(): name for name in found.fields}
        for name in [] if is_count else fields:
            if name.lower() not in spelled:
                raise SoqlError(
                    "INVALID_FIELD",
                    f"\n{name}\n^\nERROR at Row:1:Column:8\nNo such column '{name}' on entity '{found.name}'.",
                )
        tests = (
            [_condition(found, text) for text in re.split(r"\s+AND\s+", parts["where"], flags=re.I)]
            if parts["where"]
            else []
        )
        rows = [
            dict(row)
            for row in found.rows.values()
            if (with_deleted or not row.get("IsDeleted")) and all(test(row) for test in tests)
        ]
    if parts["limit"]:
        rows = rows[: int(parts["limit"])]
    return Answer(found.name, [] if is_count else [spelled[name.lower()] for name in fields], rows)


def _condition(found: SObject, text: str) -> Callable[[Row], bool]:
    parts = _CONDITION.fullmatch(text)
    if parts is None:
        raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{text[:40]}'")
    name = next((key for key in found.fields if key.lower() == parts[1].lower()), None)
    if name is None:
        raise SoqlError("INVALID_FIELD", f"No such column '{parts[1]}' on entity '{found.name}'.")
    if name in found.unfilterable:
        raise SoqlError("INVALID_FIELD", f"field '{name}' can not be filtered in a query call")
    if found.fields[name] == "datetime" and parts[3].startswith("'"):
        raise SoqlError(
            "INVALID_FIELD",
            f"value of filter criterion for field '{name}' must be of type dateTime "
            "and should not be enclosed in quotes",
        )
    sign = parts[2].upper()
    if sign == "IN":
        values = {_literal(part.strip()) for part in parts[3].strip("()").split(",")}
        return lambda row: row.get(name) in values
    value = _literal(parts[3])
    compare: dict[str, Callable[[Any], bool]] = {
        "=": lambda held: held == value,
        "!=": lambda held: held != value,
        ">": lambda held: held is not None and held > value,
        "<": lambda held: held is not None and held < value,
        ">=": lambda held: held is not None and held >= value,
        "<=": lambda held: held is not None and held <= value,
    }
    return lambda row: compare[sign](row.get(name))


def _literal(text: str) -> Any:
    if text.startswith("'"):
        return text[1:-1].replace("\\'", "'")
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if text.lower() == "null":
        return None
    if re.match(r"\d{4}-\d\d-\d\dT", text):
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    return text if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else float(text)


def as_json(value: Any) -> Any:
    """Return a value as REST's JSON has it."""
    return (
        value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}+0000"
        if isinstance(value, datetime)
        else value
    )


def as_csv(value: Any) -> str:
    """Return a value as Bulk's CSV has it, quoted."""
    if value is None:
        return '""'
    if isinstance(value, bool):
        return f'"{str(value).lower()}"'
    if isinstance(value, datetime):
        return f'"{value.strftime("%Y-%m-%dT%H:%M:%S.")}{value.microsecond // 1000:03}Z"'
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    return '"' + str(value).replace('"', '""') + '"'


@dataclass
class Job:
    """A query job: answered when it was made, complete a little later."""

    id: str
    soql: str
    operation: str
    answer: Answer
    complete_at: float
    state: str = ""
    error: str = ""

    def current_state(self) -> str:
        """Return where the job is."""
        return self.state or ("JobComplete" if time.time() >= self.complete_at else "InProgress")

    def page(self, start: int, size: int) -> tuple[str, int, int]:
        """Return (CSV, rows in it, where the next page starts or 0)."""
        rows = self.answer.rows[start : start + size]
        lines = [",".join(f'"{name}"' for name in self.answer.fields)]
        lines += [",".join(as_csv(row.get(name)) for name in self.answer.fields) for row in rows]
        following = start + size if start + size < len(self.answer.rows) else 0
        return "\n".join(lines) + "\n", len(rows), following
