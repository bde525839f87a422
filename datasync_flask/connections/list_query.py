"""Common parts of the addresses of all lists: search, filters, sorting and the page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar


def page_number(text: str) -> int:
    """The page number in an address; anything invalid is the first page."""
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) < 7 else 1


@dataclass(frozen=True)
class AddressQuery:
    """What a list shows, according to its address."""

    # The name of each value in the address, in their order.
    NAMES: ClassVar[dict[str, str]] = {}

    search: str = ""
    state: str = ""
    label: str = ""
    sort: str = "description"
    number: int = 1

    def address(self, **changes: Any) -> dict[str, Any]:
        """The parameters of the address with changes, without default values."""
        query, usual = replace(self, **changes), type(self)()
        values = {name: getattr(query, field) for name, field in self.NAMES.items()}
        return {name: None if value == getattr(usual, self.NAMES[name]) else value for name, value in values.items()}

    def toggled(self, column: str) -> str:
        """The sorting after a click on a column's head."""
        return f"-{column}" if self.sort == column else column

    def direction(self, column: str) -> str:
        """The value of aria-sort for a column."""
        return {column: "ascending", f"-{column}": "descending"}.get(self.sort, "none")
