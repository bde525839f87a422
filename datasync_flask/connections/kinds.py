"""The kinds of systems to connect. Each package registers and implements its own."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from blinker import Signal
from flask.typing import ResponseReturnValue
from sqlalchemy.sql.base import ExecutableOption

from datasync_flask.connections import history
from datasync_flask.connections.forms import DescribedForm
from datasync_flask.connections.models import Connection
from datasync_flask.connections.settings import Setting

C = TypeVar("C", bound=Connection)

# Sent with a connection's id to find what depends on it: higher packages return lists.
asks_dependants = Signal("what hangs on a connection")
# Sent to copy what depends on a connection, with its id, `copy` and `by`; receivers return how many they copied.
copied_with_dependants = Signal("a connection was copied with what hangs on it")


@dataclass(frozen=True)
class ShownProblem:
    """The problem of a connection, for different ways of showing it."""

    code: str = ""
    title: str = ""
    meaning: str = ""
    steps: tuple[str, ...] = ()
    # Also in the API; short enough for a row of the list.
    message: str = ""
    in_list: str = ""
    # The other side's own words.
    said: str = ""


class Verdict(enum.StrEnum):
    """The result of a check of a connection."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ShownCheck:
    """One check of a connection, as shown everywhere. `code` is stable, the texts are in the reader's language."""

    code: str
    verdict: Verdict
    text: str
    title: str


@dataclass(frozen=True)
class ListColumns:
    """A kind's additions to the list: columns of its own table for searching and sorting, and values for a row."""

    searched: Sequence[Any] = ()
    sortings: Mapping[str, Any] = field(default_factory=dict)
    loaded: Sequence[ExecutableOption] = ()


class ConnectionKind(Protocol[C]):
    """A kind of connection with all its actions. `key` is stored and is part of addresses."""

    key: str
    title: str
    hint: str
    is_source: bool
    # By name, without description and labels, which all kinds have.
    settings: Mapping[str, Setting]
    # The message after a copy was created.
    copied_text: Any
    event_texts: Mapping[str, str] = {}
    in_list: ListColumns = ListColumns()
    # The settings that can be changed in the list, besides the description.
    quick_settings: tuple[str, ...] = ()

    @property
    def icon(self) -> str:
        """The icon's path below static/."""
        return f"kinds/{self.key}.svg"

    def new(self) -> ResponseReturnValue:
        """The form of a new connection; POST saves it."""
        ...

    def show(self, connection: C) -> ResponseReturnValue:
        """The page of a connection."""
        ...

    def edit(self, connection: C) -> ResponseReturnValue:
        """The form of a connection; POST saves it."""
        ...

    def status_fragment(self, connection: C) -> str:
        """The part of the page that is polled."""
        ...

    def problem(self, connection: C) -> ShownProblem:
        """A text about the problem of a connection."""
        ...

    def checks(self, _connection: C) -> list[ShownCheck]:
        """The checks of a connection with their verdicts; none for a kind with only one check."""
        return []

    def quick_form(self, connection: C, **options: Any) -> DescribedForm:
        """The form for quick edits in the list."""
        settings = {name: self.settings[name] for name in self.quick_settings}
        return DescribedForm(connection, settings, obj=connection, **options)

    def quick_save(self, connection: C, values: Mapping[str, str], *, by: int | None) -> None:
        """Save what was changed in the list; commits. Raises DescriptionTaken."""
        ...

    def check(self, connection: C, *, by: int | None) -> str:
        """Test a connection, or have it tested; return the message for the person ('': the page says it)."""
        ...

    def erased_text(self, connection: C) -> str:
        """The text about what a delete erases for good, for the confirmation."""
        ...

    def duplicate(self, connection: C, *, by: int | None) -> C:
        """Copy the settings, never a secret; commits."""
        ...

    def delete(self, connection: C, *, by: int | None) -> str:
        """Delete a connection and what depends on it; return the message for the person. Commits."""
        ...

    def definition(self, connection: C) -> dict[str, Any]:
        """The settings for the API and files, without description, labels and secrets."""
        ...

    def save(self, values: Mapping[str, Any], existing: C | None, *, by: int | None) -> C:
        """Save a connection from settings of the API or a file; missing ones stay. Commits. Raises Refused."""
        ...


KINDS: dict[str, ConnectionKind[Any]] = {}


def register(kind: ConnectionKind[Any]) -> None:
    """Add a kind; doing it twice changes nothing."""
    KINDS[kind.key] = kind
    history.EVENT_TEXTS.update(kind.event_texts)
    history.SETTING_LABELS.update({name: setting.in_history for name, setting in kind.settings.items()})
    history.SETTING_CHOICES.update({name: each.choices for name, each in kind.settings.items() if each.choices})


def kind_of(connection: Connection) -> ConnectionKind[Any]:
    """The kind of a connection."""
    return KINDS[connection.kind]


def definition_of(connection: Connection) -> dict[str, Any]:
    """All settings of a connection for the API and files, without secrets."""
    own = kind_of(connection).definition(connection)
    names = [label.name for label in connection.labels]
    return {"kind": connection.kind, "description": connection.description, **own, "labels": names}


def dependants_of(connection: Connection) -> list[Any]:
    """What depends on a connection and is deleted with it; each has a description."""
    return [each for _, found in asks_dependants.send(connection.id) for each in found]
