"""Details of the audit log in words: what they are called, and values as the other pages show them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from flask_babel import gettext
from markupsafe import Markup

from datasync_flask.audit.models import AuditEvent
from datasync_flask.connections import history
from datasync_flask.connections.kinds import KINDS
from datasync_flask.languages import translated
from datasync_flask.notices.texts import CHANNELS, ROLES
from datasync_flask.salesforce_connections import hand_off
from datasync_flask.templating import time_tag

# Translated where they are shown.
SUBJECTS = {"connection": "Connection", "extraction": "Extraction", "channel": "Notification", "person": "Person"}
DETAILS = {
    "way": "Signed in with",
    "role": "Role",
    "before": "Before",
    "after": "After",
    "was": "Before",
    "now": "After",
    "issuer": "Provider",
    "name": "Name",
    "kind": "Kind",
    "objects": "Objects",
    "run": "Run",
    "until": "Expires",
    "errors_only": "Only problems",
    "allow_internal": "Internal address allowed",
    "fingerprint": "Fingerprint",
    "secrets": "Secrets",
}
FIELDS = {
    "source_id": "source",
    "destination_id": "destination",
    "dataset": "schema, prefix or folder",
    "combines_orgs": "orgs combined",
    "schedule": "schedule",
    "timezone": "time zone",
    "is_paused": "paused",
    "quota_ceiling": "pause at this share of API calls",
    "reread_days": "days until everything is reloaded",
    "formula_rhythm": "refresh of formula fields",
    "objects": "objects",
    "tracking_type": "tracking type",
    "filter": "filter",
    "keeps_history": "keep history",
    "marks_deleted": "mark deleted rows",
    "cursor_field": "detect changes by",
    "fields": "fields",
    "left_out": "fields left out",
    "hashed": "fields hashed",
}
VALUES = {
    "password": "password",
    "single sign-on": "single sign-on",
    "link": "link",
    "set-up link": "set-up link",
    "load everything again": "load everything again",
}


def subject_label(kind: str) -> str:
    """What an event is about, in a word."""
    return translated(SUBJECTS.get(kind, kind))


def actor(who: str) -> str:
    """Who did it. Whoever holds a hand-off link has no account, only somebody who made the link."""
    maker = who.removeprefix(hand_off.ACTOR)
    return gettext("hand-off link made by %(name)s", name=maker) if maker != who else who


def details(event: AuditEvent) -> list[str]:
    """A line for each detail of an event."""
    lines: list[str] = []
    for name, value in event.detail.items():
        if name == "changes" and isinstance(value, Mapping):
            lines += [_change(field, each) for field, each in value.items()]
        else:
            lines.append(Markup("{}: {}").format(translated(DETAILS.get(name, name)), _shown(name, value)))
    return lines


def _change(field: str, value: Any) -> str:
    """What became of a setting: “Tracking type: Date → Date and deletes”."""
    label = _label(field)
    if not isinstance(value, list) or len(value) != 2:
        return label
    before, after = value
    if isinstance(before, Mapping) or isinstance(after, Mapping):
        return _differences(label, before or {}, after or {})
    return Markup("{}: {} → {}").format(label, _shown(field, before), _shown(field, after))


def _label(field: str) -> str:
    """What a setting is called at the beginning of a line; of an object that was changed, its name."""
    if field.startswith("object "):
        return field.removeprefix("object ")
    label = translated(FIELDS[field]) if field in FIELDS else history.setting_label(field)
    return label[:1].upper() + label[1:]


def _differences(label: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """The settings of an object that differ, each as before and after."""
    names = dict.fromkeys([*before, *after])
    changed = {name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)}
    if not changed:
        return label
    return Markup("{}: {}").format(label, Markup("; ").join(_change(name, each) for name, each in changed.items()))


def _shown(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if value is None or value in ("", [], {}):
        return "–"
    if isinstance(value, list):
        return Markup(", ").join(_shown("", each) for each in value)
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False, default=str)
    if not isinstance(value, str):
        return str(value)
    return _text(name, value)


def _text(name: str, value: str) -> str:
    if name == "until":
        with suppress(ValueError):
            return time_tag(datetime.fromisoformat(value), "at")
    if name == "kind" and value in KINDS:
        return translated(str(KINDS[value].title))
    known = {"role": ROLES, "before": ROLES, "after": ROLES, "kind": CHANNELS}.get(name, VALUES)
    return translated(known[value]) if value in known else history.setting_value(name, value)
