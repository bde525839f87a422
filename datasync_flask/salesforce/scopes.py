"""Permission levels: which OAuth scopes to request, with the labels that Salesforce shows for them.

Source: Salesforce help "OAuth Tokens and Scopes".
"""

from __future__ import annotations

from dataclasses import dataclass

API = "Manage user data via APIs (api)"
REFRESH = "Perform requests at any time (refresh_token, offline_access)"
IDENTITY = "Access the identity URL service (id, profile, email, address, phone)"
FULL = "Full access (full)"


@dataclass(frozen=True)
class PermissionLevel:
    """A choice in the form: `scope` is the OAuth parameter, `labels` are what to select in Salesforce."""

    key: str
    title: str
    scope: str
    labels: tuple[str, ...]


PERMISSION_LEVELS = (
    PermissionLevel("api", "Read through the API, at any time", "api refresh_token", (API, REFRESH)),
    PermissionLevel(
        "api_identity",
        "Read through the API, at any time, and know who allowed it",
        "api refresh_token id",
        (API, REFRESH, IDENTITY),
    ),
    PermissionLevel("full", "Full access, at any time", "full refresh_token", (FULL, REFRESH)),
)
BY_KEY = {level.key: level for level in PERMISSION_LEVELS}
DEFAULT = PERMISSION_LEVELS[0].key


def missing_api_scope(granted: tuple[str, ...]) -> bool:
    """True when a token answer lists its scopes and none of them opens the REST API."""
    return bool(granted) and not {"api", "full", "web"} & set(granted)
