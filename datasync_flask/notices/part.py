"""What notices add to the app."""

from __future__ import annotations

from flask import Flask

from datasync_flask.notices import texts, views


def init_app(app: Flask) -> None:
    """Give `app` the pages of notices."""
    app.register_blueprint(views.bp)
    app.jinja_env.filters.update(
        audit_words=texts.audit_words, channel_words=texts.channel_words, role_words=texts.role_words
    )
