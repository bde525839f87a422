"""Sends what is due: by e-mail, to webhooks (signed), and to the services that Apprise knows. Done by the worker."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import smtplib
import ssl
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import httpx2
from flask import current_app
from sqlalchemy import delete, select, update

from datasync_flask.clock import utcnow
from datasync_flask.config import Settings
from datasync_flask.connections import store
from datasync_flask.extensions import db
from datasync_flask.notices import service
from datasync_flask.notices.models import Channel, Delivery
from datasync_flask.operations import counters
from datasync_flask.security.crypto import SecretUnreadable

log = logging.getLogger(__name__)

# Tried again after a minute, then later and later; after a day it is given up.
TRIES = 8
FIRST_PAUSE = timedelta(minutes=1)
# Longer than any try takes: a worker that is killed in the middle is waited for no longer than this.
LEASE = timedelta(minutes=2)
SECONDS = 15.0
SIGNATURE = "X-DataSync-Signature"


class NotSent(Exception):
    """A message didn't get through; the text says why, without any secret."""


def send_due() -> int:
    """Send what is due; return how many messages got through. Each is taken by one worker only."""
    sent = 0
    for delivery_id in db.session.scalars(select(Delivery.id).where(Delivery.due_at <= utcnow()).limit(200)).all():
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
    if not store.count_updated(claimed):
        return False
    delivery = db.session.get(Delivery, delivery_id, populate_existing=True)
    if delivery is None:
        return False
    channel_id, tries, error = delivery.channel_id, delivery.tries, ""
    try:
        send(delivery.channel, delivery.event, delivery.title, delivery.body, delivery.link)
    except NotSent as failure:
        error = str(failure)
    counters.add("notices", "failed" if error else "sent")

    def record() -> None:
        values = {"last_error": error[:300]} if error else {"last_error": "", "last_sent_at": utcnow()}
        db.session.execute(update(Channel).where(Channel.id == channel_id).values(**values))
        if not error or tries >= TRIES:
            db.session.execute(delete(Delivery).where(Delivery.id == delivery_id))
        else:
            later = utcnow() + FIRST_PAUSE * 2 ** (tries - 1)
            db.session.execute(update(Delivery).where(Delivery.id == delivery_id).values(due_at=later))

    store.in_transaction(record)
    if error:
        log.warning("a notice didn't get through (try %s): %s", tries, error)
    return not error


def send(channel: Channel, event: str, title: str, body: str, link: str) -> None:
    """Send one message now. Raises NotSent."""
    try:
        target = service.target_of(channel)
        key = store.secret_box().open(channel.signing_key_sealed) if channel.signing_key_sealed else ""
    except SecretUnreadable:
        raise NotSent("its address can't be read with the present keys: remove it and make it anew") from None
    ways: dict[str, Callable[[], None]] = {
        "email": lambda: mail(target, title, f"{body}\n\n{link}\n"),
        "webhook": lambda: _webhook(target, key, event, title, body, link),
        "service": lambda: _service(target, title, f"{body}\n{link}"),
    }
    kind = channel.kind
    # Nothing may stay open on the database while others are spoken to.
    db.session.commit()
    ways[kind]()


def mail(address: str, subject: str, text: str) -> None:
    """Send an e-mail through the server that DATASYNC_SMTP_URL names. Raises NotSent."""
    settings: Settings = current_app.config["SETTINGS"]
    if not settings.smtp_url:
        raise NotSent("DATASYNC_SMTP_URL isn't set")
    parts = urlsplit(settings.smtp_url)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = settings.mail_from, address, " ".join(subject.split())
    message.set_content(text)
    host, trust = parts.hostname or "", ssl.create_default_context()
    try:
        if parts.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=SECONDS, context=trust)
        else:
            server = smtplib.SMTP(host, parts.port or 25, timeout=SECONDS)
        with server:
            server.ehlo()
            if parts.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=trust)
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise NotSent(f"the mail server {host}: {type(error).__name__}") from None


def signature_of(key: str, body: bytes) -> str:
    """Return what a receiver compares: HMAC-SHA256 of the body, in hex, after ``sha256=``."""
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def _webhook(url: str, key: str, event: str, title: str, body: str, link: str) -> None:
    facts = {"event": event, "title": title, "body": body, "link": link, "at": utcnow().isoformat()}
    content = json.dumps(facts, ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json",
        SIGNATURE: signature_of(key, content),
        "User-Agent": "datasync_flask",
    }
    host = urlsplit(url).hostname
    try:
        # No redirect is followed: the signature is for this address.
        answer = httpx2.post(url, content=content, headers=headers, timeout=SECONDS, follow_redirects=False)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise NotSent(f"{host}: {type(error).__name__}") from None
    if not answer.is_success:
        raise NotSent(f"{host} answered HTTP {answer.status_code}")


def _service(url: str, title: str, body: str) -> None:
    # Imported here: it knows a hundred services and is large.
    import apprise

    sender = apprise.Apprise()
    if not sender.add(url):
        raise NotSent("this isn't an address that Apprise knows")
    if not sender.notify(title=title, body=body):
        raise NotSent(f"{urlsplit(url).scheme}: the service didn't take it")
