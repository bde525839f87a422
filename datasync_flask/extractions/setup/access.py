"""Why a connection can't be read from; some never had access."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext

from datasync_flask.connections.models import State
from datasync_flask.problems.registry import trouble
from datasync_flask.problems.trouble import During
from datasync_flask.salesforce.errors import SalesforceError
from datasync_flask.salesforce_connections.models import SalesforceConnection
from datasync_flask.salesforce_connections.status_texts import missing_text


@dataclass(frozen=True)
class NoAccess:
    """Why nothing can be read, and what happens next."""

    title: str
    text: str


def explain(connection: SalesforceConnection, error: SalesforceError) -> NoAccess:
    """Why an org's objects can't be listed; `error` counts only for connections with tokens."""
    if connection.grant is not None:
        told = trouble(error.problem)
        return NoAccess(told.title, told.meaning)
    state, later = State(connection.state), gettext("Its objects appear here when it is connected.")
    if state is State.DRAFT:
        return NoAccess(gettext("This connection isn’t finished yet"), f"{missing_text(connection)} {later}")
    if state is State.WAITING:
        return NoAccess(
            gettext("Salesforce doesn’t know the app yet"),
            gettext("New apps take 2 to 10 minutes, and DataSync checks by itself.") + f" {later}",
        )
    if state is State.NEEDS_ATTENTION and connection.current_problem is not None:
        told = trouble(connection.current_problem, During.CONNECTION)
        return NoAccess(told.title, f"{told.meaning} {later}")
    return NoAccess(
        gettext("Access isn’t given yet"),
        gettext("Open the connection, press Authenticate and Save, and allow access in Salesforce.") + f" {later}",
    )
