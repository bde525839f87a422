"""Tables for connections of any kind: the row, its labels, its history."""

from __future__ import annotations

import enum
import secrets
import unicodedata
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, ForeignKey, Index, String, Table
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from datasync_flask.clock import UtcDateTime, utcnow
from datasync_flask.extensions import Model


class State(enum.StrEnum):
    """The state of a connection."""

    DRAFT = "draft"
    WAITING = "waiting_for_propagation"
    READY = "ready_to_authorize"
    AUTHORIZING = "authorizing"
    CONNECTED = "connected"
    NEEDS_ATTENTION = "needs_attention"

    @property
    def is_moving(self) -> bool:
        """True when the state changes by itself, so that an open page should poll."""
        return self in {State.WAITING, State.AUTHORIZING}


def new_public_id() -> str:
    """An id for addresses that cannot be guessed in sequence."""
    return secrets.token_hex(8)


def description_key(description: str) -> str:
    """The key for comparing descriptions: case, kind of space, Unicode form and invisible characters don't matter."""
    folded = unicodedata.normalize("NFKC", description).casefold()
    return " ".join("".join(each for each in folded if unicodedata.category(each) != "Cf").split())


connection_labels = Table(
    "connection_labels",
    Model.metadata,
    Column("connection_id", ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True),
    Column("label_id", ForeignKey("labels.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class Label(Model):
    """A word that a team puts on connections, to filter and group them by."""

    __tablename__ = "labels"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(120), unique=True)


class Connection(Model):
    """A named way to reach one system."""

    __tablename__ = "connections"
    # The Connections page reads the newest of a state, and counts each.
    __table_args__ = (Index("ix_connections_state_and_since", "state", "state_since"),)

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_public_id)
    kind: Mapped[str] = mapped_column(String(32))
    description: Mapped[str] = mapped_column(String(120))
    description_key: Mapped[str] = mapped_column(String(400), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    state: Mapped[State] = mapped_column(String(32), default=State.DRAFT)
    state_since: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    problem: Mapped[str] = mapped_column(String(32), default="")
    problem_detail: Mapped[str] = mapped_column(String(300), default="")
    # When the worker has to do something; None while the connection rests. A conditional update claims it.
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None, index=True)
    # Counts changes of the row: open pages compare it, and two writers can't overwrite each other.
    row_version: Mapped[int] = mapped_column(default=1)

    # Write-only: a history grows for years, so it is read in pages.
    history: WriteOnlyMapped[ConnectionEvent] = relationship(
        back_populates="connection", cascade="all, delete-orphan", passive_deletes=True
    )
    labels: Mapped[list[Label]] = relationship(secondary=connection_labels, order_by=Label.key)

    __mapper_args__ = {
        "polymorphic_on": "kind",
        "polymorphic_identity": "connection",
        # The list shows all kinds: one query reads each with its own columns.
        "with_polymorphic": "*",
        "version_id_col": row_version,
    }

    def rename(self, description: str) -> None:
        """Set the description and its key."""
        self.description = description
        self.description_key = description_key(description)


class ConnectionEvent(Model):
    """One line of a connection's history. Contains no secret."""

    __tablename__ = "connection_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    # The person who did it; None means the worker or Salesforce.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), default=None)
    event: Mapped[str] = mapped_column(String(40))
    from_state: Mapped[str] = mapped_column(String(32), default="")
    to_state: Mapped[str] = mapped_column(String(32), default="")
    problem: Mapped[str] = mapped_column(String(32), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    connection: Mapped[Connection] = relationship(back_populates="history")

    __table_args__ = (Index("ix_connection_events_connection_id_id", "connection_id", "id"),)
