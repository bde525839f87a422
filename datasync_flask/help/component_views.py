"""All components of the pages in all their states, for developers; the browser tests photograph this page."""

from __future__ import annotations

from types import SimpleNamespace

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from datasync_flask.accounts.forms import SignInForm
from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import needs_role
from datasync_flask.connections.list_filters import filters
from datasync_flask.connections.listing import ListQuery
from datasync_flask.connections.models import State
from datasync_flask.extractions import treatments
from datasync_flask.extractions.models import RunState
from datasync_flask.extractions.service import ObjectChoice
from datasync_flask.salesforce.descriptions import Field

bp = Blueprint("components", __name__)


@bp.get("/-/components")
@bp.get("/help/components")
@needs_role(Role.ADMIN)
def show() -> ResponseReturnValue:
    """One page with all components."""
    form, faulty = SignInForm(formdata=None, prefix="plain"), SignInForm(formdata=None, prefix="faulty")
    faulty.email.errors = ["Enter an email address, like ada@example.com."]
    return render_template(
        "help/components.html",
        form=form,
        faulty=faulty,
        field_lines=treatments.lines(
            ObjectChoice("Contact", hashed=["Email"], left_out=["Phone"]),
            request.args,
            [Field("Id", "Id", "id"), *(Field(name, name, "string") for name in ("Name", "Email", "Phone"))],
            "",
        ),
        filters=filters(ListQuery(), ["sales", "emea"]),
        runs=[SimpleNamespace(state=state) for state in RunState],
        states=[SimpleNamespace(kind="salesforce", state=state) for state in State],
    )
