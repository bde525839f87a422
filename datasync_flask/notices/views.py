"""The page about notifications, for administrators."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types
from wtforms.validators import InputRequired, Length, ValidationError

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import fragment, needs_role
from datasync_flask.accounts.service import normalise_email
from datasync_flask.addresses import public_link
from datasync_flask.extensions import db
from datasync_flask.forms import ListedChoice, PostedForm
from datasync_flask.notices import service, targets
from datasync_flask.notices.models import Channel

bp = Blueprint("notices", __name__)

# While a test is under way.
POLL_SECONDS = 1


class ChannelForm(PostedForm):
    """The form of a channel."""

    kind = ListedChoice(
        _l("Kind"),
        choices=[
            SelectChoice("email", _l("Email")),
            SelectChoice("webhook", _l("Webhook (signed)")),
            SelectChoice("service", _l("Service (an Apprise address)")),
        ],
    )
    target = StringField(
        _l("Address"),
        [
            InputRequired(_l("Enter where notifications go.")),
            Length(max=1000, message=_l("Use at most 1,000 characters.")),
        ],
        description=_l(
            "An email address, a webhook’s address, or an Apprise address such as slack://… or msteams://…. "
            "It is stored encrypted."
        ),
        render_kw={"autocomplete": "off", "spellcheck": "false", "maxlength": 1000},
    )
    description = StringField(
        _l("Description"),
        [
            InputRequired(_l("Give it a description, for instance who reads it.")),
            Length(max=120, message=_l("Use at most 120 characters.")),
        ],
        render_kw={"autocomplete": "off", "maxlength": 120},
    )
    allow_internal = BooleanField(
        _l("Allow an internal address"),
        description=_l(
            "This machine or its own network, also without encryption. Whoever receives there can read them."
        ),
    )
    errors_only = BooleanField(_l("Only when something is wrong, not when it’s fixed"))

    def validate_target(self, field: StringField) -> None:
        """Accept an address of the chosen kind."""
        text = (field.data or "").strip()
        field.data = text
        if any(ord(character) <= 32 for character in text):
            raise ValidationError(gettext("There is a space or a line break in it. Copy it again."))
        if self.kind.data == "email":
            normalise_email(text)
        elif self.kind.data == "webhook":
            self._check_webhook(text)
        elif "://" not in text:
            raise ValidationError(gettext("An Apprise address begins with the service’s name and ://."))
        try:
            targets.check(self.kind.data or "", text, allow_internal=bool(self.allow_internal.data))
        except targets.TargetRefused as refusal:
            raise ValidationError(gettext(refusal.message, **refusal.values)) from None

    def _check_webhook(self, text: str) -> None:
        try:
            parts = urlsplit(text)
            is_right = parts.scheme in {"https", "http"} and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            is_right = False
        if not is_right:
            raise ValidationError(gettext("A webhook’s address begins with https:// and names a host."))


def _empty_form() -> ChannelForm:
    """A form that begins with a kind that works on this server."""
    return ChannelForm(formdata=None, kind="email" if current_app.config["SETTINGS"].smtp_url else "webhook")


def _page(form: ChannelForm, *, signing_key: str = "") -> str:
    return render_template(
        "notices/index.html",
        form=form,
        **_channels(),
        signing_key=signing_key,
        sends_mail=bool(current_app.config["SETTINGS"].smtp_url),
    )


def _channels() -> dict[str, Any]:
    return {"channels": service.channels(), "pending_tests": service.pending_tests(), "poll_seconds": POLL_SECONDS}


@bp.get("/notices/ways")
@needs_role(Role.ADMIN)
@fragment
def channels() -> ResponseReturnValue:
    """The table of channels, which polls itself while a test is under way."""
    return render_template("notices/_channels.html", **_channels())


@bp.get("/notices")
@needs_role(Role.ADMIN)
def index() -> ResponseReturnValue:
    """Who gets which notifications."""
    return _page(_empty_form())


@bp.post("/notices")
@needs_role(Role.ADMIN)
def make() -> ResponseReturnValue:
    """Add a channel; a webhook's key is shown once."""
    form = ChannelForm()
    if not form.validate_on_submit():
        return _page(form), 422
    _, signing_key = service.make(
        form.kind.data,
        form.description.data or "",
        form.target.data or "",
        errors_only=bool(form.errors_only.data),
        allow_internal=bool(form.allow_internal.data),
    )
    if signing_key:
        return _page(_empty_form(), signing_key=signing_key)
    flash(gettext("Saved. Press Test to check that it works."))
    return redirect(url_for("notices.index"), 303)


@bp.post("/notices/<public_id:channel_id>/test")
@needs_role(Role.ADMIN)
def test(channel_id: str) -> ResponseReturnValue:
    """Have a message sent; the table shows the result as soon as it is known."""
    channel = db.get_or_404(Channel, channel_id)
    wording = gettext("This is a test. You get a message here when a connection or a run needs attention.")
    service.test(channel, gettext("DataSync: a test"), wording, public_link("connections.index"))
    return redirect(url_for("notices.index"), 303)


@bp.post("/notices/<public_id:channel_id>")
@needs_role(Role.ADMIN)
def change(channel_id: str) -> ResponseReturnValue:
    """Choose whether to send recoveries, and whether the address may be internal."""
    service.change(
        db.get_or_404(Channel, channel_id),
        errors_only="errors_only" in request.form,
        allow_internal="allow_internal" in request.form,
    )
    flash(gettext("Saved."))
    return redirect(url_for("notices.index"), 303)


@bp.post("/notices/<public_id:channel_id>/remove")
@needs_role(Role.ADMIN)
def remove(channel_id: str) -> ResponseReturnValue:
    """Remove a channel."""
    service.remove(db.get_or_404(Channel, channel_id))
    flash(gettext("Removed."))
    return redirect(url_for("notices.index"), 303)
