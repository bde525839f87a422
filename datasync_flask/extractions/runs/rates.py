"""How fast a run reads. An open page carries along what it has seen, so that nothing is stored for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

# A pace is that of so many seconds, of samples so far apart; a shorter time than that says nothing.
WINDOW = 15.0
APART = 3.0
LEAST_SECONDS = 2.0
# How long what a page carries along may be.
LONGEST = 1000


@dataclass(frozen=True)
class Sample:
    """How many rows of each object were read at a moment."""

    at: float
    rows: Mapping[str, int]


@dataclass(frozen=True)
class Seen:
    """What an open page has seen in the last seconds, the oldest first."""

    samples: tuple[Sample, ...] = field(default=())

    @classmethod
    def parse(cls, text: str) -> Seen:
        """What a page carried along; nothing where it isn't ours."""
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
        """Return it as the page carries it along."""
        return ";".join(
            f"{sample.at:.1f}~{','.join(f'{name}:{rows}' for name, rows in sample.rows.items())}"
            for sample in self.samples
        )

    def then(self, now: datetime, rows: Mapping[str, int]) -> Seen:
        """Return it with what is seen now, and without what is too old."""
        at = now.timestamp()
        kept = [sample for sample in self.samples if 0 <= at - sample.at <= WINDOW]
        if not kept or at - kept[-1].at >= APART:
            kept.append(Sample(at, dict(rows)))
        return Seen(tuple(kept))

    def per_second(self, name: str, rows: int, now: datetime) -> float:
        """The rows per second of an object over the last seconds; 0 where nothing moves, or nobody knows yet."""
        at = now.timestamp()
        then = next((sample for sample in self.samples if 0 <= at - sample.at <= WINDOW and name in sample.rows), None)
        if then is None or at - then.at < LEAST_SECONDS or rows <= then.rows[name]:
            return 0.0
        return (rows - then.rows[name]) / (at - then.at)
