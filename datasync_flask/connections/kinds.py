"""The kinds of systems that can be connected. Each package registers its own, and answers for them."""

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

# Asked for what hangs on a connection, by its id: the packages above answer with lists.
asks_dependants = Signal("what hangs on a connection")
# A connection was copied with what hangs on it: its id, `copy` and `by`; who copied something answers with a number.
copied_with_dependants = Signal("a connection was copied with what hangs on it")


@dataclass(frozen=True)
class ShownProblem:
    """What is wrong with a connection, for those who show it in their own way."""

    code: str = ""
    title: str = ""
    meaning: str = ""
    steps: tuple[str, ...] = ()
    # Beside them in the API; what a row of the list has room for.
    message: str = ""
    in_list: str = ""
    # The other side's own words.
    said: str = ""


class Verdict(enum.StrEnum):
    """What a check of a connection found."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ShownCheck:
    """One check of a connection, as it is shown everywhere. `code` stays, the texts are in the reader's language."""

    code: str
    verdict: Verdict
    text: str
    title: str


@dataclass(frozen=True)
class ListColumns:
    """What a kind adds to the list: columns of its own table to search in and to sort by, and what a row shows."""

    searched: Sequence[Any] = ()
    sortings: Mapping[str, Any] = field(default_factory=dict)
    loaded: Sequence[ExecutableOption] = ()


class ConnectionKind(Protocol[C]):
    """A kind of connection and everything that can be done with one. `key` is stored and stands in addresses."""

    key: str
    title: str
    hint: str
    is_source: bool
    # By name, without description and labels, which all have.
    settings: Mapping[str, Setting]
    # Said after a copy was made.
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
        """What is wrong with a connection, in words."""
        ...

    def checks(self, _connection: C) -> list[ShownCheck]:
        """The checks of a connection with their verdicts; none for a kind that is tried as a whole."""
        return []

    def quick_form(self, connection: C, **options: Any) -> DescribedForm:
        """The form of what can be changed in the list."""
        settings = {name: self.settings[name] for name in self.quick_settings}
        return DescribedForm(connection, settings, obj=connection, **options)

    def quick_save(self, connection: C, values: Mapping[str, str], *, by: int | None) -> None:
        """Save what was changed in the list; commits. Raises DescriptionTaken."""
        ...

    def check(self, connection: C, *, by: int | None) -> str:
        """Test a connection, or have it tested; return what to tell the person ('': the page says it)."""
        ...

    def erased_text(self, connection: C) -> str:
        """What a delete erases for good, for whoever is asked before."""
        ...

    def duplicate(self, connection: C, *, by: int | None) -> C:
        """Copy the settings, never a secret; commits."""
        ...

    def delete(self, connection: C, *, by: int | None) -> str:
        """Delete a connection and what hangs on it; return what to tell the person. Commits."""
        ...

    def definition(self, connection: C) -> dict[str, Any]:
        """The settings for a program, without description, labels and secrets."""
        ...

    def save(self, values: Mapping[str, Any], existing: C | None, *, by: int | None) -> C:
        """Save a connection from settings that a program gave; what isn't given stays. Commits. Raises Refused."""
        ...


KINDS: dict[str, ConnectionKind[Any]] = {}


def register(kind: ConnectionKind[Any]) -> None:
    """Add a kind; doing it twice changes nothing."""
    KINDS[kind.key] = kind
    history.EVENT_TEXTS.update(kind.event_texts)
    history.SETTING_LABELS.update({name: setting.in_history for name, setting in kind.settings.items()})


def kind_of(connection: Connection) -> ConnectionKind[Any]:
    """The kind of a connection."""
    return KINDS[connection.kind]


def definition_of(connection: Connection) -> dict[str, Any]:
    """All settings of a connection as the API and files give them; never a secret."""
    own = kind_of(connection).definition(connection)
    names = [label.name for label in connection.labels]
    return {"kind": connection.kind, "description": connection.description, **own, "labels": names}


def dependants_of(connection: Connection) -> list[Any]:
    """What hangs on a connection and is deleted with it; each has a description."""
    return [each for _, found in asks_dependants.send(connection.id) for each in found]
