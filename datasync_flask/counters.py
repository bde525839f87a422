"""Counts of workers' actions, in the database, because a worker has no address for metrics."""

from __future__ import annotations

import collections
import threading

from flask import Flask, current_app
from sqlalchemy import BigInteger, String, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from datasync_flask.extensions import Model, db
from datasync_flask.transactions import in_transaction


class Counter(Model):
    """How often something has happened since the database was created, on all machines together."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    label: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger, default=0)


def add(name: str, label: str = "", amount: int = 1) -> None:
    """Add to a count in a separate transaction."""
    in_transaction(lambda: count(name, label, amount))


def count(name: str, label: str = "", amount: int = 1) -> None:
    """Add to a count. The caller commits."""
    connection = db.session.connection()
    insert = postgresql.insert(Counter) if connection.dialect.name == "postgresql" else sqlite.insert(Counter)
    connection.execute(
        insert.values(name=name, label=label, value=amount).on_conflict_do_update(
            index_elements=[Counter.name, Counter.label], set_={"value": Counter.value + insert.excluded.value}
        )
    )


class UnwrittenCounts:
    """Counts that a process keeps for some seconds, because frequent ones would make workers wait for the row."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: collections.Counter[tuple[str, str]] = collections.Counter()

    def add(self, name: str, label: str, amount: int) -> None:
        """Add to a count in memory; a killed process loses counts that it hasn't stored."""
        with self._lock:
            self._counts[name, label] += amount

    def write_down(self) -> None:
        """Add these counts to those in the database; keep what can't be stored. Commits."""
        with self._lock:
            taken, self._counts = self._counts, collections.Counter()

        def add_all() -> None:
            # In a fixed order, so that two workers can't wait for each other.
            for (name, label), amount in sorted(taken.items()):
                count(name, label, amount)

        try:
            in_transaction(add_all)
        except BaseException:
            with self._lock:
                self._counts.update(taken)
            raise


def init_app(app: Flask) -> None:
    """Add the counts in memory to `app`."""
    app.extensions["unwritten_counts"] = UnwrittenCounts()


def unwritten() -> UnwrittenCounts:
    """The counts in this app's memory; the worker's heartbeat stores them."""
    found: UnwrittenCounts = current_app.extensions["unwritten_counts"]
    return found


def of(name: str) -> dict[str, int]:
    """The count with these labels."""
    rows = db.session.scalars(select(Counter).where(Counter.name == name))
    return {row.label: row.value for row in rows}
