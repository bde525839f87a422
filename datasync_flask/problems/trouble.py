"""The texts about a problem: what happened, what it means, what to do, who can do it and where."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Action(enum.StrEnum):
    """The button that belongs to a problem of a connection."""

    AUTHENTICATE = "authenticate"
    KEEP_WAITING = "keep_waiting"
    CHECK = "check"
    EDIT = "edit"


class Responsible(enum.StrEnum):
    """Who can fix a problem."""

    YOU = "You"
    SALESFORCE_ADMINISTRATOR = "The Salesforce administrator"
    OPERATOR = "Whoever runs DataSync"
    SALESFORCE = "Salesforce"


class During(enum.StrEnum):
    """What was going on when the problem occurred; in a run, the same problem has another next step."""

    CONNECTION = "connection"
    RUN = "run"
    # In a run that continues by itself.
    PAUSE = "pause"


@dataclass(frozen=True)
class SetupPage:
    """A page of Salesforce's Setup: its name there, and its path in the org."""

    name: str
    path: str


@dataclass(frozen=True)
class Entry:
    """A problem in the registry, in English.

    `title` fits a status pill, `meaning` is one or two sentences, `steps` say what to do, `action` is the button.
    `during_run` replaces meaning and steps in texts about a run.
    """

    title: str
    meaning: str
    steps: tuple[str, ...] = ()
    action: Action | None = None
    responsible: Responsible = Responsible.YOU
    setup_pages: tuple[SetupPage, ...] = ()
    during_run: str = ""


@dataclass(frozen=True)
class Trouble:
    """A problem's texts in the reader's language. `code` is its code in the registry."""

    code: str
    title: str
    meaning: str
    steps: tuple[str, ...]
    action: Action | None
    responsible: Responsible
    setup_pages: tuple[SetupPage, ...]

    @property
    def sentences(self) -> str:
        """Meaning and steps as running text, for mails, the API and the command line."""
        return " ".join((self.meaning, *self.steps))
