"""What a kind of destination says about itself: each one's file ends with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasync_flask.destinations.base import Destination

FILE_FIELDS = ("path",)
SERVER_FIELDS = ("host", "port", "database", "username", "password", "tls", "tls_ca")

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class DestinationKind:
    """A kind of destination; `make` opens one from its settings and the data folder."""

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
