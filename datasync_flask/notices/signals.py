"""Signal handlers that turn events of connections and runs into alerts."""

from __future__ import annotations

from typing import Any

from flask import Flask, has_app_context
from flask_babel import force_locale, gettext

from datasync_flask.connections import history
from datasync_flask.connections.models import Connection, State
from datasync_flask.extractions.models import Run, RunState
from datasync_flask.extractions.runs import states
from datasync_flask.notices import service, warnings
from datasync_flask.problems.destination import Fault
from datasync_flask.problems.registry import trouble
from datasync_flask.problems.trouble import During
from datasync_flask.salesforce_connections import lifecycle, verdicts, visibility
from datasync_flask.salesforce_connections.models import SalesforceConnection


def init_app(_app: Flask) -> None:
    """Connect the handlers; calling it twice changes nothing."""
    history.moved.connect(on_connection_moved)
    states.ended.connect(on_run_ended)
    states.forecast_made.connect(warnings.quota_forecast)
    visibility.noted.connect(on_visibility)


def on_connection_moved(connection: Connection, *, before: State, after: State, event: str, **_: Any) -> None:
    """Raise an alert for a connection that needs attention; resolve it when it works again. The caller commits."""
    if after is before or not has_app_context():
        # Without a Flask app, as in tests of the table of states, there is nobody to notify.
        return
    key, path = f"connection:{connection.id}", warnings.connection_path(connection.id)
    with force_locale("en"):
        if after is State.NEEDS_ATTENTION:
            title = f"{connection.description} needs attention"
            service.begins(key, "connection_needs_attention", title, _meaning(connection), path)
        elif after is State.CONNECTED:
            title = f"{connection.description} works again"
            service.is_over(key, "connection_works", title, path)
    if event == lifecycle.Event.CHECKED:
        grant = getattr(connection, "grant", None)
        warnings.approved(connection, grant.username if grant else "")  # type: ignore[arg-type]


def _meaning(connection: Connection) -> str:
    if not isinstance(connection, SalesforceConnection):
        told = trouble(Fault(connection.problem)).sentences if connection.problem else ""
        return f"{told}\n\n{connection.problem_detail}".strip()
    if connection.current_problem is None:
        return ""
    told = trouble(connection.current_problem, During.CONNECTION).sentences
    said = gettext("Salesforce said:") + f" {connection.problem_detail}" if connection.problem_detail else ""
    return "\n\n".join(part for part in (told, said, verdicts.as_text(connection)) if part)


def on_visibility(connection: SalesforceConnection, *, is_worse: bool) -> None:
    """Raise an alert for what extractions need and the user can no longer see. The caller commits."""
    key, path = f"visibility:{connection.id}", warnings.connection_path(connection.id)
    with force_locale("en"):
        unseen = visibility.needed_sentences(connection.visibility)
        if unseen:
            body = " ".join([*unseen, visibility.who_can_grant_access()])
            title = f"{connection.description}: this user can’t see all that extractions load"
            service.begins(key, "fields_not_visible", title, body, path, again=is_worse)
        else:
            title = f"{connection.description}: this user sees all that extractions load again"
            service.is_over(key, "fields_visible", title, path)


def on_run_ended(run: Run, **_: Any) -> None:
    """Raise an alert for a failed run, and resolve it when the next one succeeds. The caller commits."""
    extraction = run.extraction
    key, path = f"extraction:{extraction.id}", f"/extractions/{extraction.id}/runs/{run.id}"
    with force_locale("en"):
        if run.state == RunState.FAILED:
            text = f"{trouble(run.problem, During.RUN).sentences} {run.problem_detail}".strip()
            service.begins(key, "run_failed", f"{extraction.description}: a run failed", text, path)
        elif run.state == RunState.DONE:
            title = f"{extraction.description}: a run succeeded again"
            service.is_over(key, "run_done", title, path)
