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
from sqlalchemy import Executable, case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from werkzeug.exceptions import TooManyRequests

from datasync_flask.accounts.models import FailedTries, hash_token
from datasync_flask.clock import utcnow
from datasync_flask.extensions import db

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
    """The limit of an account, whoever tries; `address` as it is looked up."""
    return Limit(f"account {address}", PER_ACCOUNT)


def of_browser(browser: str) -> Limit:
    """The limit of a browser that an account was signed in on before."""
    return Limit(f"browser {browser}", PER_ACCOUNT)


def of_person(user_id: int) -> Limit:
    """The limit of somebody who is signed in and gives their password once more."""
    return Limit(f"person {user_id}", PER_ACCOUNT)


def of_network(what: str) -> Limit:
    """The limit of where this request comes from, for one kind of secret."""
    return Limit(f"network {what} {network_of(request.remote_addr or '')}", PER_NETWORK)


def network_of(address: str) -> str:
    """The network that an address belongs to: of IPv6 the /64, in which one computer has all addresses.

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


def take(*limits: Limit) -> None:
    """Count a try for each limit. Raises TooManyTries, and counts for none, when one of them has none left.

    In a transaction of its own: the count stays, whatever becomes of the request.
    """
    now = utcnow()
    with db.engine.connect() as connection:
        for limit in limits:
            if connection.execute(_count_one_more(connection.dialect.name, limit, now)).one_or_none() is None:
                key = hash_token(limit.key)
                ends_at = connection.scalar(select(FailedTries.ends_at).where(FailedTries.key == key))
                connection.rollback()
                raise TooManyTries(retry_after=_seconds(now, ends_at))
        connection.commit()


def _count_one_more(dialect: str, limit: Limit, now: datetime) -> Executable:
    """Count in one statement that gives no row when there is nothing left: two processes can't both take the last."""
    insert = postgresql.insert(FailedTries) if dialect == "postgresql" else sqlite.insert(FailedTries)
    is_over = FailedTries.ends_at <= now
    return (
        insert.values(key=hash_token(limit.key), count=1, ends_at=now + WINDOW)
        .on_conflict_do_update(
            index_elements=[FailedTries.key],
            set_={
                "count": case((is_over, 1), else_=FailedTries.count + 1),
                "ends_at": case((is_over, insert.excluded.ends_at), else_=FailedTries.ends_at),
            },
            where=or_(is_over, FailedTries.count < limit.most),
        )
        .returning(FailedTries.count)
    )


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
    db.session.execute(delete(FailedTries).where(FailedTries.ends_at <= now))
    db.session.commit()


def _seconds(now: datetime, ends_at: datetime | None) -> int:
    return max(1, math.ceil((ends_at - now).total_seconds())) if ends_at else 1
