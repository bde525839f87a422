"""Accounts and their sign-in sessions, which live on the server so that they can be ended there."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from datasync_flask.clock import UtcDateTime, utcnow
from datasync_flask.extensions import Model, db
from datasync_flask.roles import Role as Role


class User(Model):
    """A person who may sign in."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[Role] = mapped_column(String(16), default=Role.VIEWER)
    # The choice "Open Salesforce automatically when it is ready" on the waiting page.
    continue_automatically: Mapped[bool] = mapped_column(default=False)
    # The chosen language; '' means the browser's.
    language: Mapped[str] = mapped_column(String(8), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)

    sessions: Mapped[list[UserSession]] = relationship(back_populates="user", cascade="all, delete-orphan")

    def has_role(self, role: Role) -> bool:
        """True when this person may do what `role` may."""
        return Role(self.role).rank >= role.rank


def hash_token(token: str) -> str:
    """The stored hash of a random token, so that the database alone gives no access."""
    return hashlib.sha256(token.encode()).hexdigest()


class UserSession(Model):
    """One sign-in on one browser. Deleting the row ends it."""

    __tablename__ = "user_sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # When the person last proved that they know the password.
    confirmed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    address: Mapped[str] = mapped_column(String(45), default="")
    browser: Mapped[str] = mapped_column(String(200), default="")

    user: Mapped[User] = relationship(back_populates="sessions")

    @staticmethod
    def new_token() -> str:
        """A token for the browser's cookie."""
        return secrets.token_urlsafe(32)


class SignOnIdentity(Model):
    """A person's identity at a sign-on service (OpenID Connect Core 1.0 section 2: issuer and subject), linked once."""

    __tablename__ = "sign_on_identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"), UniqueConstraint("user_id", "issuer"))

    id: Mapped[int] = mapped_column(primary_key=True)
    issuer: Mapped[str] = mapped_column(String(300))
    subject: Mapped[str] = mapped_column(String(255))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    linked_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    user: Mapped[User] = relationship()


class PersonLink(Model):
    """A link for an invitation or for choosing a new password. It works once."""

    __tablename__ = "person_links"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    # The id for revoking it: only the recipient has the token itself.
    id: Mapped[str] = mapped_column(String(16), unique=True)
    email: Mapped[str] = mapped_column(String(254))
    role: Mapped[Role] = mapped_column(String(16), default=Role.VIEWER)
    # The person whose password it changes; None for an invitation.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), default=None)
    invited_by: Mapped[str] = mapped_column(String(254), default="")
    # The person who created it: the link is valid only while they are an administrator.
    invited_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ApiToken(Model):
    """A person's token for the HTTP API, with the person's rights."""

    __tablename__ = "api_tokens"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)

    user: Mapped[User] = relationship()


class FailedTries(Model):
    """The number of wrong guesses for one account or one network; deleted when it expires."""

    __tablename__ = "failed_tries"

    # The hash of the count's subject: short, and without names or addresses.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int]
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


@dataclass
class SignedIn:
    """The person of this request together with the browser's session (Flask-Login's "user").

    It has what every request needs; the account's row is loaded only if more is needed.
    """

    id: int
    email: str
    role: Role
    language: str
    continue_automatically: bool
    # The token in the browser's cookie; '' without a browser session.
    token: str = ""
    # When the password was last entered; None without a browser session.
    confirmed_at: datetime | None = None

    is_active: ClassVar = True
    is_authenticated: ClassVar = True
    is_anonymous: ClassVar = False

    @classmethod
    def of(cls, user: User, token: str = "", confirmed_at: datetime | None = None) -> Self:
        """The signed-in person for `user`."""
        return cls(
            user.id, user.email, Role(user.role), user.language, user.continue_automatically, token, confirmed_at
        )

    @property
    def user(self) -> User:
        """The account."""
        return db.session.get_one(User, self.id)

    def get_id(self) -> str:
        """The value for Flask-Login's signed cookie."""
        return self.token

    def has_role(self, role: Role) -> bool:
        """True when this person may do what `role` may."""
        return self.role.rank >= role.rank
