"""Limits on guessing: one count of failed tries for everything that compares a secret, shared by all processes.

A password may be weak, so each try is counted before it is compared, and uncounted if it was right: parallel tries get
no more than sequential ones. Tokens and links are random, so only wrong ones are counted, and right ones always work.
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
    """No tries are left; answers 429 with a Retry-After header in seconds."""


@dataclass(frozen=True)
class Limit:
    """The subject of a count, and how many tries may fail within WINDOW."""

    key: str
    most: int


def of_account(address: str) -> Limit:
    """The limit of an account, whoever tries; `address` as used for looking it up."""
    return Limit(f"account {address}", PER_ACCOUNT)


def of_browser(browser: str) -> Limit:
    """The limit of a browser in which an account was signed in before."""
    return Limit(f"browser {browser}", PER_ACCOUNT)


def of_person(user_id: int) -> Limit:
    """The limit of a signed-in person who confirms their password."""
    return Limit(f"person {user_id}", PER_ACCOUNT)


def of_network(what: str) -> Limit:
    """The limit of this request's network, for one kind of secret."""
    return Limit(f"network {what} {network_of(request.remote_addr or '')}", PER_NETWORK)


def network_of(address: str) -> str:
    """The network of an address: for IPv6 the /64, in which one computer can use all addresses.

    Some proxies also send the port, which must not count as part of the network.
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
    """Count a try for each limit. If one of them has no tries left, raises TooManyTries and counts nothing.

    This is a separate transaction, so that the count stays whatever happens to the request.
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
    """Count in one statement, which returns no row if none is left: two processes can't both use the last try."""
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
    """Uncount one try of each limit, because it was right; earlier failures stay counted."""
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
    """Delete expired counts. Commits."""
    now = utcnow()
    db.session.execute(delete(FailedTries).where(FailedTries.ends_at <= now))
    db.session.commit()


def _seconds(now: datetime, ends_at: datetime | None) -> int:
    return max(1, math.ceil((ends_at - now).total_seconds())) if ends_at else 1
