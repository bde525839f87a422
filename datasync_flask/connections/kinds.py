"""The kinds of systems that can be connected, as the list, its filter and the page "New connection" name them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """`key` is stored and stands in addresses; `icon` is a file in static/kinds/."""

    key: str
    title: str
    is_source: bool
    hint: str
    endpoint: str

    @property
    def icon(self) -> str:
        """The icon's path below static/."""
        return f"kinds/{self.key}.svg"


SALESFORCE = Kind(
    "salesforce",
    "Salesforce",
    True,
    "Objects of a Salesforce org, production or sandbox",
    "connections.new_salesforce",
)
KINDS = {kind.key: kind for kind in (SALESFORCE,)}
