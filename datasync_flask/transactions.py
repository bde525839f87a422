"""Transactions that are repeated if they conflict with other processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Row, Select, Update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm.exc import StaleDataError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from datasync_flask.extensions import db

T = TypeVar("T")

_TRIES = 6


def _is_collision(error: BaseException) -> bool:
    if isinstance(error, StaleDataError):
        return True
    text = str(error).lower()
    return isinstance(error, OperationalError) and any(word in text for word in ("locked", "deadlock", "serialize"))


def in_transaction(work: Callable[[], T]) -> T:
    """Run `work` and commit; run it again if another process changed the same rows meanwhile.

    `work` must load what it changes, so that a second run sees the other's change.
    """

    def attempt() -> T:
        try:
            result = work()
            db.session.commit()
        except BaseException:
            db.session.rollback()
            raise
        return result

    return Retrying(
        retry=retry_if_exception(_is_collision),
        stop=stop_after_attempt(_TRIES),
        wait=wait_random_exponential(multiplier=0.02, max=0.3),
        reraise=True,
    )(attempt)


def count_updated(statement: Update) -> int:
    """Run a conditional update in a separate transaction, and return how many rows it changed.

    Objects that are already loaded don't show the change.
    """
    quiet = statement.execution_options(synchronize_session=False)
    # Only the result of an UPDATE has a row count, which the types don't show.
    return in_transaction(lambda: int(db.session.execute(quiet).rowcount))  # type: ignore[attr-defined]


def read_row(statement: Select[*tuple[Any, ...]]) -> Row[*tuple[Any, ...]] | None:
    """The only row of a statement, or None; without a session, which would double the time."""
    with db.engine.connect() as connection:
        return connection.execute(statement).one_or_none()
