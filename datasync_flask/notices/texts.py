"""Texts on administrators' pages: roles and channels."""

from __future__ import annotations

from datasync_flask.languages import translated

ROLES = {"viewer": "viewer", "editor": "editor", "admin": "administrator"}
CHANNELS = {"email": "E-mail", "webhook": "Webhook", "service": "Service"}


def role_label(role: str) -> str:
    """The name of a role."""
    return translated(ROLES[str(role)])


def channel_label(kind: str) -> str:
    """A channel's name."""
    return translated(CHANNELS[kind])
