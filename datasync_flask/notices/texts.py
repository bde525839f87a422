"""Texts on administrators' pages: roles, channels and what kept a message from being sent."""

from __future__ import annotations

from flask_babel import gettext

from datasync_flask.languages import translated
from datasync_flask.notices import failures

ROLES = {"viewer": "viewer", "editor": "editor", "admin": "administrator"}
CHANNELS = {"email": "Email", "webhook": "Webhook", "service": "Service"}


def role_label(role: str) -> str:
    """The name of a role."""
    return translated(ROLES[str(role)])


def channel_label(kind: str) -> str:
    """A channel's name."""
    return translated(CHANNELS[kind])


def failure(text: str) -> str:
    """Why a message wasn't delivered, from the text that was stored."""
    message, values = failures.parts_of(text)
    return gettext(message, **values)
