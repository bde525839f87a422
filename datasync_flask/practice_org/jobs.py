"""A bulk query job: its query runs at creation, and it is complete a little later."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime

from datasync_flask.practice_org.soql_answer import Answer
from datasync_flask.practice_org.values import as_csv, now

DELIMITERS = {"COMMA": ",", "TAB": "\t", "SEMICOLON": ";", "PIPE": "|", "CARET": "^", "BACKQUOTE": "`"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}


@dataclass
class Job:
    """A query job."""

    id: str
    operation: str
    answer: Answer
    complete_at: float
    version: str
    delimiter: str = "COMMA"
    line_ending: str = "LF"
    state: str = ""
    error: str = ""
    created_at: datetime = field(default_factory=now)

    @property
    def current_state(self) -> str:
        """The job's state."""
        return self.state or ("JobComplete" if time.time() >= self.complete_at else "InProgress")

    def page(self, start: int, size: int) -> tuple[str, int, int]:
        """A page as (CSV, rows in it, where the next page starts or 0)."""
        rows, columns = self.answer.rows[start : start + size], self.answer.columns
        comma, end = DELIMITERS[self.delimiter], LINE_ENDINGS[self.line_ending]
        lines = [comma.join(f'"{column.label}"' for column in columns)]
        lines += [comma.join(as_csv(column.read(row)) for column in columns) for row in rows]
        following = start + size if start + size < len(self.answer.rows) else 0
        return end.join(lines) + end, len(rows), following
