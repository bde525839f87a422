"""How fast a run reads. An open page sends along what it has seen, so the server stores nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

# A pace covers this many seconds, from samples this far apart; a shorter time says nothing.
WINDOW = 15.0
APART = 3.0
LEAST_SECONDS = 2.0
# The greatest length of what a page sends along.
LONGEST = 1000


@dataclass(frozen=True)
class Sample:
    """How many rows of each object had been read at one moment."""

    at: float
    rows: Mapping[str, int]


@dataclass(frozen=True)
class Seen:
    """The samples that an open page has seen in the last seconds, the oldest first."""

    samples: tuple[Sample, ...] = field(default=())

    @classmethod
    def parse(cls, text: str) -> Seen:
        """The samples that a page sent; none if they are invalid."""
        samples = []
        try:
            for part in text[:LONGEST].split(";") if text else ():
                at, _, rows = part.partition("~")
                pairs = (each.partition(":") for each in rows.split(",") if each)
                samples.append(Sample(float(at), {name: int(count) for name, _, count in pairs}))
        except ValueError:
            return cls()
        return cls(tuple(samples))

    def __str__(self) -> str:
        """The samples as the page sends them."""
        return ";".join(
            f"{sample.at:.1f}~{','.join(f'{name}:{rows}' for name, rows in sample.rows.items())}"
            for sample in self.samples
        )

    def then(self, now: datetime, rows: Mapping[str, int]) -> Seen:
        """The samples with a new one, without those that are too old."""
        at = now.timestamp()
        kept = [sample for sample in self.samples if 0 <= at - sample.at <= WINDOW]
        if not kept or at - kept[-1].at >= APART:
            kept.append(Sample(at, dict(rows)))
        return Seen(tuple(kept))

    def per_second(self, name: str, rows: int, now: datetime) -> float:
        """The rows per second of an object over the last seconds; 0 if nothing moves, or too little is known."""
        at = now.timestamp()
        then = next((sample for sample in self.samples if 0 <= at - sample.at <= WINDOW and name in sample.rows), None)
        if then is None or at - then.at < LEAST_SECONDS or rows <= then.rows[name]:
            return 0.0
        return (rows - then.rows[name]) / (at - then.at)
