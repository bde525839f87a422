"""Extractions depend on connections: lets lower packages list and copy them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datasync_flask.connections.kinds import asks_dependants, copied_with_dependants
from datasync_flask.connections.models import Connection
from datasync_flask.destinations.service import settings_changed
from datasync_flask.extractions import loader, service
from datasync_flask.extractions.models import Extraction


def connect() -> None:
    """Connect the handlers for extractions; calling it twice changes nothing."""
    asks_dependants.connect(_depending_on)
    copied_with_dependants.connect(_copy)
    settings_changed.connect(service.on_destination_changed)


def _depending_on(connection_id: str, **_: Any) -> Sequence[Extraction]:
    return loader.depending_on(connection_id)


def _copy(connection_id: str, *, copy: Connection, by: int | None) -> int:
    return service.copy_along(connection_id, copy.id, by=by)
