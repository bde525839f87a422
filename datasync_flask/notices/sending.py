"""Sends due messages by email, to webhooks (signed) and to services. Only the worker does this, never a page."""

from __future__ import annotations

import json
import logging
import time
from datetime import timedelta
from typing import Any

from flask import current_app
from sqlalchemy import delete, select, update

from datasync_flask import counters
from datasync_flask.clock import utcnow
from datasync_flask.config import Settings
from datasync_flask.extensions import db
from datasync_flask.notices import courier, failures, service
from datasync_flask.notices.courier import SIGNATURE, signature_of
from datasync_flask.notices.failures import NotSent
from datasync_flask.notices.models import Channel, Delivery
from datasync_flask.security.crypto import SecretUnreadable, secret_box
from datasync_flask.transactions import count_updated, in_transaction

__all__ = ["SIGNATURE", "TRIES", "NotSent", "mail", "send", "send_due", "signature_of"]

log = logging.getLogger(__name__)

# The first retry is after a minute, later ones after longer and longer pauses, up to this many tries.
TRIES = 8
FIRST_PAUSE = timedelta(minutes=1)
# Longer than any try takes: after this time, another worker takes over from a killed one.
LEASE = timedelta(minutes=2)
# Slow receivers mustn't delay other work: the next sweep continues.
SECONDS_AT_ONCE = 60.0


def send_due() -> int:
    """Send due messages; return how many were delivered. Only one worker takes each."""
    sent, until = 0, time.monotonic() + SECONDS_AT_ONCE
    for delivery_id in db.session.scalars(select(Delivery.id).where(Delivery.due_at <= utcnow()).limit(200)).all():
        if time.monotonic() < until:
            sent += _deliver(delivery_id)
    db.session.commit()
    return sent


def _deliver(delivery_id: int) -> bool:
    now = utcnow()
    claimed = (
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.due_at <= now)
        .values(due_at=now + LEASE, tries=Delivery.tries + 1)
    )
    if not count_updated(claimed):
        return False
    delivery = db.session.get(Delivery, delivery_id, populate_existing=True)
    if delivery is None:
        return False
    channel_id, tries, error = delivery.channel_id, delivery.tries, ""
    is_test = delivery.event == service.TEST_EVENT
    try:
        send(delivery.channel, delivery.event, delivery.title, delivery.body, delivery.link)
    except NotSent as failure:
        error = str(failure)
    counters.add("notices", "failed" if error else "sent")

    def record() -> None:
        values: dict[str, Any] = {"last_error": error[:300]} if error else {"last_error": "", "last_sent_at": utcnow()}
        if is_test:
            values |= {"tested_at": utcnow(), "test_error": error[:300]}
        db.session.execute(update(Channel).where(Channel.id == channel_id).values(**values))
        if not error or is_test or tries >= TRIES:
            db.session.execute(delete(Delivery).where(Delivery.id == delivery_id))
        else:
            later = utcnow() + FIRST_PAUSE * 2 ** (tries - 1)
            db.session.execute(update(Delivery).where(Delivery.id == delivery_id).values(due_at=later))

    in_transaction(record)
    if error:
        log.warning("a notice didn't get through (try %s): %s", tries, error)
    return not error


def send(channel: Channel, event: str, title: str, body: str, link: str) -> None:
    """Send one message now. Raises NotSent."""
    try:
        target = service.target_of(channel)
        key = secret_box().open(channel.signing_key_sealed) if channel.signing_key_sealed else ""
    except SecretUnreadable:
        raise NotSent(failures.UNREADABLE) from None
    order: dict[str, Any] = {"kind": channel.kind, "target": target, "allow_internal": channel.allow_internal}
    if channel.kind == "webhook":
        facts = {"event": event, "title": title, "body": body, "link": link, "at": utcnow().isoformat()}
        order |= {"content": json.dumps(facts, ensure_ascii=False), "signing_key": key}
    elif channel.kind == "service":
        order |= {"title": title, "body": f"{body}\n{link}"}
    # End the transaction before contacting others.
    db.session.commit()
    if order["kind"] == "email":
        mail(target, title, f"{body}\n\n{link}\n")
    else:
        courier.deliver(order)


def mail(address: str, subject: str, text: str) -> None:
    """Send an email through the server in DATASYNC_SMTP_URL. Raises NotSent."""
    settings: Settings = current_app.config["SETTINGS"]
    if not settings.smtp_url:
        raise NotSent(failures.NO_MAIL_SERVER)
    courier.deliver({
        "kind": "email", "target": address, "title": subject, "body": text, "smtp_url": settings.smtp_url,
        "sender": settings.mail_from, "allow_internal": True,
    })  # fmt: skip
