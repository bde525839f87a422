"""What destinations add to the app."""

from __future__ import annotations

from flask import Flask

from datasync_flask.destinations import views
from datasync_flask.destinations.texts import fault_text


def init_app(app: Flask) -> None:
    """Give `app` the forms of new destinations."""
    app.register_blueprint(views.bp)
    app.jinja_env.globals["fault_text"] = fault_text
