"""Counts of what workers did, kept in the database: a worker has no address that metrics could be asked at."""

from __future__ import annotations

import collections
import threading

from flask import current_app
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from datasync_flask.extensions import db
from datasync_flask.operations.models import Counter
from datasync_flask.salesforce_connections import store

_INSERTS: dict[str, postgresql.Insert | sqlite.Insert] = {
    "postgresql": postgresql.insert(Counter),
    "sqlite": sqlite.insert(Counter),
}
_ADDITIONS = {
    dialect: insert.on_conflict_do_update(
        index_elements=[Counter.name, Counter.label], set_={"value": Counter.value + insert.excluded.value}
    )
    for dialect, insert in _INSERTS.items()
}


def add(name: str, label: str = "", amount: int = 1) -> None:
    """Add to a count, in a transaction of its own."""
    store.in_transaction(lambda: count(name, label, amount))


def count(name: str, label: str = "", amount: int = 1) -> None:
    """Add to a count. The caller commits."""
    connection = db.session.connection()
    connection.execute(_ADDITIONS[connection.dialect.name], {"name": name, "label": label, "value": amount})


class Kept:
    """Counts that a process keeps for some seconds, of what happens so often that workers would wait for the row."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: collections.Counter[tuple[str, str]] = collections.Counter()

    def add(self, name: str, label: str, amount: int) -> None:
        """Add to a count, in memory; a process that is killed loses what it hadn't written down."""
        with self._lock:
            self._counts[name, label] += amount

    def write_down(self) -> None:
        """Add what was kept to the counts in the database; what can't be written is kept. Commits."""
        with self._lock:
            taken, self._counts = self._counts, collections.Counter()

        def add_all() -> None:
            # In one order, or two workers could wait for each other.
            for (name, label), amount in sorted(taken.items()):
                count(name, label, amount)

        try:
            store.in_transaction(add_all)
        except BaseException:
            with self._lock:
                self._counts.update(taken)
            raise


def kept() -> Kept:
    """Return the counts that this app keeps in memory; the worker's beat writes them down."""
    found: Kept = current_app.extensions["kept_counts"]
    return found


def of(name: str) -> dict[str, int]:
    """Return a count by its labels."""
    rows = db.session.scalars(select(Counter).where(Counter.name == name))
    return {row.label: row.value for row in rows}
