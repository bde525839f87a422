"""All problems, each under one code: `salesforce.…`, `destination.…` and `run.…`."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext

from datasync_flask.languages import translated
from datasync_flask.problems.destination import DESTINATION, Fault
from datasync_flask.problems.run import RUN, RunProblem
from datasync_flask.problems.salesforce_access import ACCESS
from datasync_flask.problems.salesforce_app import APP
from datasync_flask.problems.salesforce_data import DATA
from datasync_flask.problems.salesforce_network import NETWORK
from datasync_flask.problems.trouble import Action, During, Entry, Responsible, Trouble
from datasync_flask.salesforce.errors import Problem

Code = str | Problem | Fault | RunProblem

_NAMESPACES = {Problem: "salesforce", Fault: "destination", RunProblem: "run"}


def code_of(problem: Problem | Fault | RunProblem) -> str:
    """The code under which a problem is stored."""
    return f"{_NAMESPACES[type(problem)]}.{problem.value}"


ENTRIES: Mapping[str, Entry] = {
    code_of(problem): entry
    for table in (APP, ACCESS, DATA, NETWORK, DESTINATION, RUN)
    for problem, entry in table.items()
}
_SALESFORCE = frozenset(map(code_of, Problem))
_ABOUT_ONE_REQUEST = frozenset(code_of(problem) for problem in Problem if problem.is_about_the_request)


def trouble(problem: Code, during: During | None = None) -> Trouble:
    """The texts about a problem, in the reader's language.

    Without `during` the texts are as declared. A code that only a newer version knows becomes an unknown error.
    """
    code = problem if type(problem) is str else code_of(problem)  # type: ignore[arg-type]
    entry = ENTRIES.get(code, ENTRIES[code_of(RunProblem.FAULT)])
    meaning, steps, action = entry.meaning, [translated(step) for step in entry.steps], entry.action
    if during is During.PAUSE and code in _SALESFORCE - _ABOUT_ONE_REQUEST:
        steps = [gettext("The run continues by itself where it was, after longer and longer pauses.")]
    elif during in {During.RUN, During.PAUSE} and entry.during_run:
        meaning, steps = entry.during_run, []
    elif during is During.RUN and code in _SALESFORCE - _ABOUT_ONE_REQUEST:
        # The page with the action says what to do.
        steps = [gettext("The connection’s page says what to do. Then run again: nothing is lost.")]
    elif during is During.CONNECTION and code in _ABOUT_ONE_REQUEST and code != code_of(Problem.UNEXPECTED):
        # Without texts about runs, which may not exist.
        steps = [gettext("Read Salesforce’s own words on the connection’s page, fix what they name, then check again.")]
        action = Action.CHECK
    return Trouble(
        code=code,
        title=translated(entry.title),
        meaning=translated(meaning),
        steps=tuple(steps),
        action=action,
        responsible=entry.responsible,
        setup_pages=entry.setup_pages,
    )


def administrators_message(problem: Problem, *, description: str, login_host: str, client_id: str) -> str:
    """A message to send to the Salesforce administrator, or '' when that wouldn't help."""
    told = trouble(problem, During.CONNECTION)
    if told.responsible is not Responsible.SALESFORCE_ADMINISTRATOR:
        return ""
    message: str = gettext(
        "Our data connection “%(description)s” to %(login_host)s needs a change in Salesforce. %(sentences)s "
        "The app’s Consumer Key ends in %(key_end)s.",
        description=description,
        login_host=login_host,
        sentences=told.sentences,
        key_end=client_id[-6:],
    )
    return message
