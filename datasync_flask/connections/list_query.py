"""What the addresses of all lists have in common: search, filters, sorting and the page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar


def page_number(text: str) -> int:
    """The number of a page as an address says it; anything odd is the first one."""
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) < 7 else 1


@dataclass(frozen=True)
class AddressQuery:
    """What a list shows, as its address says."""

    # How the address calls each value, in the order in which it has them.
    NAMES: ClassVar[dict[str, str]] = {}

    search: str = ""
    state: str = ""
    label: str = ""
    sort: str = "description"
    number: int = 1

    def address(self, **changes: Any) -> dict[str, Any]:
        """The parameters of the address with changes; what is as usual is left out."""
        query, usual = replace(self, **changes), type(self)()
        values = {name: getattr(query, field) for name, field in self.NAMES.items()}
        return {name: None if value == getattr(usual, self.NAMES[name]) else value for name, value in values.items()}

    def toggled(self, column: str) -> str:
        """The sorting after a click on a column's head."""
        return f"-{column}" if self.sort == column else column

    def direction(self, column: str) -> str:
        """What aria-sort says of a column."""
        return {column: "ascending", f"-{column}": "descending"}.get(self.sort, "none")
