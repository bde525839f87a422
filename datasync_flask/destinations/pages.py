"""The pages of destination connections. Their addresses are those of all connections."""

from __future__ import annotations

from typing import Any, cast

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask.accounts.models import Role
from datasync_flask.connections import labels, loader
from datasync_flask.connections.kinds import KINDS
from datasync_flask.connections.models import Connection
from datasync_flask.destinations import service
from datasync_flask.destinations.base import DestinationError
from datasync_flask.destinations.forms import TLS_CHOICES, DestinationForm
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.destinations.tls import tls_of
from datasync_flask.problems.destination import Fault
from datasync_flask.problems.registry import trouble
from datasync_flask.salesforce_connections.service import DescriptionTaken, free_description


def is_destination(connection: Connection) -> bool:
    """True for what tables are written to."""
    return isinstance(connection, DestinationConnection)


def new(kind: str) -> ResponseReturnValue:
    """The form of a new destination."""
    form = DestinationForm(kind)
    if form.is_submitted():
        return _save(None, kind, form)
    return _form_page(kind, form, None)


def show(connection: Connection) -> ResponseReturnValue:
    """One destination."""
    found = cast(DestinationConnection, connection)
    return render_template(
        "destinations/show.html",
        history=loader.history(connection),
        saved_by=loader.saved_by(connection),
        shown_settings=shown_settings(found),
        **context(found),
    )


def shown_settings(connection: DestinationConnection) -> dict[str, Any]:
    """Return the settings as the page shows them."""
    found = {name: value for name, value in connection.settings.items() if name != "tls_ca"}
    if "host" in found:
        found["tls"] = str(TLS_CHOICES[tls_of(connection.settings)])
        if connection.settings.get("tls_ca"):
            found["tls_ca"] = gettext("stored")
    return found


def context(connection: DestinationConnection) -> dict[str, Any]:
    """Return what the status fragment shows."""
    return {
        "connection": connection,
        "kind": KINDS[connection.kind],
        "meaning": explain_problem(connection.problem),
        "can_edit": current_user.has_role(Role.EDITOR),
    }


def status(connection: Connection) -> str:
    """The status fragment of a destination."""
    return render_template("destinations/_status.html", **context(cast(DestinationConnection, connection)))


def edit(connection: Connection) -> ResponseReturnValue:
    """The form of a destination that exists; what the last check found stands at its field."""
    found = cast(DestinationConnection, connection)
    form = DestinationForm(found.kind, found)
    if form.is_submitted():
        return _save(found, found.kind, form)
    if found.problem and found.problem_field in form:
        form[found.problem_field].errors = [explain_problem(found.problem, found.problem_detail)]
    return _form_page(found.kind, form, found)


def check(connection: Connection) -> ResponseReturnValue:
    """Check a destination now."""
    if service.check_again(cast(DestinationConnection, connection)) is None:
        flash(gettext("It works: tables can be made, written and removed."))
    return redirect(url_for("connections.show", connection_id=connection.id), 303)


def delete(connection: Connection) -> ResponseReturnValue:
    """Delete a destination; its tables stay where they are."""
    description = connection.description
    service.delete(connection, by=current_user.id)
    flash(gettext("Deleted %(description)s. Its tables stay where they are.", description=description))
    return redirect(url_for("connections.index"), 303)


def duplicate(connection: Connection) -> ResponseReturnValue:
    """Copy the settings, never the password, and open the copy's form."""
    found = cast(DestinationConnection, connection)
    copy = service.save(
        None, found.kind, description=free_description(found.description), settings=dict(found.settings), password="",
        label_names=[label.name for label in found.labels], problem=None, by=current_user.id,
    )  # fmt: skip
    flash(gettext("Copied the settings. A password is never copied: enter it again."))
    return redirect(url_for("connections.edit", connection_id=copy.id), 303)


def explain_problem(fault: str, detail: str = "") -> str:
    """Return what a destination's fault means and what to do, with the driver's own words; '' when there is none."""
    if not fault:
        return ""
    sentences = trouble(Fault(fault)).sentences
    return f"{sentences} ({detail})" if detail else sentences


def _save(connection: DestinationConnection | None, kind: str, form: DestinationForm) -> ResponseReturnValue:
    if not form.validate():
        form.keep_password()
        return _form_page(kind, form, connection)
    if connection is not None and form.was_overtaken(connection.updated_at):
        form.form_errors = [
            gettext("Somebody changed this destination since you opened this page. Save again to replace it.")
        ]
        form.keep_password()
        return _form_page(kind, form, connection)
    password = service.password_for(connection, form.settings(), form.typed_password)
    problem = None
    try:
        service.check(kind, form.settings(), password)
    except DestinationError as error:
        problem = error
    if problem is not None and "anyway" not in request.form:
        name = problem.field if problem.field in form else "description"
        form[name].errors = [explain_problem(problem.fault, problem.detail)]
        form.keep_password()
        return _form_page(kind, form, connection, offers_anyway=True)
    try:
        saved = service.save(
            connection, kind, description=form.description.data or "", settings=form.settings(),
            password=form.typed_password, label_names=form.chosen_labels, problem=problem, by=current_user.id,
        )  # fmt: skip
    except service.PlaceTaken as refusal:
        form.errors_of_place(str(refusal))
        form.keep_password()
        return _form_page(kind, form, connection)
    except DescriptionTaken:
        form.validate()
        return _form_page(kind, form, connection)
    flash(gettext("Saved."))
    return redirect(url_for("connections.show", connection_id=saved.id), 303)


def _form_page(
    kind: str, form: DestinationForm, connection: DestinationConnection | None, *, offers_anyway: bool = False
) -> ResponseReturnValue:
    page = render_template(
        "destinations/form.html", form=form, connection=connection, kind=KINDS[kind], label_names=labels.all_names(),
        offers_anyway=offers_anyway,
    )  # fmt: skip
    is_wrong = request.method == "POST" and (form.form_errors or any(field.errors for field in form))
    return (page, 422) if is_wrong else page
