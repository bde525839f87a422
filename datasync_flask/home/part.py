"""What Home adds to the app."""

from __future__ import annotations

from flask import Flask

from datasync_flask.home import overview, views


def init_app(app: Flask) -> None:
    """Give `app` its start page, and the number beside it."""
    app.register_blueprint(views.bp)
    app.jinja_env.globals["attention_count"] = overview.attention_count
