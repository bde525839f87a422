"""Counts of what workers did, kept in the database: a worker has no address that metrics could be asked at."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from datasync_flask.connections import store
from datasync_flask.extensions import db
from datasync_flask.operations.models import Counter

# Made once: every look of the worker counts what it asked.
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


def of(name: str) -> dict[str, int]:
    """Return a count by its labels."""
    rows = db.session.scalars(select(Counter).where(Counter.name == name))
    return {row.label: row.value for row in rows}
