"""What is stored of the running programs: which workers are alive, and how often what happened."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from datasync_flask.clock import UtcDateTime
from datasync_flask.extensions import Model


class WorkerBeat(Model):
    """One worker process; it says every few seconds that it is alive."""

    __tablename__ = "worker_beats"

    id: Mapped[str] = mapped_column(String(120), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Counter(Model):
    """How often something happened since the database was made, on all machines together."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    label: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger, default=0)


class BrowserAddress(Model):
    """The address that a signed-in person's browser showed last when it wasn't the public one; one row at most."""

    __tablename__ = "browser_addresses"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    address: Mapped[str] = mapped_column(String(300))
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
