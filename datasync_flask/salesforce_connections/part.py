"""What this package adds to the app: Salesforce as a kind of connection, authorization, hand-off."""

from __future__ import annotations

from flask import Flask

from datasync_flask.connections import kinds
from datasync_flask.salesforce_connections import (
    authorization,
    callback_views,
    hand_off_views,
    org_views,
    status,
    verdicts,
    views,
    visibility,
)
from datasync_flask.salesforce_connections.kind import SalesforceKind


def init_app(app: Flask) -> None:
    """Register the kind, and add the pages that no other kind has to `app`."""
    kinds.register(SalesforceKind())
    authorization.register_provider()
    for blueprint in (views.bp, callback_views.bp, hand_off_views.bp, org_views.bp):
        app.register_blueprint(blueprint)
    app.jinja_env.globals.update(
        next_probe_in=status.next_probe_in,
        unseen_fields=visibility.unseen_fields,
        unseen_pages=visibility.SETUP_PAGES,
        unseen_sentences=visibility.sentences,
        who_can_grant_access=visibility.who_can_grant_access,
        verdict_label=verdicts.verdict_label,
        verdict_tone=verdicts.TONES.__getitem__,
        waiting_text=status.waiting_text,
    )
