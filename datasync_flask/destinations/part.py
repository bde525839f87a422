"""What destinations add to the app."""

from __future__ import annotations

from flask import Flask

from datasync_flask.destinations import kind
from datasync_flask.destinations.registry import DESTINATIONS


def init_app(_app: Flask) -> None:
    """Register all kinds of destinations."""
    for each in list(DESTINATIONS.values()):
        kind.add(each)
