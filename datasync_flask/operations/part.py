"""What operations add to the app: health, metrics, and a note if browsers show another address."""

from __future__ import annotations

from flask import Flask

from datasync_flask.operations import browser_address, metrics, server_views, views


def init_app(app: Flask) -> None:
    """Add health and metrics to `app`."""
    metrics.init_app(app)
    app.before_request(browser_address.remember)
    app.register_blueprint(views.bp)
    app.register_blueprint(server_views.bp)
    app.jinja_env.globals["address_note"] = browser_address.note
