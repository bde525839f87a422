"""Texts of extractions: states of a run, why a run stopped, how long it took."""

from __future__ import annotations

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.destinations.registry import DESTINATIONS
from datasync_flask.extractions.models import Run, RunState
from datasync_flask.languages import translated
from datasync_flask.problems.registry import trouble
from datasync_flask.problems.trouble import During, Trouble

# What a destination calls the place of an extraction's tables, within a sentence.
DATASET_NAMES = {"schema": _l("schema"), "prefix": _l("table prefix"), "folder": _l("folder")}
RUN_STATES = {
    "queued": "Queued",
    "running": "Running",
    "paused": "Paused",
    "waiting": "Waiting for the connection",
    "cancelled": "Cancelled",
    "failed": "Failed",
    "done": "Done",
}
RUN_TONES = {
    "queued": "idle", "running": "wait", "paused": "wait", "waiting": "bad", "cancelled": "idle", "failed": "bad",
    "done": "good",
}  # fmt: skip
STEPS = {
    "waiting": "Not started yet",
    "reading": "Reading",
    "writing": "Writing to the destination",
    "refreshing": "Refreshing formula fields",
    "comparing": "Comparing the counts with Salesforce",
    "waiting_for_file": "Waiting for another run that writes to this file or table",
    "waiting_to_open": "Waiting for another program that has the file open",
    "done": "Done",
    "failed": "Failed",
}


def run_state(state: str) -> str:
    """The name of a run's state."""
    return translated(RUN_STATES[state])


def run_tone(state: str) -> str:
    """The colour and shape of a run's pill, by its name in the stylesheet."""
    return RUN_TONES[state]


def step_text(step: str) -> str:
    """The name of an object's current step."""
    return translated(STEPS[step])


def run_trouble(run: Run) -> Trouble | None:
    """What is wrong with a run; None when nothing is."""
    return trouble(run.problem, During.PAUSE if run.state == RunState.PAUSED else During.RUN) if run.problem else None


def explain_problem(run: Run) -> str:
    """What the problem of a run means and what to do; '' when there is none."""
    found = run_trouble(run)
    return found.sentences if found is not None else ""


def duration_text(seconds: int) -> str:
    """A short text for a span of time."""
    if seconds < 60:
        return gettext("%(number)s s", number=seconds)
    if seconds < 3600:
        minutes, rest = divmod(seconds, 60)
        if rest and minutes < 10:
            return gettext("%(minutes)s min %(seconds)s s", minutes=minutes, seconds=rest)
        return gettext("%(number)s min", number=minutes)
    hours, rest = divmod(seconds // 60, 60)
    return gettext("%(hours)s h %(minutes)s min", hours=hours, minutes=rest)


def dataset_word(destination: DestinationConnection) -> str:
    """The word for the place of tables in a destination: schema, table prefix or folder."""
    return str(DATASET_NAMES[DESTINATIONS[destination.kind].dataset_is])
