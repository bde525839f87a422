"""Salesforce as a kind of connection: its actions, its form, and the redirect to Salesforce."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy.orm import selectinload

from datasync_flask.connections import history, labels
from datasync_flask.connections.descriptions import DescriptionTaken
from datasync_flask.connections.forms import form_page
from datasync_flask.connections.kinds import (
    ConnectionKind,
    ListColumns,
    ShownCheck,
    ShownProblem,
    definition_of,
    dependants_of,
)
from datasync_flask.connections.models import State
from datasync_flask.connections.settings import Setting
from datasync_flask.connections.views import leave_for
from datasync_flask.extensions import db
from datasync_flask.forms import check_names, given_values
from datasync_flask.problems.registry import trouble
from datasync_flask.problems.trouble import During
from datasync_flask.queue import queue
from datasync_flask.salesforce import scopes
from datasync_flask.salesforce_connections import authorization, certificates, service, settings, status, verdicts
from datasync_flask.salesforce_connections.browser_cookie import mark_of_browser
from datasync_flask.salesforce_connections.forms import SalesforceForm
from datasync_flask.salesforce_connections.lifecycle import EVENT_TEXTS
from datasync_flask.salesforce_connections.models import SalesforceConnection
from datasync_flask.salesforce_connections.status import setup_origin
from datasync_flask.security.crypto import SecretUnreadable

_table = SalesforceConnection.__table__


class SalesforceKind(ConnectionKind[SalesforceConnection]):
    """A Salesforce org as a source."""

    key = "salesforce"
    title = "Salesforce"
    hint = "Objects of a Salesforce org, production or sandbox"
    is_source = True
    copied_text = _l("Copied the settings. The Client Secret is never copied: enter it again.")
    event_texts = EVENT_TEXTS
    quick_settings = ("tracking_type",)
    in_list = ListColumns(
        searched=(_table.c.login_url,),
        sortings={"tracking_type": _table.c.tracking_type},
        loaded=(selectinload(SalesforceConnection.grant),),
    )

    @property
    def settings(self) -> Mapping[str, Setting]:  # type: ignore[override]
        """The settings as they are declared."""
        return settings.SalesforceSettings.declared()

    def new(self) -> ResponseReturnValue:
        """The form and the guide of a new connection."""
        return save_form(None, then_authenticate=request.form.get("then") == "authenticate")

    def show(self, connection: SalesforceConnection) -> ResponseReturnValue:
        """The page of a connection."""
        return render_template(
            "connections/show.html",
            history=history.newest_lines(connection),
            saved_by=history.saved_by(connection),
            level=scopes.BY_KEY[connection.permission_level],
            tracking_types=settings.TRACKING_TYPES,
            auth_methods=settings.AUTH_METHODS,
            extractions=dependants_of(connection),
            certificate=certificates.facts_of(connection),
            **status.context(connection),
        )

    def edit(self, connection: SalesforceConnection) -> ResponseReturnValue:
        """The form and the guide of a connection."""
        return save_form(connection, then_authenticate=False)

    def status_fragment(self, connection: SalesforceConnection) -> str:
        """The part of the page that is polled."""
        return render_template("connections/_status.html", **status.context(connection))

    def problem(self, connection: SalesforceConnection) -> ShownProblem:
        """The problem of a connection, or the result of its last probe."""
        problem = connection.current_problem
        if problem is None:
            return ShownProblem()
        told = trouble(problem, During.CONNECTION)
        return ShownProblem(
            problem.reason.value, told.title, told.meaning, told.steps, told.meaning, told.title,
            connection.problem_detail,
        )  # fmt: skip

    def checks(self, connection: SalesforceConnection) -> list[ShownCheck]:
        """The checks of a connection with their verdicts."""
        return verdicts.checks_of(connection)

    def quick_save(self, connection: SalesforceConnection, values: Mapping[str, str], *, by: int | None) -> None:
        """Save what was changed in the list."""
        stored = settings.SalesforceSettings.of(connection)
        service.save(connection, stored.with_values(values), by=by)

    def check(self, connection: SalesforceConnection, *, by: int | None) -> str:
        """Have the worker make real API calls."""
        service.order_check(connection, by=by)
        queue().wake(connection.id)
        return gettext("Asked Salesforce. The result appears here in a few seconds.")

    def erased_text(self, connection: SalesforceConnection) -> str:
        """The text about what a delete erases."""
        texts = (
            gettext("Its settings, its Client Secret, its tokens and its history are erased here and can’t be brought "
                    "back."),
            gettext("Salesforce is told to revoke the tokens.") if connection.grant else "",
            gettext("The app in Salesforce isn’t changed."),
        )  # fmt: skip
        return " ".join(text for text in texts if text)

    def duplicate(self, connection: SalesforceConnection, *, by: int | None) -> SalesforceConnection:
        """Copy the settings, never the secret or tokens."""
        return service.duplicate(connection, by=by)

    def delete(self, connection: SalesforceConnection, *, by: int | None) -> str:
        """Delete a connection, and have its tokens revoked at Salesforce."""
        description, had_tokens = connection.description, connection.grant is not None
        service.delete(connection, by=by)
        queue().revoke_soon()
        if not had_tokens:
            return gettext("Deleted %(description)s.", description=description)
        return gettext(
            "Deleted %(description)s. Its tokens are erased here, and Salesforce is being told to revoke them.",
            description=description,
        )

    def definition(self, connection: SalesforceConnection) -> dict[str, Any]:
        """The settings for the API and files."""
        return settings.SalesforceSettings.of(connection).definition()

    def save(
        self, values: Mapping[str, Any], existing: SalesforceConnection | None, *, by: int | None
    ) -> SalesforceConnection:
        """Save a connection from settings that the API or a file gave."""
        check_names(values, ("kind", "description", "labels", *self.settings))
        stored = definition_of(existing) if existing else settings.SalesforceSettings(description="").definition()
        form = SalesforceForm(existing, given=given_values(values, stored))
        if not form.validate():
            raise form.refusal()
        try:
            saved = service.save(existing, form.settings(), by=by)
        except DescriptionTaken as refusal:
            form.refuse(refusal)
            raise form.refusal() from None
        if saved.state == State.WAITING:
            queue().wake(saved.id)
        return saved


def save_form(connection: SalesforceConnection | None, *, then_authenticate: bool) -> ResponseReturnValue:
    """Show the form, or save what was posted and continue from there."""
    form = SalesforceForm(connection)
    if form.is_submitted() and form.validate():
        if connection is not None and form.was_overtaken(connection.updated_at):
            form.form_errors = [
                gettext(
                    "Somebody changed this connection since you opened this page. Below is what you typed; what is "
                    "saved now is shown beside it. Press the button again to replace it."
                )
            ]
            return _form_page(form, connection, saved_now=settings.saved_now(connection))
        try:
            saved = service.save(connection, form.settings(), by=current_user.id)
        except DescriptionTaken as refusal:
            form.refuse(refusal)
        else:
            return _after_save(saved, form, then_authenticate=then_authenticate)
    return _form_page(form, connection)


def _after_save(
    connection: SalesforceConnection, form: SalesforceForm, *, then_authenticate: bool
) -> ResponseReturnValue:
    if form.login_note:
        flash(form.login_note)
    if then_authenticate:
        return authenticate(connection)
    if connection.state == State.WAITING:
        queue().wake(connection.id)
    else:
        flash(gettext("Saved."))
    return to_page(connection)


def authenticate(connection: SalesforceConnection) -> ResponseReturnValue:
    """Send the person to Salesforce, or restart propagation if Salesforce doesn't know the app yet."""
    if not connection.is_complete:
        return _incomplete(connection)
    if connection.state == State.WAITING:
        queue().wake(connection.id)
        return to_page(connection)
    if service.needs_propagation(connection):
        service.restart_propagation(connection, by=current_user.id)
        queue().wake(connection.id)
        return to_page(connection)
    try:
        response: Any = authorization.begin(connection, current_user, mark_of_browser())
    except SecretUnreadable:
        db.session.rollback()
        form = SalesforceForm(connection, formdata=None)
        form.client_secret.errors = [gettext("The stored secret can’t be read with the current key. Enter it again.")]
        return _form_page(form, connection)
    db.session.commit()
    queue().wake(connection.id, connection.due_at)
    return leave_for(response.location)


def _incomplete(connection: SalesforceConnection) -> ResponseReturnValue:
    form = SalesforceForm(connection, formdata=None)
    if not connection.client_id:
        form.client_id.errors = [
            gettext("Enter the Client ID: it is needed to authenticate. Everything else is saved.")
        ]
    if connection.signs and not connection.username:
        form.username.errors = [gettext("Enter the Username: it is needed to authenticate. Everything else is saved.")]
    if connection.needs_secret and not connection.client_secret_sealed:
        form.client_secret.errors = [
            gettext("Enter the Client Secret: it is needed to authenticate. Everything else is saved.")
        ]
    return _form_page(form, connection)


def to_page(connection: SalesforceConnection) -> ResponseReturnValue:
    """Send the browser to a connection's page."""
    return leave_for(url_for("connections.show", connection_id=connection.id))


def _form_page(
    form: SalesforceForm, connection: SalesforceConnection | None, saved_now: Any = None
) -> ResponseReturnValue:
    site = current_app.config["SETTINGS"]
    form.keep_secret()
    return form_page(
        "connections/salesforce_form.html",
        form,
        connection=connection,
        saved_now=saved_now,
        callback_url=site.callback_url,
        callback_needs_https=site.callback_needs_https,
        levels=scopes.PERMISSION_LEVELS,
        setup_origin=setup_origin(connection),
        certificate_url=url_for("salesforce.certificate"),
        shown_for="",
        label_names=labels.all_names(),
    )
