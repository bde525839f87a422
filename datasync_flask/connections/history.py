"""Short texts that templates ask for: history lines, problem titles, what the last look saw."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext

from datasync_flask.connections.models import ConnectionEvent, State
from datasync_flask.languages import translated
from datasync_flask.problems.registry import trouble
from datasync_flask.salesforce.errors import Problem

STATE_WORDS = {
    State.DRAFT: "Draft",
    State.WAITING: "Waiting for propagation",
    State.READY: "Ready to authenticate",
    State.AUTHORIZING: "Authenticating",
    State.CONNECTED: "Connected",
    State.NEEDS_ATTENTION: "Needs attention",
}
STATE_TONES = {
    State.DRAFT: "idle",
    State.WAITING: "wait",
    State.READY: "ready",
    State.AUTHORIZING: "wait",
    State.CONNECTED: "good",
    State.NEEDS_ATTENTION: "bad",
}
EVENT_WORDS = {
    "created": "Created",
    "changed": "Changed",
    "check_asked": "Asked for a check",
    "saved_incomplete": "Saved as a draft; values are missing",
    "watch_started": "Began to watch until Salesforce knows the app",
    "looked": "Looked",
    "app_known": "Salesforce knows the app",
    "watch_failed": "Stopped watching",
    "authorize_started": "Left for Salesforce to allow access",
    "code_received": "Came back from Salesforce with permission",
    "exchange_deferred": "Salesforce's token service doesn't know the app yet; trying again",
    "exchange_retried": "Fetching the permission failed; trying again",
    "authorize_failed": "Access was not given",
    "authorize_failed_still_connected": "Access was not renewed; the earlier permission still works",
    "granted": "Salesforce gave access",
    "checked": "Connected and tested",
    "check_failed": "A check failed; trying again",
    "access_lost": "Access doesn't work any more",
    "disconnected": "Disconnected; tokens erased",
    "watch_failed_still_connected": "Stopped watching; the previous settings still work",
    "other_org_asked": "Access was given for another org; asked which one is meant",
    "other_org_asked_still_connected": "Access was given for another org; asked which one is meant",
    "org_replaced": "Belongs to another org now",
    "org_kept": "Kept its org",
    "went_back": "Went back to what worked before",
    "destination_works": "Found to work",
    "destination_fails": "Found not to work",
}
FIELD_WORDS = {
    "description": "description",
    "tracking_type": "tracking type",
    "login_host": "login host",
    "login_url": "login address",
    "auth_method": "authentication",
    "client_id": "Client ID",
    "client_secret": "Client Secret",
    "client_secret_use": "whether the app requires its secret",
    "permission_level": "permission level",
    "labels": "labels",
    "path": "file",
    "host": "host",
    "port": "port",
    "database": "database",
    "username": "username",
    "password": "password",
    "schema": "schema",
    "tls": "TLS",
    "tls_ca": "CA certificate",
}


def state_words(state: str) -> str:
    """Return a state as people call it."""
    return translated(STATE_WORDS[State(state)])


def state_tone(state: str) -> str:
    """Return the colour and shape of a state's pill, as the stylesheet calls it."""
    return STATE_TONES[State(state)]


def event_words(event: ConnectionEvent) -> str:
    """Return one line of history."""
    words = translated(EVENT_WORDS.get(event.event, event.event))
    if event.event == "changed":
        return f"{words}: {'; '.join(_change(name, value) for name, value in event.detail.items())}"
    if "was" in event.detail and "now" in event.detail:
        both = gettext("%(field)s from %(old)s to %(new)s", field="", old=event.detail["was"], new=event.detail["now"])
        return f"{words}: {both.strip()}"
    if event.problem:
        return f"{words}: {problem_title(Problem(event.problem))}"
    return words


def _change(name: str, value: Any) -> str:
    field = translated(FIELD_WORDS.get(name, name))
    if isinstance(value, list) and len(value) == 2:
        old, new = (str(part) or gettext("nothing") for part in value)
        return str(gettext("%(field)s from %(old)s to %(new)s", field=field, old=old, new=new))
    return field


def field_words(name: str) -> str:
    """Return how a setting is called."""
    return translated(FIELD_WORDS.get(name, name))


def problem_title(problem: Problem) -> str:
    """Return the few words that fit a list."""
    return trouble(problem).title


def waiting_words(problem: Problem) -> str:
    """Return what the last look saw, while it may still be propagation."""
    if problem is Problem.CLIENT_UNKNOWN:
        return str(gettext("Salesforce doesn't know this Client ID yet."))
    if problem is Problem.CALLBACK_MISMATCH:
        return str(gettext("Salesforce knows the app, but not yet this Callback URL."))
    return f"{problem_title(problem)}."
