"""What the audit log adds to the app."""

from __future__ import annotations

from flask import Flask

from datasync_flask.audit import views


def init_app(app: Flask) -> None:
    """Add the page of the audit log to `app`."""
    app.register_blueprint(views.bp)
