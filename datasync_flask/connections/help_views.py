"""Help: every reason code, what it means, who can mend it and how."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from datasync_flask.connections.problem_texts import TEXTS, ProblemText
from datasync_flask.salesforce.errors import Problem, Reason

bp = Blueprint("help", __name__, url_prefix="/help")


def by_reason() -> dict[Reason, list[ProblemText]]:
    """Return the texts of all problems under their reason codes."""
    return {reason: [TEXTS[problem] for problem in Problem if problem.reason is reason] for reason in Reason}


@bp.get("/errors")
def errors() -> ResponseReturnValue:
    """Everything that can go wrong, in plain words."""
    return render_template("help/errors.html", reasons=by_reason())
