"""Starts a run for a page, which then shows it; one run of an extraction at a time."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask.extractions.runs import states
from datasync_flask.queue import queue


def start_run(extraction_id: str, **options: Any) -> ResponseReturnValue:
    """Start a run with the options of `states.start` and go to it, or to the run that isn't over."""
    try:
        run_id = states.start(extraction_id, current_user.email, **options).id
    except states.AlreadyRunning as other:
        return show_open_run(extraction_id, other.run_id)
    queue().run_soon(run_id)
    return _show(extraction_id, run_id)


def show_open_run(extraction_id: str, run_id: str) -> ResponseReturnValue:
    """Go to a run that isn't over, and say why no other one was started."""
    flash(gettext("This run isn’t over yet. One run of an extraction at a time."))
    return _show(extraction_id, run_id)


def _show(extraction_id: str, run_id: str) -> ResponseReturnValue:
    return redirect(url_for("extractions.show_run", extraction_id=extraction_id, run_id=run_id), 303)
