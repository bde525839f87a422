"""Logging: readable lines or JSON, never a secret, never a line that remote text could forge."""

from __future__ import annotations

import logging
import sys

import structlog
from flask import Flask

from datasync_flask.config import Settings


def init_app(app: Flask) -> None:
    """Send the log of this process to standard error in the format of DATASYNC_LOG_FORMAT."""
    settings: Settings = app.config["SETTINGS"]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    # Both renderers escape line breaks and control characters in values.
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "logger", "event"])
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [h for h in root.handlers if not getattr(h, "is_datasync", False)]
    handler.is_datasync = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    # Their lines at INFO have addresses with codes, or come several times a second.
    for noisy in ("httpx2", "httpcore", "httpcore2", "huey", "alembic.runtime"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    app.logger.handlers.clear()
    app.logger.propagate = True
