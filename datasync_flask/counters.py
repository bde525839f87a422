"""Counts of what workers did, kept in the database: a worker has no address that metrics could be asked at."""

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
    """How often something happened since the database was made, on all machines together."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    label: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger, default=0)


def add(name: str, label: str = "", amount: int = 1) -> None:
    """Add to a count, in a transaction of its own."""
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
    """Counts that a process holds for some seconds, of what happens so often that workers would wait for the row."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: collections.Counter[tuple[str, str]] = collections.Counter()

    def add(self, name: str, label: str, amount: int) -> None:
        """Add to a count, in memory; a process that is killed loses what it hadn't written down."""
        with self._lock:
            self._counts[name, label] += amount

    def write_down(self) -> None:
        """Add these counts to those in the database; what can't be written stays here. Commits."""
        with self._lock:
            taken, self._counts = self._counts, collections.Counter()

        def add_all() -> None:
            # In one order, or two workers could wait for each other.
            for (name, label), amount in sorted(taken.items()):
                count(name, label, amount)

        try:
            in_transaction(add_all)
        except BaseException:
            with self._lock:
                self._counts.update(taken)
            raise


def init_app(app: Flask) -> None:
    """Give `app` its counts in memory."""
    app.extensions["unwritten_counts"] = UnwrittenCounts()


def unwritten() -> UnwrittenCounts:
    """The counts that this app has in memory; the worker's heartbeat writes them down."""
    found: UnwrittenCounts = current_app.extensions["unwritten_counts"]
    return found


def of(name: str) -> dict[str, int]:
    """A count by its labels."""
    rows = db.session.scalars(select(Counter).where(Counter.name == name))
    return {row.label: row.value for row in rows}
