"""Who did what, when, from where: declared events with exact fields, old and new values, never a secret."""

from __future__ import annotations

import enum
from typing import Any, Self

from flask import g, has_request_context, request
from flask_login import current_user

from datasync_flask.audit.models import AuditEvent
from datasync_flask.clock import utcnow
from datasync_flask.extensions import db


class Event(enum.StrEnum):
    """All events with their texts and the exact fields of their details."""

    text: str
    fields: tuple[str, ...]

    def __new__(cls, code: str, text: str = "", fields: tuple[str, ...] = ()) -> Self:
        """Create a member whose value is the stored text."""
        member = str.__new__(cls, code)
        member._value_, member.text, member.fields = code, text, fields
        return member

    SIGNED_IN = "signed_in", "Signed in", ("way",)
    SIGN_IN_FAILED = "sign_in_failed", "Failed to sign in"
    SIGNED_OUT = "signed_out", "Signed out"
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere", "Signed out everywhere"
    PASSWORD_CHANGED = "password_changed", "Changed the password"
    PERSON_MADE = "person_made", "Created an account", ("role",)
    PERSON_INVITED = "person_invited", "Invited", ("role",)
    PERSON_JOINED = "person_joined", "Accepted an invitation", ("role",)
    INVITATION_WITHDRAWN = "invitation_withdrawn", "Revoked an invitation"
    ROLE_CHANGED = "role_changed", "Changed the role", ("before", "after")
    PERSON_REMOVED = "person_removed", "Removed an account", ("role",)
    RESET_LINK_MADE = "reset_link_made", "Created a password reset link"
    PASSWORD_RESET = "password_reset", "Chose a new password through a link"
    SIGN_ON_LINKED = "sign_on_linked", "Linked single sign-on", ("issuer",)
    SIGN_ON_UNLINKED = "sign_on_unlinked", "Unlinked single sign-on", ("issuer",)
    TOKEN_MADE = "token_made", "Created an API token", ("name",)
    TOKEN_WITHDRAWN = "token_withdrawn", "Revoked an API token", ("name",)
    CONNECTION_CREATED = "connection_created", "Created a connection", ("kind",)
    CONNECTION_CHANGED = "connection_changed", "Changed a connection", ("changes",)
    CONNECTION_DELETED = "connection_deleted", "Deleted a connection", ("kind",)
    CONNECTION_CHECK_ASKED = "connection_check_asked", "Asked for a check"
    CONNECTION_PROPAGATION_RESTARTED = "connection_watch_started", "Restarted the wait for propagation"
    CONNECTION_AUTHORIZE_STARTED = "connection_authorize_started", "Went to Salesforce to allow access"
    CONNECTION_CODE_RECEIVED = "connection_code_received", "Returned from Salesforce with access"
    CONNECTION_ORG_REPLACED = "connection_org_replaced", "Let a connection belong to another org", ("was", "now")
    CONNECTION_ORG_KEPT = "connection_org_kept", "Kept the org of a connection", ("was", "now")
    CONNECTION_WENT_BACK = "connection_went_back", "Went back to the settings from before"
    CONNECTION_DISCONNECTED = "connection_disconnected", "Disconnected"
    CONNECTION_SAVED_INCOMPLETE = "connection_saved_incomplete", "Saved a draft"
    EXTRACTION_CREATED = "extraction_created", "Created an extraction", ("objects",)
    EXTRACTION_CHANGED = "extraction_changed", "Changed an extraction", ("changes",)
    EXTRACTION_DELETED = "extraction_deleted", "Deleted an extraction"
    RUN_STARTED = "run_started", "Started a run", ("run",)
    RUN_CANCELLED = "run_cancelled", "Cancelled a run", ("run",)
    HAND_OFF_MADE = "hand_off_made", "Created a hand-off link", ("until",)
    HAND_OFF_OPENED = "hand_off_opened", "Opened a hand-off link"
    HAND_OFF_USED = "hand_off_used", "Entered the app’s values through a hand-off link", ("changes",)
    HAND_OFF_WITHDRAWN = "hand_off_withdrawn", "Revoked a hand-off link"
    CHANNEL_MADE = "channel_made", "Added a notification", ("kind", "errors_only", "allow_internal")
    CHANNEL_CHANGED = "channel_changed", "Changed a notification", ("kind", "errors_only", "allow_internal")
    CHANNEL_REMOVED = "channel_removed", "Removed a notification", ("kind",)
    CERTIFICATE_MADE = "certificate_made", "Created a new certificate for signed tokens", ("fingerprint",)
    HASHING_KEY_MADE = "hashing_key_made", "Created a new key for hashed fields"
    KEYS_ROTATED = "keys_rotated", "Had all secrets encrypted with the first key", ("secrets",)


EVENTS = {event.value: (event.text, event.fields) for event in Event}
COMMAND_LINE = "command line"


def record(
    event: Event | str,
    subject: tuple[str, str | int, str] = ("", "", ""),
    *,
    who: str = "",
    by: int | None = None,
    **detail: Any,
) -> None:
    """Record an event; the caller commits. Raises ValueError if the event or one of its fields isn't declared.

    `subject` is what it is about: kind, id and name. The person of this request did it, unless `who` says otherwise.
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
