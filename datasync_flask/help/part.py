"""What help adds to the app."""

from __future__ import annotations

from flask import Flask

from datasync_flask.help import component_views, views


def init_app(app: Flask) -> None:
    """Give `app` its help, and the page of its components."""
    for blueprint in (views.bp, component_views.bp):
        app.register_blueprint(blueprint)
