"""Help: the documentation of the installed version, and every error code with who can fix it, where and how."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from datasync_flask.connections import loader
from datasync_flask.help import documents
from datasync_flask.languages import translated
from datasync_flask.problems.registry import trouble
from datasync_flask.problems.trouble import Trouble
from datasync_flask.salesforce import data_refusals, oauth_refusals
from datasync_flask.salesforce.errors import Problem, Reason
from datasync_flask.salesforce.refusals import phrases_for
from datasync_flask.salesforce_connections import status
from datasync_flask.salesforce_connections.models import SalesforceConnection

bp = Blueprint("help", __name__, url_prefix="/help")


@dataclass(frozen=True)
class Entry:
    """One thing that can go wrong, for the page."""

    trouble: Trouble
    responsible: str
    salesforce_phrases: list[str]


def by_reason() -> dict[Reason, list[Entry]]:
    """Everything that can go wrong, by reason code."""
    found: dict[Reason, list[Entry]] = {reason: [] for reason in Reason}
    for problem in Problem:
        told = trouble(problem)
        words = phrases_for((*oauth_refusals.REFUSALS, *data_refusals.REFUSALS), problem)
        found[problem.reason].append(Entry(told, translated(told.responsible.value), words))
    return found


@bp.get("")
def index() -> ResponseReturnValue:
    """The documentation's pages, and the results of a search."""
    query = request.args.get("q", "")[:200]
    return render_template(
        "help/index.html",
        documents=documents.documents(),
        groups=documents.GROUPS,
        questions=documents.QUESTIONS,
        query=query,
        hits=documents.search(query),
    )


@bp.get("/<name>")
def document(name: str) -> ResponseReturnValue:
    """One page of the documentation."""
    found = documents.documents().get(name)
    if found is None:
        abort(404)
    # Made from our own files, with raw HTML switched off.
    return render_template("help/document.html", document=found, body=Markup(found.html))  # noqa: S704


@bp.get("/errors")
def errors() -> ResponseReturnValue:
    """Everything that can go wrong, in plain words; with a connection's id its links lead into that org."""
    connection_id = request.args.get("connection", "")
    connection = loader.get_connection(connection_id, SalesforceConnection) if connection_id else None
    return render_template(
        "help/errors.html", reasons=by_reason(), setup_origin=status.setup_origin(connection), connection=connection
    )
