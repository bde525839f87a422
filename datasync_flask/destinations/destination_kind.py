"""The declaration of a kind of destination, which each kind's file has at its end."""

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
    # What a dataset is in the destination.
    dataset_is: str
    default_port: int = 0
    # The most characters in the name of a table.
    longest_table: int = 80
    example: str = ""
    # Whether one table can have rows of several orgs.
    combines_orgs: bool = False
    # Below static/, if it isn't named after the kind.
    icon: str = ""

    @property
    def is_file(self) -> bool:
        """True for a destination in the data folder."""
        return "path" in self.fields
