"""The content of another tool's file: connections and extractions to create, and a list of remarks."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from datasync_flask.moving_in.reading import Document
from datasync_flask.salesforce.descriptions import is_api_name
from datasync_flask.salesforce_connections.models import AuthMethod, LoginHost, TrackingType

MAX_OBJECTS = 500
MAX_FIELDS = 1000
# Longer lists of names are cut.
_NAMES_SHOWN = 20


class Verdict(enum.StrEnum):
    """What happens to something in the file."""

    TAKEN = "taken"
    CHANGED = "changed"
    LEFT = "left"


VERDICT_TEXTS = {
    Verdict.TAKEN: _l("Taken"),
    Verdict.CHANGED: _l("Different here"),
    Verdict.LEFT: _l("Not taken"),
}


@dataclass(frozen=True)
class Remark:
    """One line of the list: the connection or extraction, the setting, what happens to it and why."""

    verdict: Verdict
    subject: str
    about: str
    text: str


@dataclass
class FoundConnection:
    """A Salesforce connection, always without secrets."""

    description: str
    login_host: LoginHost = LoginHost.PRODUCTION
    login_url: str = ""
    auth_method: AuthMethod = AuthMethod.AUTHORIZATION_CODE
    client_id: str = ""
    username: str = ""


def usual_cursor(name: str) -> str:
    """The field that usually detects an object's changes, judged by the object's name."""
    if name == "LoginHistory":
        return "LoginTime"
    if name.endswith("History"):
        return "CreatedDate"
    return "LastModifiedDate" if name.endswith("Share") else "SystemModstamp"


@dataclass
class FoundObject:
    """An object with its choices; `fields` None: all. The usual date to detect changes by isn't stored."""

    name: str
    is_whole: bool = False
    cursor_field: str = ""
    filter: str = ""
    fields: list[str] | None = None

    def __post_init__(self) -> None:
        if self.cursor_field == usual_cursor(self.name):
            self.cursor_field = ""

    def settings(self) -> dict[str, object]:
        """The object in the format of an extraction's definition."""
        return {
            "name": self.name,
            "tracking_type": TrackingType.NONE.value if self.is_whole else "",
            "cursor_field": self.cursor_field,
            "filter": self.filter,
            "fields": self.fields,
        }


@dataclass
class FoundExtraction:
    """Objects to read; `source` None: the file has no connection for them."""

    description: str
    objects: list[FoundObject]
    source: FoundConnection | None = None


@dataclass
class Found:
    """The whole content of a file."""

    connections: list[FoundConnection] = field(default_factory=list)
    extractions: list[FoundExtraction] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    # The subject of the next remarks.
    subject: str = ""

    def taken(self, about: str, text: str) -> None:
        """Remark that something is as in the file."""
        self._remark(Verdict.TAKEN, about, text)

    def changed(self, about: str, text: str) -> None:
        """Remark that something is taken, but works differently here."""
        self._remark(Verdict.CHANGED, about, text)

    def left(self, about: str, text: str) -> None:
        """Remark that something isn't taken, and why."""
        self._remark(Verdict.LEFT, about, text)

    def _remark(self, verdict: Verdict, about: str, text: str) -> None:
        remark = Remark(verdict, self.subject, about, text)
        if remark not in self.remarks:
            self.remarks.append(remark)

    def by_subject(self) -> dict[str, list[Remark]]:
        """The remarks by connection or extraction; those about neither come last."""
        found: dict[str, list[Remark]] = {}
        for each in sorted(self.remarks, key=lambda each: not each.subject):
            found.setdefault(each.subject, []).append(each)
        return found

    def add_extraction(
        self, description: str, objects: Iterable[FoundObject], source: FoundConnection | None
    ) -> FoundExtraction | None:
        """Add an extraction of the objects with valid names; None if none has one."""
        self.subject, about = description, gettext("Objects")
        possible: dict[str, FoundObject] = {}
        impossible, repeated, too_many = [], [], 0
        for each in objects:
            if not is_api_name(each.name):
                impossible.append(each.name)
            elif each.name.lower() in possible:
                repeated.append(each.name)
            elif len(possible) == MAX_OBJECTS:
                too_many += 1
            else:
                self._check_fields(each)
                possible[each.name.lower()] = each
        if impossible:
            self.left(about, gettext("Salesforce has no objects with these names: %(names)s.",
                                           names=listed(impossible)))  # fmt: skip
        if repeated:
            self.left(about, gettext("These objects are in the file more than once. The first counts: %(names)s.",
                                           names=listed(dict.fromkeys(repeated))))  # fmt: skip
        if too_many:
            self.left(about, gettext("An extraction has at most %(most)s objects: %(count)s are left out.",
                                           most=MAX_OBJECTS, count=too_many))  # fmt: skip
        if not possible:
            return None
        extraction = FoundExtraction(description, list(possible.values()), source)
        self.extractions.append(extraction)
        self.taken(about, listed(each.name for each in possible.values()))
        if whole := [each.name for each in possible.values() if each.is_whole]:
            self.taken(about, gettext("Each run loads these objects completely, as in your file: %(names)s.",
                                            names=listed(whole)))  # fmt: skip
        if chosen := [each for each in possible.values() if each.fields is not None]:
            counts = listed(f"{each.name} ({len(each.fields or [])})" for each in chosen)
            self.taken(gettext("Fields"), gettext("Those that your file selects: %(counts)s.", counts=counts))
        return extraction

    def _check_fields(self, found: FoundObject) -> None:
        if found.cursor_field and not is_api_name(found.cursor_field):
            found.cursor_field = ""
        if found.fields is None:
            return
        names = list(dict.fromkeys(found.fields))
        impossible = [name for name in names if not is_api_name(name)]
        if impossible:
            self.left(
                gettext("Fields"),
                gettext(
                    "%(object)s has no fields with these names: %(names)s.", object=found.name, names=listed(impossible)
                ),
            )
        found.fields = [name for name in names if is_api_name(name)][:MAX_FIELDS] or None


def listed(names: Iterable[str]) -> str:
    """Names as one text, cut when there are very many or one is very long."""
    texts = [name[:80] for name in names]
    shown = ", ".join(texts[:_NAMES_SHOWN])
    more = len(texts) - _NAMES_SHOWN
    return gettext("%(names)s and %(count)s more", names=shown, count=more) if more > 0 else shown


class Format(Protocol):
    """A kind of file that can be read."""

    @property
    def title(self) -> str:
        """The name of the tool and its file for the page."""

    def detect(self, document: Document) -> bool:
        """True when a file is of this kind."""

    def parse(self, document: Document) -> Found:
        """The content of a file. Raises FileRefused."""
