"""What every program of DataSync needs of an app; what only pages need is tied to it in wiring.py."""

from __future__ import annotations

from flask import Flask

from datasync_flask import counters
from datasync_flask.accounts import models as _accounts  # noqa: F401 (its tables are pointed to)
from datasync_flask.config import Settings
from datasync_flask.destinations.service import settings_changed
from datasync_flask.extensions import db
from datasync_flask.extractions import service as extractions
from datasync_flask.languages import init_languages
from datasync_flask.logs import init_logs
from datasync_flask.notices import hooks as notice_hooks
from datasync_flask.security.crypto import SecretBox
from datasync_flask.worker import Queue


def wire_core(app: Flask, settings: Settings) -> None:
    """Give `app` its log, database, secrets, queue, languages and notices."""
    init_logs(app, settings)
    db.init_app(app)
    app.extensions["secret_box"] = SecretBox(settings.encryption_keys)
    app.extensions["queue"] = Queue(app)
    app.extensions["kept_counts"] = counters.Kept()
    init_languages(app)
    notice_hooks.connect()
    settings_changed.connect(extractions.on_destination_changed)
