"""How far reading an object is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Progress:
    """How far reading is: stored after each page, so that a run that was stopped can go on."""

    # What the pages belong to: those of two queries, or with other columns, must not meet in one table.
    reads: dict[str, Any] = field(default_factory=dict)
    job_id: str = ""
    locator: str = ""
    # The list of pages that is read side by side, and how many of its pages are read.
    listing: str = ""
    listed: int = 0
    # The job's result is read once more: the first time some rows were missing, or too many.
    is_second: bool = False
    pages: int = 0
    rows: int = 0
    is_read: bool = False
    expected: int | None = None
    # Values that didn't go in as they are: "field|why" to [how many, [[id, value], …]].
    odd: dict[str, list[Any]] = field(default_factory=dict)
    # Fields that the job leaves out.
    apart: list[str] = field(default_factory=list)
    # Refusals on the way that were got round.
    notes: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Forget all that was read."""
        self.__init__(reads=self.reads, expected=self.expected, notes=self.notes)  # type: ignore[misc]

    def begin_again(self) -> None:
        """Forget the pages that were read, of the same job."""
        job_id, apart = self.job_id, self.apart
        self.begin()
        self.job_id, self.apart, self.is_second = job_id, apart, True
