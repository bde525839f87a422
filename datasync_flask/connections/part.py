"""What connections of any kind add to the app."""

from __future__ import annotations

from flask import Flask

from datasync_flask.connections import history, polls, quick_edit_views, status_views, views
from datasync_flask.connections.kinds import KINDS


def init_app(app: Flask) -> None:
    """Add the list, the pages of any kind, quick edits, polls and the texts of the history to `app`."""
    for blueprint in (views.bp, status_views.bp, quick_edit_views.bp):
        app.register_blueprint(blueprint)
    app.jinja_env.globals.update(
        event_text=history.event_text,
        kinds_by_key=KINDS,
        setting_label=history.setting_label,
        state_label=history.state_label,
        state_tone=history.state_tone,
        status_tag=polls.connection_tag,
    )
