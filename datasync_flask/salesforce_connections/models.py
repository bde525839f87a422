"""Tables for Salesforce connections: settings, tokens, authorization attempts, hand-off links."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from datasync_flask.clock import UtcDateTime, utcnow
from datasync_flask.connections.models import Connection, State, new_public_id
from datasync_flask.extensions import Model
from datasync_flask.salesforce import hosts, scopes
from datasync_flask.salesforce.errors import Problem

# The settings for getting and refreshing tokens, besides the secret.
APP_SETTINGS = (
    "login_host", "login_url", "auth_method", "client_id", "client_secret_use", "username", "certificate_id",
)  # fmt: skip


class TrackingType(enum.StrEnum):
    """How changes are found when extracting."""

    NONE = "none"
    DATE = "date"
    DATE_DELETES = "date_deletes"


class LoginHost(enum.StrEnum):
    """Where the people of an org log in."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    CUSTOM = "custom"


class AuthMethod(enum.StrEnum):
    """How DataSync gets a token: with a person who allows access, or without."""

    AUTHORIZATION_CODE = "authorization_code"
    CLIENT_CREDENTIALS = "client_credentials"
    JWT_BEARER = "jwt_bearer"


class SecretUse(enum.StrEnum):
    """Whether the app in Salesforce requires its secret (its setting "Require secret for Web Server Flow")."""

    REQUIRED = "required"
    NONE = "none"


def login_origin_of(login_host: str, login_url: str) -> str:
    """The address above the authorize and token endpoints: an origin, with a path for Experience Cloud."""
    known = {LoginHost.PRODUCTION: hosts.PRODUCTION, LoginHost.SANDBOX: hosts.SANDBOX}
    return known.get(LoginHost(login_host), login_url)


def same_org(one: str, other: str) -> bool:
    """True when two ids name the same org, or one is unknown: 18 characters are 15 and a checksum of their case (SOAP
    API Developer Guide "ID Field Type").
    """
    return not one or not other or one[:15] == other[:15]


class SalesforceConnection(Connection):
    """A Salesforce org as a source."""

    __tablename__ = "salesforce_connections"
    __mapper_args__ = {"polymorphic_identity": "salesforce"}

    id: Mapped[str] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True)
    tracking_type: Mapped[TrackingType] = mapped_column(String(16), default=TrackingType.DATE)
    login_host: Mapped[LoginHost] = mapped_column(String(16), default=LoginHost.PRODUCTION)
    login_url: Mapped[str] = mapped_column(String(300), default="")
    auth_method: Mapped[AuthMethod] = mapped_column(String(32), default=AuthMethod.AUTHORIZATION_CODE)
    client_id: Mapped[str] = mapped_column(String(512), default="")
    client_secret_sealed: Mapped[str] = mapped_column(Text, default="")
    client_secret_use: Mapped[SecretUse] = mapped_column(String(16), default=SecretUse.REQUIRED)
    # Since when Salesforce has known this Client ID at this login address; None while it hasn't yet.
    app_known_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    # The user of signed tokens.
    username: Mapped[str] = mapped_column(String(255), default="")
    permission_level: Mapped[str] = mapped_column(String(32), default=scopes.DEFAULT)
    # The Callback URL that the app in Salesforce needs, as of the start of propagation.
    callback_url: Mapped[str] = mapped_column(String(300), default="")
    # The certificate that the app needs, chosen when propagation started; only for signed tokens.
    certificate_id: Mapped[int | None] = mapped_column(ForeignKey("signing_certificates.id"), default=None)

    # The org the connection belongs to, until somebody chooses another one; survives tokens and settings.
    org_id: Mapped[str] = mapped_column(String(18), default="")
    org_name: Mapped[str] = mapped_column(String(255), default="")

    # One propagation: from a change of the credentials until Salesforce knows the app. Columns keep their old
    # names, because the version before also uses them during a rolling upgrade.
    propagation_number: Mapped[int] = mapped_column("watch", default=0)
    propagation_started_at: Mapped[datetime | None] = mapped_column("watch_started_at", UtcDateTime, default=None)
    probes: Mapped[int] = mapped_column("looks", default=0)
    probe_requests: Mapped[int] = mapped_column(default=0)
    last_probe_at: Mapped[datetime | None] = mapped_column("last_look_at", UtcDateTime, default=None)
    next_probe_at: Mapped[datetime | None] = mapped_column("next_look_at", UtcDateTime, default=None)
    # How many consecutive probes found the same problem; some problems count only after several.
    agreeing_probes: Mapped[int] = mapped_column("agreeing_looks", default=0)

    grant: Mapped[SalesforceGrant | None] = relationship(
        back_populates="connection", cascade="all, delete-orphan", uselist=False
    )
    trial: Mapped[TrialGrant | None] = relationship(
        back_populates="connection", cascade="all, delete-orphan", uselist=False
    )
    certificate: Mapped[SigningCertificate | None] = relationship()
    visibility: Mapped[list[ObjectVisibility]] = relationship(
        cascade="all, delete-orphan", order_by="ObjectVisibility.name"
    )
    attempts: Mapped[list[AuthorizationAttempt]] = relationship(
        back_populates="connection", cascade="all, delete-orphan"
    )

    @property
    def address(self) -> str:
        """A short text about where the data is."""
        return self.grant.host if self.grant else self.login_origin.split("://")[-1]

    @property
    def last_activity(self) -> datetime:
        """When the other side last answered."""
        if self.state == State.CONNECTED and self.grant is not None:
            return self.grant.checked_at or self.state_since
        return self.last_probe_at or self.state_since

    @property
    def login_origin(self) -> str:
        """The address above the authorize and token endpoints."""
        return login_origin_of(self.login_host, self.login_url)

    @property
    def is_headless(self) -> bool:
        """True when no person has to allow access."""
        return self.auth_method != AuthMethod.AUTHORIZATION_CODE

    @property
    def works(self) -> bool:
        """True when there are tokens that worked at their last use, whatever settings they were obtained with."""
        return self.grant is not None and self.grant.works

    @property
    def asks_which_org(self) -> bool:
        """True when a person has to decide whether the connection belongs to another org from now on."""
        return self.trial is not None and self.trial.asked_at is not None

    @property
    def signs(self) -> bool:
        """True when token requests use a certificate instead of a secret."""
        return self.auth_method == AuthMethod.JWT_BEARER

    @property
    def needs_secret(self) -> bool:
        """True when the app has a secret that Salesforce requires; otherwise a signature or PKCE is the proof."""
        works_without = self.auth_method == AuthMethod.AUTHORIZATION_CODE and self.client_secret_use == SecretUse.NONE
        return not self.signs and not works_without

    @property
    def is_complete(self) -> bool:
        """True when all values that Salesforce requires are there."""
        has_proof = self.client_secret_sealed or not self.needs_secret
        return bool(self.client_id and has_proof and self.login_origin and (self.username or not self.signs))

    @property
    def current_problem(self) -> Problem | None:
        """The problem, or the result of the last probe."""
        return Problem(self.problem) if self.problem else None

    @property
    def reason(self) -> str:
        """The stable code of :attr:`current_problem`, or ''."""
        return self.current_problem.reason.value if self.current_problem else ""


class SigningCertificate(Model):
    """A certificate for the apps in Salesforce, and its private key, which stays here."""

    __tablename__ = "signing_certificates"

    # Set explicitly: if two processes create the next one at once, one of them fails and uses the other's.
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    pem: Mapped[str] = mapped_column(Text)
    private_key_sealed: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class _Tokens:
    """Tokens and their app, so that they can be refreshed even after the connection's settings have changed."""

    access_token_sealed: Mapped[str] = mapped_column(Text)
    refresh_token_sealed: Mapped[str] = mapped_column(Text, default="")
    instance_url: Mapped[str] = mapped_column(String(300))
    identity_url: Mapped[str] = mapped_column(String(300), default="")
    scopes: Mapped[str] = mapped_column(String(1000), default="")
    # The connection's settings by name, see APP_SETTINGS.
    app_settings: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    app_secret_sealed: Mapped[str] = mapped_column(Text, default="")
    org_id: Mapped[str] = mapped_column(String(18), default="")
    org_name: Mapped[str] = mapped_column(String(255), default="")
    is_sandbox: Mapped[bool] = mapped_column(default=False)
    username: Mapped[str] = mapped_column(String(255), default="")
    failed_checks: Mapped[int] = mapped_column(default=0)

    @property
    def host(self) -> str:
        """The instance's host, as in the address bar."""
        return self.instance_url.split("://")[-1]

    @property
    def org_title(self) -> str:
        """The org's name, or its id if Salesforce didn't give the name."""
        return self.org_name or self.org_id


class SalesforceGrant(_Tokens, Model):
    """The current tokens of a connection, and the org and user that they belong to."""

    __tablename__ = "salesforce_grants"

    connection_id: Mapped[str] = mapped_column(
        ForeignKey("salesforce_connections.id", ondelete="CASCADE"), primary_key=True
    )
    # Counts the grants; an answer for an older one is discarded.
    generation: Mapped[int] = mapped_column(default=1)
    # False from the first check that failed permanently until one succeeds.
    works: Mapped[bool] = mapped_column(default=False)
    granted_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    refreshed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    # The lease of the current refresh, and when it expires: one refresh at a time, on all machines.
    refresh_lease: Mapped[str] = mapped_column("refresh_claim", String(32), default="")
    refresh_leased_until: Mapped[datetime | None] = mapped_column("refresh_claimed_until", UtcDateTime, default=None)

    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    api_version: Mapped[str] = mapped_column(String(8), default="")
    user_id: Mapped[str] = mapped_column(String(18), default="")
    display_name: Mapped[str] = mapped_column(String(255), default="")
    org_type: Mapped[str] = mapped_column(String(255), default="")
    instance_name: Mapped[str] = mapped_column(String(255), default="")
    api_calls_max: Mapped[int | None] = mapped_column(default=None)
    api_calls_left: Mapped[int | None] = mapped_column(default=None)

    connection: Mapped[SalesforceConnection] = relationship(back_populates="grant")

    @property
    def user_title(self) -> str:
        """The user of the tokens, as far as Salesforce says."""
        return self.username or self.display_name or self.user_id


class ObjectVisibility(Model):
    """What the user of a connection sees of one object that extractions read, as the last check found it."""

    __tablename__ = "object_visibility"

    connection_id: Mapped[str] = mapped_column(
        ForeignKey("salesforce_connections.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    is_visible: Mapped[bool] = mapped_column(default=True)
    # Fields of the object that the user can't see. None: Salesforce doesn't say.
    hidden: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True), default=None)
    # Fields that extractions chose or loaded before, and that the description doesn't list.
    missing: Mapped[list[str]] = mapped_column(JSON, default=list)


class TrialGrant(_Tokens, Model):
    """Tokens kept apart until a call proves them or, if they open another org, until a person decides."""

    __tablename__ = "trial_grants"

    connection_id: Mapped[str] = mapped_column(
        ForeignKey("salesforce_connections.id", ondelete="CASCADE"), primary_key=True
    )
    # Distinguishes this trial from earlier ones, in answers and in old forms.
    number: Mapped[str] = mapped_column(String(16), default=new_public_id)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    # Since when DataSync has been asking whether to use this other org.
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None, index=True)

    connection: Mapped[SalesforceConnection] = relationship(back_populates="trial")


class AuthorizationAttempt(Model):
    """One trip to Salesforce's Allow Access page and back. The row exists before the person leaves for Salesforce."""

    __tablename__ = "authorization_attempts"

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    connection_id: Mapped[str] = mapped_column(ForeignKey("salesforce_connections.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    # The value of a cookie that identifies the browser and survives a sign-out.
    browser_hash: Mapped[str] = mapped_column(String(64))
    propagation_number: Mapped[int] = mapped_column("watch")
    redirect_uri: Mapped[str] = mapped_column(String(300))
    code_verifier_sealed: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    # The authorization code, from the callback until the exchange is done.
    code_sealed: Mapped[str] = mapped_column(Text, default="")
    connection: Mapped[SalesforceConnection] = relationship(back_populates="attempts")


class Revocation(Model):
    """An unwanted token that has to be revoked at Salesforce; survives its connection."""

    __tablename__ = "revocations"

    id: Mapped[int] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(String(300))
    token_sealed: Mapped[str] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)


class HandOffLink(Model):
    """A link for somebody without an account who has Setup rights in Salesforce: they see the guide and enter the app's
    values, nothing else.
    """

    __tablename__ = "hand_off_links"

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_public_id)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    connection_id: Mapped[str] = mapped_column(ForeignKey("salesforce_connections.id", ondelete="CASCADE"), index=True)
    made_by: Mapped[str] = mapped_column(String(254), default="")
    # The person who created it: the link is valid only while they may edit.
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)

    connection: Mapped[SalesforceConnection] = relationship()
