"""What notifications add to the app."""

from __future__ import annotations

from flask import Flask

from datasync_flask.notices import audit_texts, texts, views


def init_app(app: Flask) -> None:
    """Add the pages of notifications to `app`."""
    app.register_blueprint(views.bp)
    app.jinja_env.filters.update(
        audit_actor=audit_texts.actor,
        audit_details=audit_texts.details,
        audit_subject=audit_texts.subject_label,
        channel_label=texts.channel_label,
        notice_failure=texts.failure,
        role_label=texts.role_label,
    )
