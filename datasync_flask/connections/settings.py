"""How a setting of a connection is declared: once, for its form, its history, the API and files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Setting:
    """What there is to say about one setting. Only the first two have to be said."""

    label: Any
    # How the history calls it; translated where it is shown.
    in_history: str
    default: Any = ""
    hint: Any = ""
    # Value and title of what can be chosen; anything else is free text.
    choices: Mapping[str, Any] = field(default_factory=dict)
    # What each choice means, in a sentence.
    meanings: Mapping[str, Any] = field(default_factory=dict)
    # The choices stand below each other with what they mean, instead of in a list to be opened.
    is_spread: bool = False
    is_secret: bool = False
    # A change to it restarts propagation.
    restarts: bool = False
    # A change to it means an app that Salesforce may not know yet.
    is_other_app: bool = False
    # Further attributes of the input.
    attributes: Mapping[str, str] = field(default_factory=dict)
    filters: tuple[Callable[[str | None], str | None], ...] = ()
    validators: tuple[Any, ...] = ()
    # Which value of which other setting makes the page show it: "login_host=custom".
    show_when: str = ""
    # Returns what a page shows of a connection's stored value ('': nothing), where that isn't the value or its title.
    shown: Callable[[Any], str] | None = None
    # What the API takes and says: a whole number between two, one of some values, text up to a length.
    between: tuple[int, int] | None = None
    values: tuple[str, ...] = ()
    longest: int = 2000
    about: str = ""

    def text_of(self, connection: Any, name: str) -> str:
        """The stored value as a page shows it."""
        if self.shown is not None:
            return self.shown(connection)
        value = getattr(connection, name)
        return str(self.choices[value]) if self.choices else str(value)
