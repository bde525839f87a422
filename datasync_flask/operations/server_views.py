"""The page *This server*: version, parts, and the doctor's findings, without secrets."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from datasync_flask import heartbeats
from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import needs_role
from datasync_flask.config import Settings
from datasync_flask.extensions import db
from datasync_flask.operations import health
from datasync_flask.operations.doctor import Doctor

bp = Blueprint("this_server", __name__)

_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "redis": "Redis", "rediss": "Redis"}
_CHECKS = {
    "settings": _l("Settings"), "Callback URL": _l("Callback URL"), "database": _l("Database"), "queue": _l("Queue"),
    "worker": _l("Worker"), "browsers": _l("Browsers"), "keys": _l("Keys"), "data folder": _l("Data folder"),
}  # fmt: skip


@bp.get("/settings/server")
@needs_role(Role.ADMIN)
def show() -> ResponseReturnValue:
    """The page for administrators."""
    settings: Settings = current_app.config["SETTINGS"]
    queue = urlsplit(settings.effective_queue_url).scheme.partition("+")[0]
    return render_template(
        "operations/this_server.html",
        settings=settings,
        database=_NAMES.get(db.engine.dialect.name, db.engine.dialect.name),
        queue=_NAMES.get(queue, queue),
        depth=health.queue_depth(),
        workers=heartbeats.seen_today(),
        findings=[
            (_CHECKS.get(finding.name, finding.name), finding)
            for finding in Doctor(current_app, asks_others=False).examine()
        ],
    )
