"""Who a request is from, read in one statement with the row that its view asks for first (open pages ask often)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app, request
from flask_login import current_user
from sqlalchemy import Select, bindparam, select, true

from datasync_flask.accounts.models import Role, SignedIn, User, UserSession, hash_token
from datasync_flask.clock import utcnow
from datasync_flask.extensions import db

View = TypeVar("View", bound=Callable[..., Any])

# Made once and of columns, and asked without a session: a third of what the same costs through objects.
_users, _sessions = User.__table__, UserSession.__table__
_BY_TOKEN = (
    select(
        _users.c.id, _users.c.email, _users.c.role, _users.c.language, _users.c.continue_automatically,
        _sessions.c.confirmed_at,
    )
    .join_from(_users, _sessions)
    .where(_sessions.c.token_hash == bindparam("token_hash"), _sessions.c.expires_at > bindparam("now"))
)  # fmt: skip
_OF_THE_PERSON = len(_BY_TOKEN.selected_columns)
# Where a request keeps the row.
_ROW = "datasync.read_along"


def reads_along(row: Select[Any]) -> Callable[[View], View]:
    """Mark a view as asking for `row` first: one row at most, whose parameters are named like the view's arguments.

    The first column must not be empty.
    """
    wanted = row.subquery()
    statement = _BY_TOKEN.add_columns(*wanted.c).outerjoin(wanted, true())

    def mark(view: View) -> View:
        view.reads_along = statement  # type: ignore[attr-defined]
        return view

    return mark


def read_along() -> tuple[Any, ...] | None:
    """Return the row that the view of this request is marked with; None when there is none."""
    if _ROW not in request.environ:
        # Who asks was known before: requests within one application context share that.
        load_signed_in(current_user.token)
    found: tuple[Any, ...] | None = request.environ.get(_ROW)
    return found if found and found[0] is not None else None


def load_signed_in(token: str) -> SignedIn | None:
    """Return who holds `token`, or None when the session was ended or is too old."""
    along = getattr(current_app.view_functions.get(request.endpoint or ""), "reads_along", None)
    values = {"token_hash": hash_token(token), "now": utcnow()}
    if along is not None:
        values |= request.view_args or {}
    with db.engine.connect() as connection:
        found = connection.execute(_BY_TOKEN if along is None else along, values).one_or_none()
    if found is None:
        return None
    request.environ[_ROW] = tuple(found[_OF_THE_PERSON:])
    return SignedIn(
        found.id, found.email, Role(found.role), found.language, found.continue_automatically, token, found.confirmed_at
    )
