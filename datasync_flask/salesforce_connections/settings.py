"""The settings of a Salesforce connection: form, history, API, files and "saved now" derive from this declaration."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString
from wtforms.validators import Length

from datasync_flask.connections import labels
from datasync_flask.connections.settings import Setting
from datasync_flask.forms import strip
from datasync_flask.languages import translated
from datasync_flask.salesforce import scopes
from datasync_flask.salesforce_connections.models import (
    AuthMethod,
    LoginHost,
    SalesforceConnection,
    SecretUse,
    TrackingType,
)

TRACKING_TYPES = {
    TrackingType.NONE: (_l("None"), _l("Loads everything each time.")),
    TrackingType.DATE: (
        _l("Date"),
        _l("Loads what changed since the last run. Objects without a change date are loaded completely."),
    ),
    TrackingType.DATE_DELETES: (
        _l("Date and deletes"),
        _l("Loads what changed since the last run, and removes what was deleted in Salesforce."),
    ),
}
AUTH_METHODS = {
    AuthMethod.AUTHORIZATION_CODE: (
        _l("Sign in to Salesforce (recommended)"),
        _l("Once, on Salesforce’s Allow Access page. This is the usual way."),
    ),
    AuthMethod.CLIENT_CREDENTIALS: (
        _l("Client credentials (no sign-in)"),
        _l("The app works as a run-as user that you name in Salesforce. Only with My Domain."),
    ),
    AuthMethod.JWT_BEARER: (
        _l("Signed token (JWT)"),
        _l(
            "No sign-in and no secret: DataSync signs with its own certificate. You upload it to the app in Salesforce."
        ),
    ),
}
_LOGIN_HOSTS = {
    LoginHost.PRODUCTION: (_l("Production"), "login.salesforce.com"),
    LoginHost.SANDBOX: (_l("Sandbox"), "test.salesforce.com"),
    LoginHost.CUSTOM: (_l("My Domain"), _l("the org’s own address")),
}
_PLAIN = {"autocomplete": "off", "spellcheck": "false"}


def setting(label: Any, in_history: str, default: Any, **options: Any) -> Any:
    """Declare a setting with its default."""
    values = tuple(map(str, type(default))) if isinstance(default, enum.StrEnum) else ()
    declared = Setting(label, in_history, default=default, values=values, **options)
    return dataclasses.field(default=default, metadata={"setting": declared})


def _missing(value: str) -> str:
    return value or gettext("missing")


@dataclasses.dataclass
class SalesforceSettings:
    """The checked and normalised settings of a form. An empty secret means that the stored one stays."""

    description: str
    login_host: LoginHost = setting(
        _l("Login host"), "login host", LoginHost.PRODUCTION, restarts=True, is_other_app=True,
        choices={key: LazyString("{} ({})".format, *texts) for key, texts in _LOGIN_HOSTS.items()},
        shown=lambda connection: connection.login_origin,
    )  # fmt: skip
    login_url: str = setting(
        _l("Login address"), "login address", "", restarts=True, is_other_app=True,
        filters=(strip,), show_when="login_host=custom", shown=lambda _: "",
        hint=_l("Paste any address you see while you are in Salesforce, like acme.my.salesforce.com."),
        attributes=_PLAIN | {"inputmode": "url", "maxlength": "2000"},
    )  # fmt: skip
    auth_method: AuthMethod = setting(
        _l("Authentication"), "authentication", AuthMethod.AUTHORIZATION_CODE, restarts=True, shown=lambda _: "",
        choices={key: title for key, (title, _) in AUTH_METHODS.items()},
        meanings={key: meaning for key, (_, meaning) in AUTH_METHODS.items()}, is_spread=True,
    )  # fmt: skip
    client_id: str = setting(
        _l("Client ID"), "Client ID", "", restarts=True, is_other_app=True,
        hint=_l("Salesforce calls this the Consumer Key. You can save without it and add it later."),
        attributes=_PLAIN | {"maxlength": "512"}, shown=lambda connection: _missing(connection.client_id),
    )  # fmt: skip
    username: str = setting(
        _l("Username"), "username", "", restarts=True, filters=(strip,), show_when="auth_method=jwt_bearer",
        hint=_l("The Salesforce user in whose name data is read, ideally one who may only read."),
        validators=(Length(max=255, message=_l("Use at most 255 characters.")),),
        attributes=_PLAIN | {"maxlength": "255"},
        shown=lambda connection: _missing(connection.username) if connection.signs else "",
    )  # fmt: skip
    client_secret: str = setting(
        _l("Client Secret"), "Client Secret", "", restarts=True, is_secret=True,
        show_when="auth_method=authorization_code,client_credentials", attributes={"maxlength": "512"},
    )  # fmt: skip
    client_secret_use: SecretUse = setting(
        _l("Require secret"), "whether the app requires its secret", SecretUse.REQUIRED, restarts=True,
        choices={
            SecretUse.REQUIRED: _l("The app requires its secret"),
            SecretUse.NONE: _l("The app works without a secret (PKCE only)"),
        },
        hint=_l("As the app’s setting Require secret for Web Server Flow in Salesforce says."),
        show_when="auth_method=authorization_code", shown=lambda _: "",
    )  # fmt: skip
    permission_level: str = setting(
        _l("Permission level"), "permission level", scopes.DEFAULT,
        choices={level.key: _l(level.title) for level in scopes.PERMISSION_LEVELS},
        hint=_l(
            "What DataSync asks for. Salesforce has no read-only scope: what the user may not do, DataSync "
            "can’t do either, so a user who may only read is the safest choice."
        ),
        shown=lambda connection: translated(scopes.BY_KEY[connection.permission_level].title),
    )  # fmt: skip
    tracking_type: TrackingType = setting(
        _l("Tracking type"), "tracking type", TrackingType.DATE,
        choices={key: title for key, (title, _) in TRACKING_TYPES.items()},
        meanings={key: meaning for key, (_, meaning) in TRACKING_TYPES.items()},
        hint=_l(
            "None loads everything each time. Date loads what changed since the last run; objects without a change "
            "date are loaded completely. Date and deletes also removes what was deleted in Salesforce."
        ),
    )  # fmt: skip
    labels: list[str] = dataclasses.field(default_factory=list)

    @classmethod
    def declared(cls) -> dict[str, Setting]:
        """The settings by name, without description and labels, which connections of all kinds have."""
        return {each.name: each.metadata["setting"] for each in dataclasses.fields(cls) if "setting" in each.metadata}

    @classmethod
    def stored(cls) -> dict[str, Setting]:
        """The settings that are stored unencrypted: all but secrets."""
        return {name: each for name, each in cls.declared().items() if not each.is_secret}

    @classmethod
    def of(cls, connection: SalesforceConnection) -> SalesforceSettings:
        """The stored settings of a connection, without its secret."""
        names = [label.name for label in connection.labels]
        stored = {name: getattr(connection, name) for name in cls.stored()}
        return cls(connection.description, labels=names).with_values(stored)

    def with_values(self, values: Mapping[str, str]) -> SalesforceSettings:
        """A copy with other values; texts from outside are converted to the declared types."""
        declared = self.declared()
        typed: dict[str, Any] = {
            name: type(declared[name].default)(value) if name in declared else value for name, value in values.items()
        }
        return dataclasses.replace(self, **typed)

    def definition(self) -> dict[str, Any]:
        """The settings for the API and files, without description, labels and secrets."""
        return {name: str(getattr(self, name)) for name in self.stored()}


def saved_now(connection: SalesforceConnection) -> Mapping[str, str]:
    """The stored settings by their labels in the form, for a person whose edit came too late."""
    found = {gettext("Description"): connection.description}
    for name, each in SalesforceSettings.stored().items():
        if text := each.text_of(connection, name):
            found[str(each.label)] = text
    return found | {gettext("Labels"): labels.joined(connection.labels)}
