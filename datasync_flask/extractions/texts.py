"""Words of extractions: states of a run, why one stopped, what a note says."""

from __future__ import annotations

from flask_babel import gettext

from datasync_flask.connections.problem_texts import text_for
from datasync_flask.destinations.texts import fault_text
from datasync_flask.extractions import odd_values
from datasync_flask.languages import translated
from datasync_flask.salesforce.errors import Problem

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
    "waiting": "waiting",
    "reading": "reading",
    "writing": "writing",
    "comparing": "comparing counts",
    "waiting_for_file": "waiting for another run that writes to this file",
    "waiting_to_open": "waiting for another program that has the file open",
    "done": "done",
    "failed": "failed",
}
# What a connection goes on waiting through ends a run: the same problems, with another next step.
PROBLEMS = {
    "connection_failed": "The server DataSync runs on couldn't reach Salesforce, however often it tried. Check that it "
    "may open https connections to the org's address, then run again: nothing is lost.",
    "server_error": "Salesforce answered with a fault of its own (a 5xx status), however often it was asked. Look at "
    "Salesforce's status page for the org's instance, then run again: nothing is lost.",
    "no_answer_in_time": "Salesforce took longer than DataSync waits for an answer. Check the server's network, then "
    "run again: nothing is lost.",
    "not_salesforce": "What came as Salesforce's answer isn't what Salesforce answers: a page of a proxy, half an "
    "answer, or a value that doesn't fit its field. Run again; if the same comes back, show the words that follow to "
    "whoever looks after the network or the org.",
    "unexpected": "Salesforce answered something that DataSync doesn't know. Read Salesforce's own words, fix what "
    "they name, then run again: nothing is lost.",
    "destination_disk_full": "The disk is full. Make room, then run again: nothing is lost.",
    "fault": "DataSync met something it doesn't know. The tables are as they were; the worker's log says where.",
    "quota": "The org has used the share of its daily API calls at which this extraction pauses. It looks again every "
    "15 minutes and goes on by itself.",
    "no_progress": "Nothing came any more, so DataSync ended this attempt. A paused run goes on by itself where it "
    "was, after longer and longer pauses. If it fails in the end, check the server's network and Salesforce's status "
    "page, then run again: nothing is lost.",
    "table_taken": "Another extraction loads this table already, so nothing was written. Choose another dataset for "
    "one of the two, or take the object out of one of them, then run again. The other extraction:",
    "table_given_back": "The extraction was changed while it ran, and this table doesn't belong to it any more. "
    "Nothing was written into it. Run again.",
    "loaded_from_other_org": "The tables hold rows of another org than the one that the connection opens now, so "
    "nothing was written. Choose on the extraction's page: load everything again, use another dataset, or go back.",
    "gave_up": "The process that ran it ended too often. Look into the worker's log, then run again: nothing is lost.",
}


def run_state(state: str) -> str:
    """Return a run's state as people call it."""
    return translated(RUN_STATES[state])


def run_tone(state: str) -> str:
    """Return the colour and shape of a run's pill, as the stylesheet calls it."""
    return RUN_TONES[state]


def step_words(step: str) -> str:
    """Return what is done with an object at present."""
    return translated(STEPS[step])


def problem_words(problem: str) -> str:
    """Return what a run's or an object's problem means, and the step that mends it."""
    if not problem:
        return ""
    if problem in PROBLEMS:
        return translated(PROBLEMS[problem])
    if problem.startswith("destination_"):
        return fault_text(problem.removeprefix("destination_"))
    known = Problem(problem)
    text = text_for(known)
    if known.is_about_the_request:
        return " ".join((text.meaning, *text.steps))
    # What to do about it stands where it can be done.
    advice = gettext("The connection's page says what to do. Then run again: nothing is lost.")
    return f"{text.meaning} {advice}"


def note_words(note: str) -> str:
    """Return a note of an object."""
    kind, _, name = note.partition(":")
    if kind == odd_values.KIND:
        return odd_values.odd_words(name)
    if kind == "retyped":
        return str(gettext("%(name)s has another type than before: it stands in a column of its own now.", name=name))
    if kind == "formula":
        return str(gettext("%(name)s is a formula: it is read again only when its row changes otherwise.", name=name))
    if kind == "shortened":
        name, _, short = name.partition(":")
        return str(
            gettext("%(name)s is called %(short)s there: the destination takes no longer name.", name=name, short=short)
        )
    return translated(note)


def span_words(seconds: int) -> str:
    """Return a span of time as people say it."""
    if seconds < 90:
        return str(gettext("%(number)s seconds", number=seconds))
    if seconds < 5400:
        return str(gettext("%(number)s minutes", number=round(seconds / 60)))
    return str(gettext("%(number)s hours", number=round(seconds / 3600)))


def difference_words(tracking_type: str, source: int, target: int) -> str:
    """Return why the counts on both sides may differ."""
    if source == target:
        return ""
    if target > source and tracking_type == "date":
        return str(gettext("Rows deleted in Salesforce stay here with the tracking type Date."))
    if target > source:
        return str(gettext("Rows were deleted in Salesforce while this ran; the next run removes them."))
    return str(gettext("Rows were added in Salesforce while this ran, or are not visible; the next run brings them."))
