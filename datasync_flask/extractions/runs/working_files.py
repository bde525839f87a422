"""The working files of runs: where they are, and removing them. DataSync chooses all of their names."""

from __future__ import annotations

import shutil
from pathlib import Path

from flask import current_app


def root() -> Path:
    """The folder with one folder for each run."""
    folder: Path = current_app.config["SETTINGS"].instance_dir / "runs"
    return folder


def remove(folder: Path, within: Path) -> None:
    """Remove a folder inside `within`, or only the link if it is one. Raises ValueError for any other place."""
    outer = within.resolve()
    found = folder.parent.resolve() / folder.name
    if folder.name in {"", ".."} or found == outer or not found.is_relative_to(outer):
        raise ValueError("not a folder of working files")
    if found.is_symlink():
        found.unlink(missing_ok=True)
    else:
        shutil.rmtree(found, ignore_errors=True)
