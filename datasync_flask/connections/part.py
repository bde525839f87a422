"""What connections of any kind add to the app."""

from __future__ import annotations

from flask import Flask

from datasync_flask.connections import history, quick_edit_views, views
from datasync_flask.connections.kinds import KINDS


def init_app(app: Flask) -> None:
    """Give `app` the list, the pages of any kind, quick edits, and history in words."""
    for blueprint in (views.bp, quick_edit_views.bp):
        app.register_blueprint(blueprint)
    app.jinja_env.globals.update(
        event_words=history.event_words,
        field_words=history.field_words,
        kinds_by_key=KINDS,
        problem_title=history.problem_title,
        state_words=history.state_words,
        waiting_words=history.waiting_words,
    )
    app.jinja_env.filters["state_words"] = history.state_words
