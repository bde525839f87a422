"""Texts above the state's own text in the status fragment: the steps to a connection, and what a draft lacks."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext

from datasync_flask.connections.models import State
from datasync_flask.salesforce_connections.models import SalesforceConnection


@dataclass(frozen=True)
class Step:
    """One step to a connection; `mark` is its CSS class."""

    title: str
    is_done: bool
    is_now: bool

    @property
    def mark(self) -> str:
        """The class ``done``, ``now`` or none."""
        return "done" if self.is_done else "now" if self.is_now else ""


def road(connection: SalesforceConnection, *, knows_app: bool) -> list[Step]:
    """The steps to a connection; the first one that isn't done is the current one."""
    is_connected = connection.state == State.CONNECTED
    steps = [
        (gettext("Saved"), True),
        (gettext("Salesforce recognises the app"), knows_app),
        (gettext("Allow access"), is_connected),
        (gettext("Connected"), is_connected),
    ]
    if connection.is_headless:
        del steps[2]
    now = next((index for index, (_, is_done) in enumerate(steps) if not is_done), None)
    return [Step(title, is_done, index == now) for index, (title, is_done) in enumerate(steps)]


def missing_text(connection: SalesforceConnection) -> str:
    """A text about what a draft still needs."""
    if connection.signs and not connection.client_id and not connection.username:
        return gettext("The Client ID and the Username are still missing.")
    if connection.needs_secret and not connection.client_id and not connection.client_secret_sealed:
        return gettext("The Client ID and the Client Secret are still missing.")
    if not connection.client_id:
        return gettext("The Client ID is still missing.")
    if connection.signs:
        return gettext("The Username is still missing.")
    return gettext("The Client Secret is still missing.")
