"""What a Salesforce connection's life adds to the app: its status, authorization, hand-off."""

from __future__ import annotations

from flask import Flask

from datasync_flask.salesforce_connections import (
    authorization,
    callback_views,
    hand_off_views,
    org_views,
    status,
    status_views,
)


def init_app(app: Flask) -> None:
    """Give `app` the pages of Salesforce connections."""
    authorization.register_provider()
    for blueprint in (status_views.bp, callback_views.bp, hand_off_views.bp, org_views.bp):
        app.register_blueprint(blueprint)
    app.jinja_env.globals.update(glance_tag=status.glance_tag, next_look_in=status.next_look_in, status_tag=status.tag)
