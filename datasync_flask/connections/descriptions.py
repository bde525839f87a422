"""Descriptions: the unique names of connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError

from datasync_flask.connections.models import Connection, description_key
from datasync_flask.extensions import db
from datasync_flask.forms import SettingRefused

MAX_LENGTH = 120
_TAKEN = _l("Another connection has this description already. Choose another one.")


class DescriptionTaken(SettingRefused):
    """Something else has this description."""

    def __init__(self, message: Any = _TAKEN) -> None:
        super().__init__("description", message)


def is_description_taken(description: str, except_id: str = "") -> bool:
    """True when another connection has this description, ignoring case."""
    key = description_key(description)
    return bool(
        db.session.scalar(select(exists().where(Connection.description_key == key, Connection.id != except_id)))
    )


def free_description(description: str, is_taken: Callable[[str], bool] = is_description_taken) -> str:
    """An unused description for a copy. Raises DescriptionTaken after a thousand tries."""
    for number in range(1, 1000):
        candidate = f"{description[:100]} (copy)" if number == 1 else f"{description[:100]} (copy {number})"
        if not is_taken(candidate):
            return candidate
    raise DescriptionTaken


@contextmanager
def saving() -> Iterator[None]:
    """Commit the changes in the block. Raises DescriptionTaken if somebody took the description meanwhile."""
    try:
        yield
        db.session.commit()
    except SettingRefused:
        db.session.rollback()
        raise
    except IntegrityError:
        db.session.rollback()
        raise DescriptionTaken from None
