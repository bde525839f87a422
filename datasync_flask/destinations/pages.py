"""The form of a destination, checked before it is saved."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from datasync_flask.connections import labels
from datasync_flask.connections.forms import form_page
from datasync_flask.destinations.forms import DestinationForm, explain_problem
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.forms import SettingRefused


def save(kind: str, connection: DestinationConnection | None) -> ResponseReturnValue:
    """Show the form, or check and save what was posted; errors appear at their fields."""
    form = DestinationForm(kind, connection)
    if form.is_submitted():
        return _save(form, connection)
    if connection is not None and connection.problem and connection.problem_field in form:
        form[connection.problem_field].errors = [explain_problem(connection.problem, connection.problem_detail)]
    return _form_page(form, connection)


def _save(form: DestinationForm, connection: DestinationConnection | None) -> ResponseReturnValue:
    if not form.validate():
        return _form_page(form, connection)
    if connection is not None and form.was_overtaken(connection.updated_at):
        form.form_errors = [
            gettext("Somebody changed this destination since you opened this page. Save again to replace it.")
        ]
        return _form_page(form, connection)
    problem = form.find_problem()
    if problem is not None and "anyway" not in request.form:
        form.show(problem)
        return _form_page(form, connection, offers_anyway=True)
    try:
        saved = form.save(problem, by=current_user.id)
    except SettingRefused as refusal:
        form.refuse(refusal)
        return _form_page(form, connection)
    flash(gettext("Saved."))
    return redirect(url_for("connections.show", connection_id=saved.id), 303)


def _form_page(
    form: DestinationForm, connection: DestinationConnection | None, *, offers_anyway: bool = False
) -> ResponseReturnValue:
    form.keep_password()
    return form_page(
        "destinations/form.html", form, connection=connection, kind=form.kind, label_names=labels.all_names(),
        offers_anyway=offers_anyway,
    )  # fmt: skip
