"""Declares a setting of a connection once, for its form, its history, the API and files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Setting:
    """The declaration of one setting. Only the first two values are required."""

    label: Any
    # Its name in the history; translated where it is shown.
    in_history: str
    default: Any = ""
    hint: Any = ""
    # Value and title of each choice; without choices, the setting is free text.
    choices: Mapping[str, Any] = field(default_factory=dict)
    # A sentence about each choice.
    meanings: Mapping[str, Any] = field(default_factory=dict)
    # Show the choices as radio buttons with their meanings, instead of as a select.
    is_spread: bool = False
    is_secret: bool = False
    # A change to it restarts propagation.
    restarts: bool = False
    # After a change, Salesforce may not know the app yet.
    is_other_app: bool = False
    # Further attributes of the input.
    attributes: Mapping[str, str] = field(default_factory=dict)
    filters: tuple[Callable[[str | None], str | None], ...] = ()
    validators: tuple[Any, ...] = ()
    # The page shows it only for this value of another setting: "login_host=custom".
    show_when: str = ""
    # Returns the text for a connection's stored value ('': none), if that isn't the value or its title.
    shown: Callable[[Any], str] | None = None
    # The API's type: a whole number between two, one of some values, or text up to a length.
    between: tuple[int, int] | None = None
    values: tuple[str, ...] = ()
    longest: int = 2000
    about: str = ""

    def text_of(self, connection: Any, name: str) -> str:
        """The text of the stored value for a page."""
        if self.shown is not None:
            return self.shown(connection)
        value = getattr(connection, name)
        return str(self.choices[value]) if self.choices else str(value)
