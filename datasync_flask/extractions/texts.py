"""Words of extractions: states of a run, why one stopped, what a note says."""

from __future__ import annotations

from flask_babel import format_decimal, gettext, ngettext

from datasync_flask.extractions.runs import odd_values
from datasync_flask.languages import translated
from datasync_flask.problems.registry import trouble
from datasync_flask.problems.trouble import During
from datasync_flask.salesforce_connections.visibility import some_names

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
    "waiting": "Next",
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
    """A run's state as people call it."""
    return translated(RUN_STATES[state])


def run_tone(state: str) -> str:
    """The colour and shape of a run's pill, as the stylesheet calls it."""
    return RUN_TONES[state]


def step_text(step: str) -> str:
    """What is done with an object at present."""
    return translated(STEPS[step])


def explain_problem(problem: str) -> str:
    """What the problem of a run or of an object means and what to do; '' when there is none."""
    return trouble(problem, During.RUN).sentences if problem else ""


def note_text(note: str) -> str:
    """A note of an object."""
    kind, _, name = note.partition(":")
    if kind == odd_values.KIND:
        return odd_values.odd_value_text(name)
    if kind == "retyped":
        return str(gettext("%(name)s has another type than before: it stands in a column of its own now.", name=name))
    if kind == "differing":
        name, _, column = name.partition(":")
        return str(
            gettext(
                "%(name)s has another type in another org of this table. This org's values stand in the column "
                "%(column)s.",
                name=name,
                column=column,
            )
        )
    if kind == "unseen":
        names = name.split(",")
        return str(
            ngettext(
                "%(names)s isn't visible to this Salesforce user any more, or was deleted. Its column keeps the "
                "values.",
                "%(names)s aren't visible to this Salesforce user any more, or were deleted. Their columns keep the "
                "values.",
                len(names), names=some_names(names),
            )
        )  # fmt: skip
    if kind == "beside_bulk":
        return str(
            gettext(
                "It was read by REST, which takes more API calls, because Salesforce’s limit for the Bulk API is "
                "reached: %(words)s",
                words=name,
            )
        )
    if kind == "smaller_pages":
        number = format_decimal(int(name))
        return str(
            gettext(
                "Salesforce didn’t send large pages in time, so it was asked for %(number)s rows at a time.",
                number=number,
            )
        )
    if kind == "emptied":
        names = name.split(",")
        return str(
            ngettext(
                "Emptied, because its field is hashed or left out now: the column “%(names)s”.",
                "Emptied, because their fields are hashed or left out now: the columns %(names)s.",
                len(names), names=some_names(names),
            )
        )  # fmt: skip
    if kind == "formula":
        return str(gettext("%(name)s is a formula: it is read again only when its row changes otherwise.", name=name))
    if kind == "formulas":
        rows, _, fields = name.partition(":")
        return str(
            ngettext(
                "Formula fields refreshed: %(names)s. %(num)s row had another value.",
                "Formula fields refreshed: %(names)s. %(num)s rows had another value.",
                int(rows), names=some_names(fields.split(",")),
            )
        )  # fmt: skip
    if kind == "shortened":
        name, _, short = name.partition(":")
        return str(
            gettext("%(name)s is called %(short)s there: the destination takes no longer name.", name=name, short=short)
        )
    return translated(note)


def duration_text(seconds: int) -> str:
    """A span of time, as short as it can be read."""
    if seconds < 60:
        return str(gettext("%(number)s s", number=seconds))
    if seconds < 3600:
        minutes, rest = divmod(seconds, 60)
        if rest and minutes < 10:
            return str(gettext("%(minutes)s min %(seconds)s s", minutes=minutes, seconds=rest))
        return str(gettext("%(number)s min", number=minutes))
    hours, rest = divmod(seconds // 60, 60)
    return str(gettext("%(hours)s h %(minutes)s min", hours=hours, minutes=rest))
