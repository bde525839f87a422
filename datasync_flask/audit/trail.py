"""Who did what, when, from where: declared events with exact fields, old and new values, never a secret."""

from __future__ import annotations

from typing import Any

from flask import g, has_request_context, request
from flask_login import current_user

from datasync_flask.audit.models import AuditEvent
from datasync_flask.clock import utcnow
from datasync_flask.extensions import db

# Every event there is, in words, with the fields that its detail has, no more and no fewer.
EVENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "signed_in": ("Signed in", ("way",)),
    "sign_in_failed": ("Failed to sign in", ()),
    "signed_out": ("Signed out", ()),
    "signed_out_everywhere": ("Signed out everywhere", ()),
    "password_changed": ("Changed the password", ()),
    "person_made": ("Made an account", ("role",)),
    "person_invited": ("Invited", ("role",)),
    "person_joined": ("Accepted an invitation", ("role",)),
    "invitation_withdrawn": ("Withdrew an invitation", ()),
    "role_changed": ("Changed the role", ("before", "after")),
    "person_removed": ("Removed an account", ("role",)),
    "reset_link_made": ("Made a link to choose a new password", ()),
    "password_reset": ("Chose a new password through a link", ()),
    "sign_on_linked": ("Linked single sign-on", ("issuer",)),
    "sign_on_unlinked": ("Unlinked single sign-on", ("issuer",)),
    "token_made": ("Made an API token", ("name",)),
    "token_withdrawn": ("Withdrew an API token", ("name",)),
    "connection_created": ("Made a connection", ("kind",)),
    "connection_changed": ("Changed a connection", ("changes",)),
    "connection_deleted": ("Deleted a connection", ("kind",)),
    "connection_check_asked": ("Asked for a check", ()),
    "connection_watch_started": ("Had Salesforce watched", ()),
    "connection_authorize_started": ("Left for Salesforce to allow access", ()),
    "connection_code_received": ("Came back from Salesforce with permission", ()),
    "connection_org_replaced": ("Let a connection belong to another org", ("was", "now")),
    "connection_org_kept": ("Kept the org of a connection", ("was", "now")),
    "connection_went_back": ("Went back to the settings from before", ()),
    "connection_disconnected": ("Disconnected", ()),
    "connection_saved_incomplete": ("Saved a draft", ()),
    "extraction_created": ("Made an extraction", ("objects",)),
    "extraction_changed": ("Changed an extraction", ("changes",)),
    "extraction_deleted": ("Deleted an extraction", ()),
    "run_started": ("Started a run", ("run",)),
    "run_cancelled": ("Cancelled a run", ("run",)),
    "hand_off_made": ("Made a hand-off link", ("until",)),
    "hand_off_opened": ("Opened a hand-off link", ()),
    "hand_off_used": ("Entered the app's values through a hand-off link", ("changes",)),
    "hand_off_withdrawn": ("Withdrew a hand-off link", ()),
    "channel_made": ("Made a way for notices", ("kind", "errors_only", "allow_internal")),
    "channel_changed": ("Changed a way for notices", ("kind", "errors_only", "allow_internal")),
    "channel_removed": ("Removed a way for notices", ("kind",)),
    "certificate_made": ("Made a new certificate for signed tokens", ("fingerprint",)),
    "keys_rotated": ("Had all secrets encrypted with the first key", ("secrets",)),
}
COMMAND_LINE = "command line"


def record(
    event: str,
    subject: tuple[str, str | int, str] = ("", "", ""),
    *,
    who: str = "",
    by: int | None = None,
    **detail: Any,
) -> None:
    """Write down an event; the caller commits. Raises ValueError when the event, or one of its fields, isn't declared.

    `subject` is what it was done to: its kind, its id, and what it is called. Who did it is the person of this request,
    unless `who` says otherwise.
    """
    if event not in EVENTS or set(detail) != set(EVENTS[event][1]):
        raise ValueError(f"the event {event} is not declared with the fields {sorted(detail)}")
    user_id, address = by, ""
    if has_request_context():
        address = (request.remote_addr or "")[:45]
        who = who or g.get("acting_as", "")
        if not who and current_user.is_authenticated:
            user_id, who = current_user.id, current_user.email
    db.session.add(
        AuditEvent(
            at=utcnow(), user_id=user_id, who=(who or COMMAND_LINE)[:254], address=address, event=event,
            subject_kind=subject[0], subject_id=str(subject[1])[:40], subject_name=subject[2][:254], detail=detail,
        )
    )  # fmt: skip
