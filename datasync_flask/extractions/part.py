"""What extractions and their runs add to the app."""

from __future__ import annotations

from flask import Flask

from datasync_flask.extractions import (
    combined_views,
    dependants,
    list_views,
    object_views,
    org_views,
    texts,
    views,
    visibility,
)
from datasync_flask.extractions.setup import destination_views as _destination_step  # noqa: F401 (steps of setup_views)
from datasync_flask.extractions.setup import drafts, schedule_picker
from datasync_flask.extractions.setup import object_views as _object_step  # noqa: F401
from datasync_flask.extractions.setup import review_views as _review_step  # noqa: F401
from datasync_flask.extractions.setup import views as setup_views


def init_app(app: Flask) -> None:
    """Add the pages of extractions and the texts of runs to `app`."""
    dependants.connect()
    visibility.connect()
    for blueprint in (views.bp, setup_views.bp, list_views.bp, object_views.bp, org_views.bp, combined_views.bp):
        app.register_blueprint(blueprint)
    app.jinja_env.globals.update(
        drafts_of_source=drafts.of_source,
        run_tone=texts.run_tone,
        run_state=texts.run_state,
        schedule_sentence=schedule_picker.sentence,
        dataset_word=texts.dataset_word,
    )
