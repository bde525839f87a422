"""The objects of an org as a list to choose from: groups with counts, a search, and the cost of the chosen ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext

from datasync_flask.extractions import forecast
from datasync_flask.extractions.catalog import Catalog
from datasync_flask.extractions.service import ObjectChoice
from datasync_flask.salesforce.descriptions import ObjectEntry
from datasync_flask.salesforce.query_support import Reading, reading_of

# What most teams report on, in this order; those with rows are preselected.
MOST_USED = ("Account", "Contact", "Lead", "Opportunity", "Case", "Task", "Event", "User")
ALSO_USED = ("Campaign", "CampaignMember", "OpportunityLineItem", "Product2", "Contract", "Order")
BIGGEST_CUSTOM = 4
MOST_CHOSEN_FOR_YOU = 8
ROWS_SHOWN = 50
# Measured from practice org to DuckDB; a real org is slower, a small one quicker.
ROWS_PER_SECOND = 4_000
_FIELDS = 50


@dataclass(frozen=True)
class Row:
    """An object in the list; `refusal` says why it can't be loaded."""

    name: str
    label: str
    rows: int | None
    refusal: str


@dataclass(frozen=True)
class Group:
    """A filter of the list."""

    key: str
    title: str
    count: int


@dataclass(frozen=True)
class View:
    """The part of the list on the page."""

    query: str = ""
    show: str = ""
    is_whole: bool = False

    @classmethod
    def of(cls, sent: Mapping[str, str], prefix: str = "") -> View:
        """The view that an address or a form requests."""
        query = " ".join(str(sent.get(f"{prefix}q", "")).replace("\x00", "").split())[:100]
        show, whole = (str(sent.get(f"{prefix}{name}", ""))[:40] for name in ("show", "all"))
        return cls(query, whole or show, bool(whole))

    @property
    def as_query(self) -> dict[str, Any]:
        """The view as parameters of an address."""
        found = {"q": self.query, "all" if self.is_whole else "show": self.show}
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True)
class Listing:
    """The list for the page."""

    view: View
    groups: list[Group]
    show: str
    title: str
    rows: list[Row]
    found: int
    total: int


@dataclass(frozen=True)
class Sum:
    """An estimate of what the first run of the chosen objects takes."""

    rows: int
    unknown: int
    minutes: int
    cost: forecast.Cost

    @property
    def time(self) -> str:
        """A text about how long it takes."""
        if self.minutes < 1:
            return gettext("under a minute")
        return gettext("about %(number)s min", number=self.minutes)


def refusal_of(entry: ObjectEntry) -> str:
    """Why an object can't be loaded, '' when it can."""
    if not entry.can_be_queried or reading_of(entry.name) is Reading.NEVER:
        return gettext("can’t be read")
    return gettext("needs a filter by id") if reading_of(entry.name) is Reading.FILTER else ""


def suggested(found: Catalog) -> list[str]:
    """The preselected objects."""
    known = {entry.name: entry for entry in found.entries}
    can = [name for name in MOST_USED if name in known and not refusal_of(known[name])]
    if found.counts is not None:
        can = [name for name in can if found.counts.get(name)]
    return can[:MOST_CHOSEN_FOR_YOU]


def listing(found: Catalog, view: View, *, except_for: Collection[str] = ()) -> Listing:
    """The requested part of the list; a search covers all groups."""
    words, left_out = view.query.lower(), set(except_for)
    matching = [
        entry
        for entry in found.entries
        if entry.name not in left_out and (words in entry.name.lower() or words in entry.label.lower())
    ]
    members = _groups(found, matching)
    show = view.show if view.show in members else ("all" if words or not members["suggested"][1] else "suggested")
    title, inside = members[show]
    counts = found.counts or {}
    shown = inside if view.is_whole else inside[:ROWS_SHOWN]
    return Listing(
        view,
        [Group(key, title, len(entries)) for key, (title, entries) in members.items() if entries or key == show],
        show,
        gettext("Search results") if words and show == "all" else title,
        [Row(entry.name, entry.label, counts.get(entry.name), refusal_of(entry)) for entry in shown],
        len(inside),
        len(found.entries),
    )


def _groups(found: Catalog, entries: list[ObjectEntry]) -> dict[str, tuple[str, list[ObjectEntry]]]:
    """Title and objects of each group, by its key."""
    counts = found.counts or {}
    known = {entry.name: entry for entry in entries}
    plain = [entry for entry in entries if not entry.is_associate]
    own = [entry for entry in plain if not entry.namespace]
    custom = [entry for entry in own if entry.is_custom]
    biggest = sorted((entry for entry in custom if counts.get(entry.name)), key=lambda entry: -counts[entry.name])
    used = [known[name] for name in (*MOST_USED, *ALSO_USED) if name in known and not refusal_of(known[name])]
    groups = {"suggested": (gettext("Suggested"), used + biggest[:BIGGEST_CUSTOM])}
    if found.counts is not None:
        filled = sorted((entry for entry in entries if counts.get(entry.name)), key=lambda entry: -counts[entry.name])
        groups["rows"] = (gettext("With rows"), filled)
    groups["standard"] = (gettext("Standard"), [entry for entry in own if not entry.is_custom])
    groups["custom"] = (gettext("Custom"), custom)
    for namespace in sorted({entry.namespace for entry in plain} - {""}, key=str.lower):
        groups[f"ns-{namespace}"] = (namespace, [entry for entry in plain if entry.namespace == namespace])
    groups["associate"] = (gettext("History, sharing, feeds"), [entry for entry in entries if entry.is_associate])
    groups["all"] = (gettext("All"), entries)
    return groups


def choose(
    before: list[ObjectChoice],
    found: Catalog,
    view: View,
    ticked: Iterable[str],
    *,
    known: Collection[str],
    is_same_list: bool,
) -> list[ObjectChoice]:
    """The chosen objects after a form with a part of the list was sent: those it didn't show stay chosen.

    `known` are the objects that its page knew as chosen: what another page changed meanwhile stays changed.
    """
    kept = {choice.name: choice for choice in before}
    sent = dict.fromkeys(ticked)
    wanted = [name for name in sent if name not in known]
    shown = {row.name for row in listing(found, view).rows} if is_same_list else set()
    gone = (shown & set(known)) - set(sent)
    names = [name for name in kept if name not in gone] + [name for name in wanted if name not in kept]
    loadable = {entry.name for entry in found.entries if not refusal_of(entry)}
    return [kept.get(name) or ObjectChoice(name) for name in names if name in kept or name in loadable]


def sum_of(names: Collection[str], found: Catalog) -> Sum:
    """The estimate for the first run."""
    counts = found.counts or {}
    rows = sum(counts.get(name, 0) for name in names)
    costs = [forecast.of_object(is_whole=True, rows=counts.get(name), fields=_FIELDS) for name in names]
    cost = forecast.total([forecast.of_descriptions(len(names)), *costs]) if names else forecast.Cost()
    return Sum(rows, sum(name not in counts for name in names), round(rows / ROWS_PER_SECOND / 60), cost)


def calls_a_run(names: Collection[str]) -> int:
    """About how many API calls a later run takes, which reads only changes."""
    if not names:
        return 0
    costs = [forecast.of_object(is_whole=False, rows=0, fields=_FIELDS) for _ in names]
    return forecast.total([forecast.of_descriptions(len(names)), *costs]).calls
