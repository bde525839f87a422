"""The table of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from datasync_flask.clock import UtcDateTime, utcnow
from datasync_flask.extensions import Model


class AuditEvent(Model):
    """One thing that somebody did. Contains no secret; survives its subject and the person."""

    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), default=None)
    # The email address at that time, or another actor: the command line, a hand-off link.
    who: Mapped[str] = mapped_column(String(254), default="")
    address: Mapped[str] = mapped_column(String(45), default="")
    event: Mapped[str] = mapped_column(String(40), index=True)
    subject_kind: Mapped[str] = mapped_column(String(16), default="")
    subject_id: Mapped[str] = mapped_column(String(40), default="")
    subject_name: Mapped[str] = mapped_column(String(254), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    __table_args__ = (Index("ix_audit_events_subject", "subject_kind", "subject_id"),)
