"""What extractions and their runs add to the app."""

from __future__ import annotations

from flask import Flask

from datasync_flask.extractions import dependants, list_views, object_views, org_views, texts, views, visibility


def init_app(app: Flask) -> None:
    """Give `app` the pages of extractions, and runs in words."""
    dependants.connect()
    visibility.connect()
    for blueprint in (views.bp, list_views.bp, object_views.bp, org_views.bp):
        app.register_blueprint(blueprint)
    app.jinja_env.globals.update(
        difference_words=texts.difference_words,
        note_words=texts.note_words,
        explain_problem=texts.explain_problem,
        run_tone=texts.run_tone,
        run_state=texts.run_state,
        span_words=texts.span_words,
        step_words=texts.step_words,
    )
