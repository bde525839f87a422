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
    # Which of the object's rows these are, as a condition of SOQL, where several jobs read it; '' for all.
    condition: str = ""
    slices: list[Progress] = field(default_factory=list)
    # How many rows are asked for in a page; 0: as many as usual.
    page_rows: int = 0
    # When the first rows were in a file (ISO 8601).
    first_rows_at: str = ""
    # Values that didn't go in as they are: "field|why" to [how many, [[id, value], …]].
    odd: dict[str, list[Any]] = field(default_factory=dict)
    # Fields that the job leaves out.
    apart: list[str] = field(default_factory=list)
    # Refusals on the way that were got round.
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """As they are stored, slices are plain dictionaries."""
        self.slices = [Progress(**each) if isinstance(each, dict) else each for each in self.slices]

    def begin(self) -> None:
        """Forget all that was read."""
        self.__init__(  # type: ignore[misc]
            reads=self.reads, expected=self.expected, notes=self.notes, condition=self.condition,
            first_rows_at=self.first_rows_at,
        )  # fmt: skip

    def add_up(self) -> None:
        """Take from the slices what the object as a whole tells."""
        self.pages, self.rows = sum(each.pages for each in self.slices), sum(each.rows for each in self.slices)
        # Whoever clears up looks for jobs where one is named.
        self.job_id = next((each.job_id for each in self.slices if each.job_id and not each.is_read), "")
        self.first_rows_at = min((each.first_rows_at for each in self.slices if each.first_rows_at), default="")

    def begin_again(self) -> None:
        """Forget the pages that were read, of the same job."""
        job_id, apart, page_rows = self.job_id, self.apart, self.page_rows
        self.begin()
        self.job_id, self.apart, self.page_rows, self.is_second = job_id, apart, page_rows, True
