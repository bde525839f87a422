"""What to read of an object, by its tracking type. It knows neither Flask, nor the database, nor HTTP.

Sources: SOAP API Developer Guide "System Fields" (SystemModstamp, IsDeleted), Bulk API 2.0 Developer Guide "Query"
(no ORDER BY, no compound fields), and what other tools found out about late commits.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from datasync_flask.extractions.runs.column_types import type_of
from datasync_flask.extractions.runs.formula_rhythm import FormulaRhythm
from datasync_flask.salesforce.descriptions import Field, ObjectDescription

# A row is stamped during its transaction and visible only after it: the watermark stays this far behind.
TRAILING_DELAY = timedelta(minutes=1)
# Salesforce keeps deleted rows for 15 days; after a longer gap, only comparing Ids finds deletes.
RECYCLE_BIN_TIME = timedelta(days=15)
CURSORS = ("SystemModstamp", "LastModifiedDate", "CreatedDate")
NOT_LOADABLE = frozenset({"address", "location", "base64", "complexvalue", "datacategorygroupreference"})


class Why(enum.StrEnum):
    """Why a run reads an object this way, for the page."""

    NO_DATE = "This object has no change date, so each run loads everything."
    NO_DELETES = "Rows of this object can’t be deleted in Salesforce."
    NO_FILTER = (
        "Salesforce can’t filter by the date chosen to detect changes, so the run used the default date or loaded "
        "everything."
    )
    FIRST = "The first run loads everything."
    DROPPED = "The table no longer existed in the destination, so this run loads everything."
    ASKED = "Somebody asked for a reload, so this run loads everything."
    CHANGED = "The settings have changed since the last run, so this run loads everything."
    OTHER_KEY = "Values are now hashed with a different key, so this run loads everything."
    OTHER_TYPE = "A hashed field has another type now, which gives other hashes, so this run loads everything."
    REREAD = "A regular full reload was due."
    COMPARES = "The run compares Ids to find rows that were permanently deleted."


@dataclass(frozen=True)
class LoadedAs:
    """How a table is loaded: which rows are in it, and how changes are found."""

    tracking_type: str = "none"
    cursor: str = ""
    keeps_history: bool = False
    marks_deleted: bool = False
    filter: str = ""
    # Names of fields, sorted, with commas between them.
    hashed: str = ""
    left_out: str = ""
    # The mark of the key of the hashes; '' where there are none, or nobody knows.
    key: str = ""
    # The types of the hashed fields, as name:type in small letters: the text that is hashed depends on the type.
    hashed_types: str = ""

    @property
    def types(self) -> dict[str, str]:
        """The types of the hashed fields by their names in small letters, as far as they are known."""
        return dict(pair.split(":", 1) for pair in self.hashed_types.split(",") if pair)

    def newly_treated(self, hashed: Iterable[str], left_out: Iterable[str]) -> list[str]:
        """The fields that are hashed or left out now, and weren't when the table was loaded."""
        return [*unknown(hashed, self.hashed.split(",")), *unknown(left_out, self.left_out.split(","))]

    @property
    def rows(self) -> tuple[bool, bool, bool, str, str]:
        """The part that decides which rows are in the table, and their content."""
        is_hashed = self.hashed.lower()
        return self.tracking_type == "date_deletes", self.keeps_history, self.marks_deleted, self.filter, is_hashed


@dataclass(frozen=True)
class Choice:
    """The choices for an object, and the results of the last good run."""

    name: str
    tracking_type: str
    cursor_field: str = ""
    fields: tuple[str, ...] | None = None
    filter: str = ""
    keeps_history: bool = False
    marks_deleted: bool = False
    hashed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    # The mark of the key that values are hashed with.
    key: str = ""
    watermark: datetime | None = None
    loaded_at: datetime | None = None
    read_whole_at: datetime | None = None
    ids_compared_at: datetime | None = None
    loaded_as: LoadedAs | None = None
    overlap: timedelta = timedelta(minutes=10)
    compare_ids_every: timedelta | None = timedelta(days=7)
    reread_every: timedelta | None = None
    formulas_fresh_at: datetime | None = None
    formula_rhythm: FormulaRhythm = FormulaRhythm.DAILY


@dataclass(frozen=True)
class Plan:
    """What a run does with an object."""

    name: str
    fields: tuple[Field, ...]
    soql: str
    with_deleted: bool
    # Read the whole table; otherwise only changes since `since`.
    is_whole: bool
    cursor: str
    since: datetime | None
    removes_deleted: bool
    keeps_history: bool
    compares_ids: bool
    loaded_as: LoadedAs
    reasons: tuple[Why, ...] = ()
    # Fields that change without the date, and whether this run refreshes them.
    formulas: tuple[str, ...] = ()
    refreshes_formulas: bool = False
    # Fields of which only a hash is written, and fields whose columns have to be emptied.
    hashed: frozenset[str] = frozenset()
    emptied: tuple[str, ...] = ()

    @property
    def count_tail(self) -> str:
        """The part after ``SELECT COUNT() FROM`` for the same rows without the time window."""
        return f"{self.name} WHERE {self.loaded_as.filter}" if self.loaded_as.filter else self.name

    def of_all_rows(self, *names: str) -> Plan:
        """The plan that reads only the Id and these fields, of all rows."""
        names = ("Id", *names)
        return replace(
            self,
            fields=tuple(found for found in self.fields if found.name in names),
            soql=f"SELECT {', '.join(names)} FROM {self.count_tail}",  # noqa: S608 (SOQL, own names)
            with_deleted=False,
            is_whole=True,
            keeps_history=False,
        )


def loadable(description: ObjectDescription) -> tuple[Field, ...]:
    """The fields that can be loaded: no compound fields, no files."""
    return tuple(found for found in description.fields if found.type not in NOT_LOADABLE)


def cursor_of(description: ObjectDescription, wanted: str = "") -> str:
    """The field that says when a row changed ('' when there is none)."""
    for name in (wanted, *CURSORS):
        found = description.field(name) if name else None
        if found is not None and can_be_cursor(found):
            return found.name
    return ""


def is_needed(name: str, cursor: str) -> bool:
    """True for fields that each run needs unhashed: those that identify rows, changes and deletes."""
    return name.lower() in {"id", "isdeleted", cursor.lower()}


def can_be_cursor(found: Field) -> bool:
    """True for a date that a query can use in its WHERE."""
    return found.type in {"datetime", "date"} and found.is_filterable


def make_plan(description: ObjectDescription, choice: Choice, now: datetime) -> Plan:
    """The plan of a run at `now` for an object."""
    chosen = loadable(description)
    cursor = cursor_of(description, choice.cursor_field)
    has_flag = description.field("IsDeleted") is not None
    left_out, hashed = (
        {name for name in description.spelled(names) if not is_needed(name, cursor)}
        for names in (choice.left_out, choice.hashed)
    )
    if choice.fields is not None:
        names = description.spelled(choice.fields)
        chosen = tuple(found for found in chosen if is_needed(found.name, cursor) or found.name in names)
    chosen = tuple(found for found in chosen if found.name not in left_out)
    reasons: list[Why] = []
    tracks_changes = choice.tracking_type != "none"
    tracks_deletes = choice.tracking_type == "date_deletes" and has_flag
    if tracks_changes and choice.cursor_field and cursor.lower() != choice.cursor_field.lower():
        reasons.append(Why.NO_FILTER)
    if tracks_changes and not cursor:
        reasons.append(Why.NO_DATE)
    if choice.tracking_type == "date_deletes" and not has_flag:
        reasons.append(Why.NO_DELETES)
    row_filter = choice.filter.strip()
    before = choice.loaded_as or LoadedAs()
    types = {found.name.lower(): type_of(found).value for found in chosen if found.name in hashed}
    # A field that can't be seen at the moment keeps its hashes.
    unseen = {name: kind for name, kind in before.types.items() if name in {each.lower() for each in hashed}}
    loaded_as = LoadedAs(
        choice.tracking_type, cursor, choice.keeps_history, choice.marks_deleted, row_filter,
        _joined(hashed), _joined(left_out), choice.key if hashed else "",
        _joined([f"{name}:{kind}" for name, kind in (unseen | types).items()]),
    )  # fmt: skip
    is_whole = not (tracks_changes and cursor)
    if not is_whole and choice.watermark is None:
        is_whole = True
        reasons.append(Why.FIRST if choice.loaded_at is None else Why.ASKED)
    elif not is_whole and choice.loaded_as is not None and choice.loaded_as.rows != loaded_as.rows:
        is_whole = True
        reasons.append(Why.CHANGED)
    elif not is_whole and before.key and loaded_as.key not in {"", before.key}:
        # Hashes of two keys in one column would join nothing.
        is_whole = True
        reasons.append(Why.OTHER_KEY)
    elif not is_whole and any(before.types.get(name, kind) != kind for name, kind in types.items()):
        is_whole = True
        reasons.append(Why.OTHER_TYPE)
    elif not is_whole and _is_due(choice.read_whole_at, choice.reread_every, now):
        is_whole = True
        reasons.append(Why.REREAD)
    since = None if is_whole or choice.watermark is None else choice.watermark - choice.overlap
    gap = choice.loaded_at is not None and now - choice.loaded_at > RECYCLE_BIN_TIME
    compares = (
        tracks_deletes and not is_whole and (gap or _is_due(choice.ids_compared_at, choice.compare_ids_every, now))
    )
    if compares:
        reasons.append(Why.COMPARES)
    conditions = [f"({row_filter})"] if row_filter else []
    if since is not None:
        conditions.append(f"{cursor} >= {_literal(since, description, cursor)}")
    formulas = tuple(found.name for found in chosen if found.is_self_moving)
    soql = f"SELECT {', '.join(found.name for found in chosen)} FROM {description.name}"  # noqa: S608 (SOQL, own names)
    if conditions:
        soql += f" WHERE {' AND '.join(conditions)}"
    return Plan(
        name=description.name,
        fields=chosen,
        soql=soql,
        with_deleted=tracks_deletes and (not is_whole or choice.marks_deleted),
        is_whole=is_whole,
        cursor=cursor if tracks_changes else "",
        since=since,
        removes_deleted=tracks_deletes and not choice.marks_deleted,
        keeps_history=choice.keeps_history,
        compares_ids=compares,
        loaded_as=loaded_as,
        reasons=tuple(reasons),
        formulas=formulas,
        refreshes_formulas=bool(formulas)
        and not is_whole
        and choice.formula_rhythm.is_due(choice.formulas_fresh_at, now),
        hashed=frozenset(found.name for found in chosen if found.name in hashed),
        emptied=tuple(sorted(set(before.newly_treated(hashed, left_out)))),
    )


def without_fields(plan: Plan, names: Collection[str]) -> str:
    """The plan's query without some of its fields."""
    kept = ", ".join(found.name for found in plan.fields if found.name not in names)
    return f"SELECT {kept} {plan.soql[plan.soql.index(' FROM ') + 1 :]}"  # noqa: S608 (SOQL, own names)


def after_drop(plan: Plan) -> Plan:
    """The plan of a first load, with the reason that somebody dropped the table."""
    return replace(plan, reasons=tuple(Why.DROPPED if why is Why.FIRST else why for why in plan.reasons))


def with_condition(plan: Plan, condition: str) -> Plan:
    """The plan, limited to the rows that match a condition."""
    return replace(plan, soql=f"{plan.soql} {'AND' if ' WHERE ' in plan.soql else 'WHERE'} {condition}")


def _joined(names: Collection[str]) -> str:
    return ",".join(sorted(names))


def unknown(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """The names that aren't among the known ones, whatever their capitals."""
    lower = {name.lower() for name in known}
    return [name for name in names if name.lower() not in lower]


def _is_due(last: datetime | None, every: timedelta | None, now: datetime) -> bool:
    return every is not None and every > timedelta(0) and last is not None and now - last >= every


def _literal(moment: datetime, description: ObjectDescription, cursor: str) -> str:
    found = description.field(cursor)
    utc = moment.astimezone(UTC)
    if found is not None and found.type == "date":
        return utc.strftime("%Y-%m-%d")
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03}Z"


def new_watermark(server_time: datetime) -> datetime:
    """The time up to which everything was visible when reading began at `server_time` of Salesforce's clock."""
    return server_time - TRAILING_DELAY
