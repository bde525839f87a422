"""Every kind of destination. A new kind is one entry here and one file."""

from __future__ import annotations

from pathlib import Path

from datasync_flask.destinations import duckdb, mysql, object_storage, parquet, postgresql, sqlite
from datasync_flask.destinations.base import Destination, DestinationError, Fault
from datasync_flask.destinations.data_folder import PathRefused
from datasync_flask.destinations.destination_kind import Settings

DESTINATIONS = {
    kind.key: kind
    for kind in (duckdb.KIND, sqlite.KIND, postgresql.KIND, mysql.KIND, parquet.KIND, object_storage.KIND)
}


def open_destination(kind: str, settings: Settings, data_dir: Path) -> Destination:
    """Open a destination. Raises DestinationError when its settings can't be used."""
    try:
        return DESTINATIONS[kind].make(settings, data_dir)
    except PathRefused as error:
        raise DestinationError(Fault.NO_RIGHT, str(error), "path") from None
