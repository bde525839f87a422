"""Texts on administrators' pages: roles, channels, values in the audit log."""

from __future__ import annotations

import json
from typing import Any

from datasync_flask.languages import translated

ROLES = {"viewer": "viewer", "editor": "editor", "admin": "administrator"}
CHANNELS = {"email": "E-mail", "webhook": "Webhook", "service": "Service"}


def role_label(role: str) -> str:
    """The name of a role."""
    return translated(ROLES[str(role)])


def channel_label(kind: str) -> str:
    """A channel's name."""
    return translated(CHANNELS[kind])


def audit_text(value: Any) -> str:
    """A value of the audit log for people; changes as “before → after”."""
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_change(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return _plain(value)


def _change(value: Any) -> str:
    if isinstance(value, list) and len(value) == 2 and not isinstance(value[0], dict):
        return f"{_plain(value[0])} → {_plain(value[1])}"
    return audit_text(value)


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value or "–"
    return json.dumps(value, ensure_ascii=False, default=str)
