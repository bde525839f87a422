"""The progress of reading an object."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Progress:
    """The progress of reading: stored after each page, so that a stopped run can continue."""

    # What the pages were read with: pages of two queries, or with other columns, mustn't get into one table.
    reads: dict[str, Any] = field(default_factory=dict)
    job_id: str = ""
    # The next page: its locator in the job's result, or its path if REST reads.
    locator: str = ""
    # The list of pages that are read side by side, and how many of its pages are done.
    listing: str = ""
    listed: int = 0
    # The job's result is being read a second time, because the number of rows was wrong.
    is_second: bool = False
    pages: int = 0
    rows: int = 0
    is_read: bool = False
    expected: int | None = None
    # The SOQL condition of these rows if several jobs read the object; '' for all.
    condition: str = ""
    slices: list[Progress] = field(default_factory=list)
    # How many rows to request in a page; 0: the usual number.
    page_rows: int = 0
    # When the first rows were in a file (ISO 8601).
    first_rows_at: str = ""
    # Values that couldn't be stored exactly: "field|why" to [how many, [[id, value], …]].
    odd: dict[str, list[Any]] = field(default_factory=dict)
    # Fields that the job doesn't read.
    apart: list[str] = field(default_factory=list)
    # Refusals that were worked around.
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Convert stored slices, which are plain dictionaries."""
        self.slices = [Progress(**each) if isinstance(each, dict) else each for each in self.slices]

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Progress:
        """Progress as it was stored; the very beginning if a newer version stored what this one doesn't know."""
        try:
            return cls(**stored)
        except TypeError:
            return cls()

    def begin(self) -> None:
        """Forget all that was read."""
        self.__init__(  # type: ignore[misc]
            reads=self.reads, expected=self.expected, notes=self.notes, condition=self.condition,
            first_rows_at=self.first_rows_at,
        )  # fmt: skip

    def add_up(self) -> None:
        """Compute the values of the whole object from its slices."""
        self.pages, self.rows = sum(each.pages for each in self.slices), sum(each.rows for each in self.slices)
        # Clean-up only considers objects with a job's id.
        self.job_id = next((each.job_id for each in self.slices if each.job_id and not each.is_read), "")
        self.first_rows_at = min((each.first_rows_at for each in self.slices if each.first_rows_at), default="")

    def begin_again(self) -> None:
        """Forget the pages that were read, and read the same job again."""
        job_id, apart, page_rows = self.job_id, self.apart, self.page_rows
        self.begin()
        self.job_id, self.apart, self.page_rows, self.is_second = job_id, apart, page_rows, True
