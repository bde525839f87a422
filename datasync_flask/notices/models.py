"""Tables for notifications: channels, unresolved alerts, and messages to send."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from datasync_flask.clock import UtcDateTime, utcnow
from datasync_flask.connections.models import new_public_id
from datasync_flask.extensions import Model


class Channel(Model):
    """A channel: an email address, a webhook, or a service."""

    __tablename__ = "notice_channels"

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_public_id)
    description: Mapped[str] = mapped_column(String(120))
    # email, webhook or service.
    kind: Mapped[str] = mapped_column(String(16))
    # The address is a secret, because it may contain a password.
    target_sealed: Mapped[str] = mapped_column(Text)
    # The key with which a webhook's receiver checks the signature.
    signing_key_sealed: Mapped[str] = mapped_column(Text, default="")
    errors_only: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    # Whether an administrator allowed this machine, its network, and unencrypted sending.
    allow_internal: Mapped[bool] = mapped_column(default=False)
    tested_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    test_error: Mapped[str] = mapped_column(String(300), default="")
    last_error: Mapped[str] = mapped_column(String(300), default="")


class Notice(Model):
    """An unresolved alert, stored so that nobody is notified twice."""

    __tablename__ = "notices"

    # Its subject, such as connection:ID or extraction:ID.
    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class Delivery(Model):
    """One message for one channel."""

    __tablename__ = "notice_deliveries"

    id: Mapped[int] = mapped_column(primary_key=True)
    channel_id: Mapped[str] = mapped_column(ForeignKey("notice_channels.id", ondelete="CASCADE"), index=True)
    event: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    link: Mapped[str] = mapped_column(String(300), default="")
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    tries: Mapped[int] = mapped_column(default=0)

    channel: Mapped[Channel] = relationship()
