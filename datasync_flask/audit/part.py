"""What the audit adds to the app."""

from __future__ import annotations

from flask import Flask

from datasync_flask.audit import views


def init_app(app: Flask) -> None:
    """Give `app` the audit's page."""
    app.register_blueprint(views.bp)
