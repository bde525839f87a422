"""Every kind of destination: what its form asks for, and what writes to it. A new kind is one entry and one file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasync_flask.destinations.base import Destination, DestinationError, Fault, is_device
from datasync_flask.destinations.tls import is_host, tls_of

FILE_FIELDS = ("path",)
BUCKET_FIELDS = ("bucket", "prefix", "endpoint", "region", "access_key", "password", "table_format")
SERVER_FIELDS = ("host", "port", "database", "username", "password", "tls", "tls_ca")

Settings = Mapping[str, Any]


class PathRefused(ValueError):
    """A path that a file destination may not have; the text says why."""


def inside(data_dir: Path, name: str) -> Path:
    """Return the file or folder `name` inside the data folder. Raises PathRefused."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", "."}]
    if not parts:
        raise PathRefused("Enter a name, for instance warehouse.duckdb.")
    if name.startswith(("/", "~")) or re.match(r"[A-Za-z]:", name) or ".." in parts or "\\" in name:
        raise PathRefused(
            "The file has to lie inside the data folder: enter a name like warehouse.duckdb, no other path."
        )
    if (
        any(is_device(part) or not re.fullmatch(r"[\w]([\w.\- ]*[\w\-])?", part) or len(part) > 100 for part in parts)
        or len(parts) > 5
    ):
        raise PathRefused("Use letters, digits, dots, dashes and underscores only.")
    root = data_dir.resolve()
    found = (root / Path(*parts)).resolve()
    if not found.is_relative_to(root) or found == root:
        # A link inside the folder that leads out of it.
        raise PathRefused(
            "The file has to lie inside the data folder: enter a name like warehouse.duckdb, no other path."
        )
    return found


@dataclass(frozen=True)
class DestinationKind:
    """A kind of destination; `make` returns what writes to it, from its settings and the data folder."""

    key: str
    title: str
    hint: str
    fields: tuple[str, ...]
    make: Callable[[Settings, Path], Destination]
    # How a name of a dataset shows in the destination.
    dataset_is: str
    default_port: int = 0
    # How many characters the name of a table may have.
    longest_table: int = 80
    example: str = ""
    # Rows of several orgs can be in one table.
    combines_orgs: bool = False
    # Below static/, where it isn't named by the kind.
    icon: str = ""

    @property
    def is_file(self) -> bool:
        """True for what lies in the data folder."""
        return "path" in self.fields


def _duckdb(settings: Settings, data_dir: Path) -> Destination:
    from datasync_flask.destinations.duckdb import DuckDb

    return DuckDb(inside(data_dir, settings["path"]))


def _sqlite(settings: Settings, data_dir: Path) -> Destination:
    from datasync_flask.destinations.sqlite import Sqlite

    return Sqlite(inside(data_dir, settings["path"]))


def _parquet(settings: Settings, data_dir: Path) -> Destination:
    from datasync_flask.destinations.parquet import Parquet

    return Parquet(inside(data_dir, settings["path"]))


def _address(settings: Settings) -> Any:
    from datasync_flask.destinations.server import Address

    if not is_host(str(settings["host"])):
        raise DestinationError(Fault.HOST_NOT_FOUND, str(settings["host"])[:80], "host")
    named = {name: settings[name] for name in ("host", "port", "database", "username", "password")}
    return Address(**named, tls=tls_of(settings), tls_ca=settings.get("tls_ca", ""))


def _postgresql(settings: Settings, _: Path) -> Destination:
    from datasync_flask.destinations.postgresql import PostgreSql

    return PostgreSql(_address(settings))


def _mysql(settings: Settings, _: Path) -> Destination:
    from datasync_flask.destinations.mysql import MySql

    return MySql(_address(settings))


def _object_storage(settings: Settings, _: Path) -> Destination:
    from datasync_flask.destinations.object_storage import ObjectStorage
    from datasync_flask.destinations.object_tables import Place

    named = {name: str(settings.get(name) or "") for name in ("bucket", "prefix", "endpoint", "region", "access_key")}
    place = Place(**named, secret=str(settings.get("password") or ""))
    return ObjectStorage(place, is_delta=settings.get("table_format") == "delta")


DESTINATIONS = {
    kind.key: kind
    for kind in (
        DestinationKind(
            "duckdb", "DuckDB", "A file for analysis, in the data folder; needs no server", FILE_FIELDS, _duckdb,
            "schema", example="warehouse.duckdb", combines_orgs=True,
        ),
        DestinationKind(
            "sqlite", "SQLite", "A file that nearly every program reads, in the data folder", FILE_FIELDS, _sqlite,
            "prefix", example="warehouse.sqlite", combines_orgs=True,
        ),
        DestinationKind(
            "postgresql", "PostgreSQL", "A schema of a PostgreSQL database", (*SERVER_FIELDS, "schema"), _postgresql,
            "schema", default_port=5432, longest_table=63, combines_orgs=True,
        ),
        DestinationKind(
            "mysql", "MySQL", "A MySQL or MariaDB database", SERVER_FIELDS, _mysql, "prefix", default_port=3306,
            longest_table=64, combines_orgs=True,
        ),
        DestinationKind(
            "parquet", "Parquet", "A folder of Parquet files, one per table, in the data folder", FILE_FIELDS,
            _parquet, "folder", example="lake", combines_orgs=True,
        ),
        DestinationKind(
            "object_storage", "Object storage (S3)",
            "A bucket at Amazon S3 or at a store that speaks its protocol: Parquet or Delta", BUCKET_FIELDS,
            _object_storage, "folder", combines_orgs=True,
        ),
    )
}  # fmt: skip


def open_destination(kind: str, settings: Settings, data_dir: Path) -> Destination:
    """Return what writes to a destination. Raises DestinationError when its settings can't be used."""
    try:
        return DESTINATIONS[kind].make(settings, data_dir)
    except PathRefused as error:
        raise DestinationError(Fault.NO_RIGHT, str(error), "path") from None
