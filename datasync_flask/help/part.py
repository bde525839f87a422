"""What help adds to the app."""

from __future__ import annotations

from flask import Flask

from datasync_flask.help import component_views, views


def init_app(app: Flask) -> None:
    """Add the help and the page of components to `app`."""
    for blueprint in (views.bp, component_views.bp):
        app.register_blueprint(blueprint)
