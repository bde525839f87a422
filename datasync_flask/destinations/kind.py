"""Kinds of destinations as kinds of connections: their actions for pages, the API and files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from datasync_flask.connections import history
from datasync_flask.connections.descriptions import free_description
from datasync_flask.connections.kinds import ConnectionKind, ShownProblem, definition_of, dependants_of, register
from datasync_flask.destinations import pages, service
from datasync_flask.destinations.destination_kind import DestinationKind
from datasync_flask.destinations.forms import DestinationForm, explain_problem
from datasync_flask.destinations.models import DestinationConnection, class_of
from datasync_flask.destinations.registry import DESTINATIONS
from datasync_flask.destinations.settings import SETTINGS, TABLE_FORMATS, TLS_CHOICES
from datasync_flask.destinations.tls import tls_of
from datasync_flask.forms import Refused, SettingRefused, check_names, given_values
from datasync_flask.problems.destination import Fault
from datasync_flask.problems.registry import trouble

EVENT_TEXTS = {"destination_works": "Check passed", "destination_fails": "Check failed"}


class DestinationHandler(ConnectionKind[DestinationConnection]):
    """A kind of destination; its special features are in the registry."""

    is_source = False
    copied_text = _l("Copied the settings. A password is never copied: enter it again.")
    event_texts = EVENT_TEXTS

    def __init__(self, kind: DestinationKind) -> None:
        self._kind = kind
        self.key, self.title, self.hint = kind.key, kind.title, kind.hint
        self.settings = {name: SETTINGS[name] for name in kind.fields}

    @property
    def icon(self) -> str:
        """The icon's path below static/."""
        return self._kind.icon or super().icon

    def new(self) -> ResponseReturnValue:
        """The form of a new destination."""
        return pages.save(self.key, None)

    def show(self, connection: DestinationConnection) -> ResponseReturnValue:
        """The page of a destination."""
        return render_template(
            "destinations/show.html",
            history=history.newest_lines(connection),
            saved_by=history.saved_by(connection),
            shown_settings=shown_settings(connection),
            extractions=dependants_of(connection),
            **self._status_context(connection),
        )

    def edit(self, connection: DestinationConnection) -> ResponseReturnValue:
        """The form of a destination."""
        return pages.save(self.key, connection)

    def status_fragment(self, connection: DestinationConnection) -> str:
        """The part of the page that is polled."""
        return render_template("destinations/_status.html", **self._status_context(connection))

    def _status_context(self, connection: DestinationConnection) -> dict[str, Any]:
        return {
            "connection": connection,
            "kind": self,
            "meaning": explain_problem(connection.problem),
        }

    def problem(self, connection: DestinationConnection) -> ShownProblem:
        """The problem that the last check found."""
        if not connection.problem:
            return ShownProblem()
        told = trouble(Fault(connection.problem))
        return ShownProblem(
            connection.problem, told.title, told.meaning, (), told.sentences, told.title, connection.problem_detail
        )

    def quick_save(self, connection: DestinationConnection, values: Mapping[str, str], *, by: int | None) -> None:
        """Save the description."""
        service.rename(connection, values["description"], by=by)

    def check(self, connection: DestinationConnection, *, by: int | None) -> str:
        """Create, write and remove a small table now."""
        if service.check_again(connection) is None:
            return gettext("It works: tables can be created, written and removed.")
        return ""

    def erased_text(self, connection: DestinationConnection) -> str:
        """The text about what a delete erases."""
        return gettext(
            "Its settings, its password and its history are erased here and can’t be brought back. Its tables stay "
            "where they are."
        )

    def duplicate(self, connection: DestinationConnection, *, by: int | None) -> DestinationConnection:
        """Copy the settings, never the password."""
        return service.save(
            None, connection.kind, description=free_description(connection.description),
            settings=dict(connection.settings), password="", label_names=[label.name for label in connection.labels],
            problem=None, by=by,
        )  # fmt: skip

    def delete(self, connection: DestinationConnection, *, by: int | None) -> str:
        """Delete a destination; its tables stay where they are."""
        description = connection.description
        service.delete(connection, by=by)
        return gettext("Deleted %(description)s. Its tables stay where they are.", description=description)

    def definition(self, connection: DestinationConnection) -> dict[str, Any]:
        """The settings for the API and files."""
        return {name: connection.settings.get(name) or "" for name in self._kind.fields if name != "password"}

    def save(
        self, values: Mapping[str, Any], existing: DestinationConnection | None, *, by: int | None
    ) -> DestinationConnection:
        """Save a destination from settings of the API or a file, if its check finds nothing wrong."""
        check_names(values, ("kind", "description", "labels", "save_anyway", *self._kind.fields))
        stored: dict[str, Any] = {"port": self._kind.default_port} if self._kind.default_port else {}
        if existing is not None:
            stored = definition_of(existing)
        form = DestinationForm(self.key, existing, given=given_values(values, stored))
        if not form.validate():
            raise form.refusal()
        problem = form.find_problem()
        if problem is not None and not values.get("save_anyway"):
            raise Refused({problem.field or "": [f"{explain_problem(problem.fault)} {problem.detail}".strip()]})
        try:
            return form.save(problem, by=by)
        except SettingRefused as refusal:
            form.refuse(refusal)
            raise form.refusal() from None


def shown_settings(connection: DestinationConnection) -> dict[str, Any]:
    """The settings for the page."""
    found = {name: value for name, value in connection.settings.items() if name != "tls_ca"}
    if "host" in found:
        found["tls"] = str(TLS_CHOICES[tls_of(connection.settings)])
        if connection.settings.get("tls_ca"):
            found["tls_ca"] = gettext("stored")
    if "bucket" in found:
        found["endpoint"] = found["endpoint"] or "Amazon S3"
        found["access_key"] = found["access_key"] or gettext("the machine’s own role")
        found["table_format"] = str(TABLE_FORMATS[found["table_format"]])
    return found


def add(kind: DestinationKind) -> None:
    """Add a kind of destination; doing it twice changes nothing."""
    DESTINATIONS[kind.key] = kind
    class_of(kind.key)
    register(DestinationHandler(kind))
