"""The data folder, which contains the files of destinations."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from datasync_flask.destinations.base import is_device


class PathRefused(ValueError):
    """A path that isn't allowed for a file destination; the text says why."""


# What SQLite and DuckDB keep beside a database.
_BESIDE = ("-wal", "-shm", "-journal", ".wal", ".tmp")


def check_free(path: Path, own_files: Collection[Path]) -> None:
    """Raise PathRefused for a file that DataSync itself keeps, or that belongs to a database beside it."""
    if path.name.endswith(_BESIDE) or any(path.is_relative_to(own) or own.is_relative_to(path) for own in own_files):
        raise PathRefused("This name is kept for something else. Choose another one.")


def inside(data_dir: Path, name: str) -> Path:
    """The file or folder `name` inside the data folder. Raises PathRefused."""
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
        # A link inside the folder may lead out of it.
        raise PathRefused(
            "The file has to lie inside the data folder: enter a name like warehouse.duckdb, no other path."
        )
    return found
