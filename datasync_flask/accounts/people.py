"""What administrators do with accounts: invite, change roles, remove, help with a lost password; and API tokens."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from flask_babel import gettext
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from datasync_flask.accounts import endings
from datasync_flask.accounts.endings import Happening
from datasync_flask.accounts.models import ApiToken, PersonLink, Role, SignedIn, User, UserSession, hash_token
from datasync_flask.accounts.service import AccountError, check_password, hash_password, normalise_email, refuse_taken
from datasync_flask.audit import trail
from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.transactions import in_transaction

INVITATION_LIFETIME = timedelta(days=7)
RESET_LIFETIME = timedelta(days=1)
# A prefix that identifies a leaked token.
TOKEN_PREFIX = "dsp_"


# Whoever created a link may have lost the right to do so.
_OPEN_LINKS = select(PersonLink).join(User, PersonLink.invited_by_id == User.id).where(User.role == Role.ADMIN)


def everybody() -> Sequence[User]:
    """All accounts."""
    return db.session.scalars(select(User).order_by(User.email)).all()


def open_links() -> Sequence[PersonLink]:
    """The links that are still valid."""
    return db.session.scalars(_OPEN_LINKS.where(PersonLink.expires_at > utcnow()).order_by(PersonLink.created_at)).all()


def invite(email: str, role: Role, *, by: SignedIn) -> str:
    """Create an invitation and return its token, which is shown once; commits. Raises AccountError."""
    address = normalise_email(email)
    refuse_taken(address)
    token = _new_link(address, role, None, by, INVITATION_LIFETIME)
    trail.record(trail.Event.PERSON_INVITED, ("person", "", address), role=role.value)
    db.session.commit()
    return token


def make_reset_link(user: User, *, by: SignedIn) -> str:
    """Create a link for choosing a new password and return its token; ends at once what a reset ends; commits."""
    user_id = user.id
    return in_transaction(lambda: _reset(db.session.get_one(User, user_id), by))


def _reset(user: User, by: SignedIn) -> str:
    endings.end(user.id, Happening.PASSWORD_RESET)
    token = _new_link(user.email, Role(user.role), user.id, by, RESET_LIFETIME)
    trail.record(trail.Event.RESET_LINK_MADE, ("person", user.id, user.email))
    return token


def _new_link(email: str, role: Role, user_id: int | None, by: SignedIn, lifetime: timedelta) -> str:
    now, token = utcnow(), secrets.token_urlsafe(32)
    db.session.execute(delete(PersonLink).where((PersonLink.expires_at <= now) | (PersonLink.email == email)))
    link = PersonLink(
        token_hash=hash_token(token), id=secrets.token_hex(8), email=email, role=role, user_id=user_id,
        invited_by=by.email, invited_by_id=by.id, created_at=now, expires_at=now + lifetime,
    )  # fmt: skip
    db.session.add(link)
    return token


def link_of(token: str) -> PersonLink | None:
    """The link of a token, or None when it is used, revoked or expired."""
    return db.session.scalar(
        _OPEN_LINKS.where(PersonLink.token_hash == hash_token(token), PersonLink.expires_at > utcnow())
    )


def use_link(link: PersonLink, password: str) -> User:
    """Create the account, or change its password; the link is then used. Commits. Raises AccountError."""
    password_hash = hash_password(check_password(password))
    used = delete(PersonLink).where(PersonLink.token_hash == link.token_hash)
    email, role, user_id = link.email, Role(link.role), link.user_id
    # Of two at once, only the one that deletes the link continues.
    if db.session.execute(used.execution_options(synchronize_session=False)).rowcount != 1:  # type: ignore[attr-defined]
        db.session.rollback()
        raise AccountError("password", gettext("This link was used already. Ask for a new one."))
    db.session.expunge(link)
    try:
        if user_id is None:
            user = User(email=email, password_hash=password_hash, role=role)
            db.session.add(user)
            db.session.flush()
            trail.record(trail.Event.PERSON_JOINED, ("person", user.id, email), who=email, role=role.value)
        else:
            user = db.session.get_one(User, user_id)
            user.password_hash = password_hash
            endings.end(user_id, Happening.PASSWORD_RESET)
            trail.record(trail.Event.PASSWORD_RESET, ("person", user_id, email), who=email)
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise AccountError("password", gettext("There is already an account for %(address)s.", address=email)) from None
    return user


def withdraw(link_id: str) -> bool:
    """Revoke a link; commits. False when there is none."""
    link = db.session.scalar(select(PersonLink).where(PersonLink.id == link_id))
    if link is None:
        return False
    trail.record(trail.Event.INVITATION_WITHDRAWN, ("person", "", link.email))
    db.session.delete(link)
    db.session.commit()
    return True


def change_role(user_id: int, role: Role, *, who: str = "") -> Sequence[Happening]:
    """Change a person's role; commits; return what happened to them. Raises AccountError for the last administrator.

    `who` does it; '' means the person of this request.
    """
    return in_transaction(lambda: _change_role(user_id, role, who))


def _change_role(user_id: int, role: Role, who: str) -> Sequence[Happening]:
    user = db.session.get_one(User, user_id, populate_existing=True)
    before = Role(user.role)
    if before is role:
        return ()
    if before is Role.ADMIN:
        _refuse_last_administrator(user_id)
    db.session.execute(update(User).where(User.id == user_id).values(role=role))
    happenings = endings.of_other_role(before, role)
    endings.end(user_id, *happenings)
    trail.record(
        trail.Event.ROLE_CHANGED, ("person", user_id, user.email), who=who, before=before.value, after=role.value
    )
    return happenings


def remove(user_id: int) -> str:
    """Remove an account and everything of it; commits; return its address. Raises AccountError."""
    return in_transaction(lambda: _remove(user_id))


def _remove(user_id: int) -> str:
    user = db.session.get_one(User, user_id)
    email, role = user.email, Role(user.role)
    if role is Role.ADMIN:
        _refuse_last_administrator(user_id)
    endings.end(user_id, Happening.REMOVED)
    trail.record(trail.Event.PERSON_REMOVED, ("person", user_id, email), role=role.value)
    # Write pending changes before deleting the person.
    db.session.flush()
    db.session.execute(delete(User).where(User.id == user_id))
    return email


def _refuse_last_administrator(user_id: int) -> None:
    # Write this first, so that two administrators who remove each other at once wait for each other here.
    db.session.execute(update(User).where(User.role == Role.ADMIN).values(role=Role.ADMIN))
    others = select(func.count(User.id)).where(User.role == Role.ADMIN, User.id != user_id)
    if not db.session.scalar(others):
        db.session.rollback()
        raise AccountError("role", gettext("This is the last administrator. Make somebody else one first."))


def sign_out_everywhere(user: User) -> None:
    """End all sessions of a person; commits."""
    user_id, email = user.id, user.email

    def sign_out() -> None:
        endings.end(user_id, Happening.SIGNED_OUT_EVERYWHERE)
        trail.record(trail.Event.SIGNED_OUT_EVERYWHERE, ("person", user_id, email))

    in_transaction(sign_out)


def sessions_of(user: User) -> Sequence[UserSession]:
    """A person's sessions, the newest first."""
    return db.session.scalars(
        select(UserSession)
        .where(UserSession.user_id == user.id, UserSession.expires_at > utcnow())
        .order_by(UserSession.created_at.desc())
    ).all()


def tokens_of(user: User) -> Sequence[ApiToken]:
    """A person's API tokens."""
    return db.session.scalars(
        select(ApiToken).where(ApiToken.user_id == user.id).order_by(ApiToken.created_at.desc())
    ).all()


def make_token(user: User, name: str, days: int) -> str:
    """Create an API token that expires after `days` (0: never) and return it; it is shown once; commits."""
    token, now = TOKEN_PREFIX + secrets.token_urlsafe(32), utcnow()
    name = " ".join(name.split())[:80]
    if not name:
        raise AccountError("name", gettext("Give the token a name, for instance what will use it."))
    made = ApiToken(
        id=secrets.token_hex(8), token_hash=hash_token(token), user_id=user.id, name=name, created_at=now,
        expires_at=now + timedelta(days=days) if days else None,
    )  # fmt: skip
    db.session.add(made)
    trail.record(trail.Event.TOKEN_MADE, ("person", user.id, user.email), name=name)
    db.session.commit()
    return token


def withdraw_token(user: User, token_id: str) -> bool:
    """Revoke a person's token; commits. False when they have no such token."""
    found = db.session.get(ApiToken, token_id)
    if found is None or found.user_id != user.id:
        return False
    trail.record(trail.Event.TOKEN_WITHDRAWN, ("person", user.id, user.email), name=found.name)
    db.session.delete(found)
    db.session.commit()
    return True


def person_with_token(token: str) -> User | None:
    """The person of an API token, or None when it isn't valid."""
    now: datetime = utcnow()
    found = db.session.scalar(select(ApiToken).where(ApiToken.token_hash == hash_token(token)))
    if found is None or (found.expires_at is not None and found.expires_at <= now):
        return None
    # Once a minute is enough to show which tokens are in use.
    if found.last_used_at is None or now - found.last_used_at > timedelta(minutes=1):
        found.last_used_at = now
        db.session.commit()
    return found.user
