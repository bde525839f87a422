"""The table for destination connections."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from datasync_flask.clock import UtcDateTime
from datasync_flask.connections.models import Connection
from datasync_flask.destinations.registry import DESTINATIONS
from datasync_flask.destinations.tls import tls_of


class DestinationConnection(Connection):
    """A database or folder for tables; `kind` says which."""

    __tablename__ = "destination_connections"
    __mapper_args__ = {"polymorphic_abstract": True}

    id: Mapped[str] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True)
    settings: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    password_sealed: Mapped[str] = mapped_column(Text, default="")
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    # The input of the form in which the last check found an error.
    problem_field: Mapped[str] = mapped_column(String(32), default="")

    @property
    def address(self) -> str:
        """A short text about where the tables go."""
        if "path" in self.settings:
            return str(self.settings["path"])
        if "bucket" in self.settings:
            return "/".join(filter(None, (str(self.settings["bucket"]), str(self.settings.get("prefix") or ""))))
        return f"{self.settings.get('database', '')} on {self.settings.get('host', '')}"

    @property
    def server(self) -> str:
        """The server and the user that a stored password belongs to."""
        if "bucket" in self.settings:
            return f"{self.settings.get('access_key', '')} @ {self.settings.get('endpoint') or 'Amazon S3'}"
        return f"{self.settings.get('username', '')}@{self.settings.get('host', '')}:{self.settings.get('port', '')}"

    def has_password_for(self, settings: Mapping[str, Any]) -> bool:
        """True when the stored password may be used with these settings: it belongs to the server, the user and the
        encryption that it was entered for.
        """
        return bool(self.password_sealed) and self.is_server_of(settings)

    def is_server_of(self, settings: Mapping[str, Any]) -> bool:
        """True when these settings lead to the same server, with the same user and encryption."""
        return _server(self.settings) == _server(settings)

    @property
    def last_activity(self) -> datetime:
        """When the destination was last checked."""
        return self.checked_at or self.state_since


def _server(settings: Mapping[str, Any]) -> tuple[str, ...]:
    if "bucket" in settings:
        return str(settings.get("endpoint") or "").lower(), str(settings.get("access_key") or "")
    host, port, username = (str(settings.get(name, "")) for name in ("host", "port", "username"))
    return host.lower(), port, username, tls_of(settings), str(settings.get("tls_ca", ""))


# One class per kind: the kind identifies them in the table of connections.
_CLASSES: dict[str, type[DestinationConnection]] = {}


def class_of(kind: str) -> type[DestinationConnection]:
    """The class of the connections of a kind."""
    if kind not in _CLASSES:
        of_kind = {"__mapper_args__": {"polymorphic_identity": kind}, "__doc__": f"A {kind} destination."}
        _CLASSES[kind] = type(f"{kind.capitalize()}Connection", (DestinationConnection,), of_kind)
    return _CLASSES[kind]


for _kind in DESTINATIONS:
    class_of(_kind)
