"""Raises and resolves alerts, and queues messages for each channel, in the transaction that causes them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from flask import current_app
from sqlalchemy import delete, select
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.exc import IntegrityError

from datasync_flask.audit import trail
from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.notices.models import Channel, Delivery, Notice
from datasync_flask.queue import queue
from datasync_flask.security.crypto import secret_box

TEST_EVENT = "test"


def begins(key: str, event: str, title: str, body: str, path: str, *, again: bool = False) -> None:
    """Raise an alert, unless it is already raised. The caller commits.

    `key` is its subject, such as ``connection:ID``; `path` is the page about it. With `again`, messages are sent once
    more, because it got worse.
    """
    if db.session.get(Notice, key) is not None:
        if again:
            _order(event, title, body, path, is_error=True)
        return
    try:
        with db.session.begin_nested():
            db.session.add(Notice(key=key, since=utcnow()))
    except IntegrityError:
        # Another process raised it at the same moment.
        return
    _order(event, title, body, path, is_error=True)


def is_over(key: str, event: str, title: str, path: str, body: str = "You don’t need to do anything.") -> None:
    """Resolve an alert if it was raised. The caller commits."""
    gone = db.session.execute(delete(Notice).where(Notice.key == key).execution_options(synchronize_session="fetch"))
    if gone.rowcount:  # type: ignore[attr-defined]
        _order(event, title, body, path, is_error=False)


def _order(event: str, title: str, body: str, path: str, *, is_error: bool) -> None:
    link = current_app.config["SETTINGS"].effective_public_url + path
    for channel in db.session.scalars(select(Channel)):
        if is_error or not channel.errors_only:
            db.session.add(
                Delivery(channel_id=channel.id, event=event, title=title[:200], body=body, link=link, due_at=utcnow())
            )
            # Only after the commit; if that fails, the next minute's sweep sends it.
            sqlalchemy_event.listen(db.session(), "after_commit", _send_soon, once=True)


def _send_soon(_session: object) -> None:
    queue().deliver_soon()


def channels() -> Sequence[Channel]:
    """All channels."""
    return db.session.scalars(select(Channel).order_by(Channel.description)).all()


def target_of(channel: Channel) -> str:
    """A channel's address. Raises SecretUnreadable."""
    return secret_box().open(channel.target_sealed)


def test(channel: Channel, title: str, body: str, link: str) -> None:
    """Have the worker send a test, unless one is under way; commits."""
    if channel.id not in pending_tests():
        db.session.add(
            Delivery(channel_id=channel.id, event=TEST_EVENT, title=title, body=body, link=link, due_at=utcnow())
        )
    db.session.commit()
    queue().deliver_soon()


def pending_tests() -> set[str]:
    """The ids of the channels whose test hasn't been sent yet."""
    return set(db.session.scalars(select(Delivery.channel_id).where(Delivery.event == TEST_EVENT)))


def make(
    kind: str, description: str, target: str, *, errors_only: bool, allow_internal: bool = False
) -> tuple[Channel, str]:
    """Create a channel; return it with the key for checking a webhook's signatures, else ''. Commits."""
    box, signing_key = secret_box(), secrets.token_urlsafe(32) if kind == "webhook" else ""
    channel = Channel(
        kind=kind, description=description, target_sealed=box.seal(target), errors_only=errors_only,
        signing_key_sealed=box.seal(signing_key) if signing_key else "", created_at=utcnow(), last_error="",
        allow_internal=allow_internal,
    )  # fmt: skip
    db.session.add(channel)
    db.session.flush()
    trail.record(trail.Event.CHANNEL_MADE, ("channel", channel.id, description), kind=kind, errors_only=errors_only,
                 allow_internal=allow_internal)  # fmt: skip
    db.session.commit()
    return channel, signing_key


def change(channel: Channel, *, errors_only: bool, allow_internal: bool) -> None:
    """Choose whether the channel also gets recoveries, and whether its address may be internal; commits.

    The address itself never changes, because secrets in it, such as a password, were entered for that address.
    """
    channel.errors_only, channel.allow_internal = errors_only, allow_internal
    trail.record(trail.Event.CHANNEL_CHANGED, ("channel", channel.id, channel.description), kind=channel.kind,
                 errors_only=errors_only, allow_internal=allow_internal)  # fmt: skip
    db.session.commit()


def remove(channel: Channel) -> None:
    """Remove a channel and its waiting messages; commits."""
    trail.record(trail.Event.CHANNEL_REMOVED, ("channel", channel.id, channel.description), kind=channel.kind)
    db.session.execute(delete(Channel).where(Channel.id == channel.id))
    db.session.commit()
