"""What reading settings of other tools adds to the app."""

from __future__ import annotations

from flask import Flask

from datasync_flask.moving_in import views


def init_app(app: Flask) -> None:
    """Give `app` the page that takes them."""
    app.register_blueprint(views.bp)
