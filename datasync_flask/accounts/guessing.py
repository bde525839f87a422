"""Limits on guessing: one count of failed tries for everything that compares a secret, shared by all processes.

A password may be weak, so each try is counted before it is compared, and given back when it was right: many at once get
no more than one after the other. Tokens and links are random; only wrong ones are counted, and right ones always work.
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import request
from sqlalchemy import bindparam, case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from werkzeug.exceptions import TooManyRequests

from datasync_flask.accounts.models import hash_token
from datasync_flask.clock import UtcDateTime, has_come, too_far, utcnow
from datasync_flask.extensions import db
from datasync_flask.security.models import FailedTries

WINDOW = timedelta(minutes=5)
PER_ACCOUNT = 10
PER_NETWORK = 60


class TooManyTries(TooManyRequests):
    """There are no tries left; answers 429 with a Retry-After header in seconds."""


@dataclass(frozen=True)
class Limit:
    """What tries are counted for, and how many may fail in WINDOW."""

    key: str
    most: int


def of_account(address: str) -> Limit:
    """Return the limit of an account, whoever tries; `address` as it is looked up."""
    return Limit(f"account {address}", PER_ACCOUNT)


def of_browser(browser: str) -> Limit:
    """Return the limit of a browser that an account was signed in on before."""
    return Limit(f"browser {browser}", PER_ACCOUNT)


def of_person(user_id: int) -> Limit:
    """Return the limit of somebody who is signed in and gives their password once more."""
    return Limit(f"person {user_id}", PER_ACCOUNT)


def of_network(what: str) -> Limit:
    """Return the limit of where this request comes from, for one kind of secret."""
    return Limit(f"network {what} {network_of(request.remote_addr or '')}", PER_NETWORK)


def network_of(address: str) -> str:
    """Return the network that an address belongs to: of IPv6 the /64, in which one computer has all addresses.

    Some proxies send the port along; it must not make another network.
    """
    text = address.strip().partition("%")[0]
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.ip_network((found, 64), strict=False))
        found = found.ipv4_mapped
    return str(found)


_now, _too_far = bindparam("now_", type_=UtcDateTime), bindparam("too_far_", type_=UtcDateTime)
_is_over = has_come(FailedTries.ends_at, _now, _too_far)
_INSERTS: dict[str, postgresql.Insert | sqlite.Insert] = {
    "postgresql": postgresql.insert(FailedTries),
    "sqlite": sqlite.insert(FailedTries),
}
# Counts in one statement, and gives no row when there is nothing left: two processes can't both take the last try.
_TAKE = {
    dialect: insert.values(key=bindparam("key_"), count=1, ends_at=bindparam("ends_at_"))
    .on_conflict_do_update(
        index_elements=[FailedTries.key],
        set_={
            "count": case((_is_over, 1), else_=FailedTries.count + 1),
            "ends_at": case((_is_over, insert.excluded.ends_at), else_=FailedTries.ends_at),
        },
        where=or_(_is_over, FailedTries.count < bindparam("most_")),
    )
    .returning(FailedTries.count)
    for dialect, insert in _INSERTS.items()
}


def take(*limits: Limit) -> None:
    """Count a try for each limit. Raises TooManyTries, and counts for none, when one of them has none left.

    In a transaction of its own: the count stays, whatever becomes of the request.
    """
    now = utcnow()
    times = {"now_": now, "too_far_": too_far(now, WINDOW), "ends_at_": now + WINDOW}
    with db.engine.connect() as connection:
        for limit in limits:
            values = {"key_": hash_token(limit.key), "most_": limit.most, **times}
            if connection.execute(_TAKE[connection.dialect.name], values).one_or_none() is None:
                ends_at = connection.scalar(select(FailedTries.ends_at).where(FailedTries.key == values["key_"]))
                connection.rollback()
                raise TooManyTries(retry_after=_seconds(now, ends_at))
        connection.commit()


def give_back(*limits: Limit) -> None:
    """Take back one try of each limit, because it was right; those that failed before stay counted."""
    keys = [hash_token(limit.key) for limit in limits]
    with db.engine.begin() as connection:
        connection.execute(
            update(FailedTries)
            .where(FailedTries.key.in_(keys), FailedTries.count > 0)
            .values(count=FailedTries.count - 1)
        )


def count_wrong(what: str) -> None:
    """Count a random secret that was wrong. Raises TooManyTries."""
    take(of_network(what))


def forget_old() -> None:
    """Delete the counts whose time is over. Commits."""
    now = utcnow()
    db.session.execute(delete(FailedTries).where(has_come(FailedTries.ends_at, now, too_far(now, WINDOW))))
    db.session.commit()


def _seconds(now: datetime, ends_at: datetime | None) -> int:
    return max(1, math.ceil((ends_at - now).total_seconds())) if ends_at else 1
