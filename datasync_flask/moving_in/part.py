"""What this package adds to the app: the page for importing other tools' settings."""

from __future__ import annotations

from flask import Flask

from datasync_flask.moving_in import views


def init_app(app: Flask) -> None:
    """Add the page to `app`."""
    app.register_blueprint(views.bp)
