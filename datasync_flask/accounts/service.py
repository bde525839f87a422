"""Actions on accounts: create them, sign in and out, change the password."""

from __future__ import annotations

import hmac
import unicodedata
from datetime import timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from email_validator import EmailNotValidError, validate_email
from flask import Flask, current_app
from flask_babel import gettext
from sqlalchemy import delete, select, update
from wtforms.validators import ValidationError

from datasync_flask.accounts import endings, guessing
from datasync_flask.accounts.endings import Happening
from datasync_flask.accounts.models import Role, SignedIn, User, UserSession, hash_token
from datasync_flask.audit import trail
from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.transactions import in_transaction, read_row

SESSION_LIFETIME = timedelta(days=14)
# For this long after entering the password, people needn't confirm it for actions that are hard to undo.
CONFIRMED_FOR = timedelta(hours=1)
MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 200
_SPACES = " \t\r\n"

_hasher = PasswordHasher()


@cache
def _nobodys_hash() -> str:
    # Verified if the account is unknown, so that the answer takes as long as for a wrong password.
    return _hasher.hash("nobody has this password")


class AccountError(ValidationError):
    """An account cannot be made or changed; `field` says which input is wrong, the text what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def normalise_email(text: str) -> str:
    """`text` as an address in lower case. Raises AccountError when it isn't one."""
    refuse_unseen(text)
    try:
        # Special-use domains such as acme.internal are fine: companies host the tool internally.
        found = validate_email(text.strip(_SPACES), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise AccountError("email", gettext("Enter an email address, like ada@example.com.")) from None
    return found.normalized.lower()


def refuse_unseen(email: str) -> None:
    """Raise AccountError for invisible characters, because no account's address has any."""
    if has_unseen(email):
        raise AccountError("email", gettext("This address has characters in it that can’t be seen. Type it again."))


def has_unseen(text: str) -> bool:
    """True when `text` has control or format characters, which mean nothing in a name (Unicode Cc, Cf, Cs).

    Spaces and line breaks around it don't count, because copying adds them.
    """
    return any(unicodedata.category(character) in {"Cc", "Cf", "Cs"} for character in text.strip(_SPACES))


def lookup_address(text: str) -> str:
    """The key for looking up an account, and for counting guesses at it.

    All spellings of one account's address give the same key, whatever invisible characters they have.
    """
    seen = "".join(character for character in text if unicodedata.category(character)[0] not in "CZ")
    try:
        return normalise_email(seen)
    except AccountError:
        return unicodedata.normalize("NFC", seen.lower())


def find(email: str) -> User | None:
    """The account of an address as typed."""
    return db.session.scalar(select(User).where(User.email == lookup_address(email)))


def check_password(text: str) -> str:
    """`text` in Unicode NFC. Raises AccountError when it is too short, too long or can't be typed."""
    password = unicodedata.normalize("NFC", text)
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in password):
        raise AccountError(
            "password", gettext("This password has control characters in it. Choose one that can be typed.")
        )
    if len(password) < MIN_PASSWORD_LENGTH:
        raise AccountError(
            "password", gettext("Choose a password of at least %(number)s characters.", number=MIN_PASSWORD_LENGTH)
        )
    if len(password) > MAX_PASSWORD_LENGTH:
        raise AccountError(
            "password", gettext("Choose a password of at most %(number)s characters.", number=MAX_PASSWORD_LENGTH)
        )
    return password


def any_account() -> bool:
    """True once there is an account."""
    return db.session.scalar(select(User.id).limit(1)) is not None


def refuse_taken(address: str) -> None:
    """Raise AccountError when there is an account for an address."""
    if db.session.scalar(select(User.id).where(User.email == address)) is not None:
        raise AccountError("email", gettext("There is already an account for %(address)s.", address=address))


def create_user(email: str, password: str, role: Role) -> User:
    """Add an account and commit it. Raises AccountError for a bad or taken address or a bad password."""
    address, secret = normalise_email(email), check_password(password)
    refuse_taken(address)
    user = User(email=address, password_hash=_hasher.hash(secret), role=role)
    db.session.add(user)
    db.session.flush()
    trail.record(trail.Event.PERSON_MADE, ("person", user.id, address), role=role.value)
    db.session.commit()
    return user


def hash_password(password: str) -> str:
    """The stored hash of a password (Argon2id)."""
    return _hasher.hash(password)


def set_password(user: User, password: str, happening: Happening = Happening.PASSWORD_RESET) -> None:
    """Change the password and end what depends on the old one; commits. Raises AccountError."""
    user_id, password_hash = user.id, _hasher.hash(check_password(password))

    def change() -> None:
        changed = db.session.get_one(User, user_id)
        changed.password_hash = password_hash
        endings.end(user_id, happening)
        trail.record(trail.Event.PASSWORD_CHANGED, ("person", user_id, changed.email))

    in_transaction(change)


def authenticate(email: str, password: str) -> User | None:
    """The account for email and password, or None; both cases take the same time."""
    user = find(email)
    password = unicodedata.normalize("NFC", password)[:MAX_PASSWORD_LENGTH]
    # Created at the very first sign-in, for a known or unknown account, so that its time reveals nothing.
    nobodys = _nobodys_hash()
    try:
        _hasher.verify(user.password_hash if user else nobodys, password)
    except (VerificationError, InvalidHashError):
        return None
    if user and _hasher.check_needs_rehash(user.password_hash):
        user.password_hash = _hasher.hash(password)
    return user


def open_session(user: User, *, address: str = "", browser: str = "") -> SignedIn:
    """Start a new server-side session for `user` and commit it; delete expired sessions."""
    token, now = UserSession.new_token(), utcnow()
    db.session.execute(delete(UserSession).where(UserSession.expires_at < now))
    db.session.add(
        UserSession(
            token_hash=hash_token(token), user_id=user.id, expires_at=now + SESSION_LIFETIME, confirmed_at=now,
            address=address[:45], browser=browser[:200],
        )
    )  # fmt: skip
    user.last_sign_in_at = now
    db.session.commit()
    return SignedIn.of(user, token, now)


def load_signed_in(token: str) -> SignedIn | None:
    """The person of a session's `token`, or None when the session has ended or is too old."""
    # Uses the tables: each request does this, and statements on classes take half as long again.
    user, session = User.__table__.c, UserSession.__table__.c
    found = read_row(
        select(
            user.id, user.email, user.role, user.language, user.continue_automatically, session.confirmed_at,
            session.expires_at,
        ).where(user.id == session.user_id, session.token_hash == hash_token(token))
    )  # fmt: skip
    if found is None:
        return None
    number, email, role, language, continue_automatically, confirmed_at, expires_at = found
    if expires_at <= utcnow():
        return None
    return SignedIn(number, email, Role(role), language, continue_automatically, token, confirmed_at)


def close_session(token: str) -> None:
    """End the session that `token` belongs to."""
    db.session.execute(delete(UserSession).where(UserSession.token_hash == hash_token(token)))
    db.session.commit()


def is_confirmed(person: SignedIn) -> bool:
    """True when the person entered the password recently, or has none here (single sign-on)."""
    if not person.user.password_hash or person.confirmed_at is None:
        return True
    return utcnow() - person.confirmed_at < CONFIRMED_FOR


def is_own_password(person: SignedIn, password: str) -> bool:
    """True when a signed-in person entered their own password. Raises TooManyTries."""
    if not password:
        return False
    limit = guessing.of_person(person.id)
    guessing.take(limit)
    if authenticate(person.email, password) is None:
        return False
    guessing.give_back(limit)
    return True


def confirm(person: SignedIn, password: str) -> bool:
    """Confirm the password; True when it is right. The caller commits. Raises TooManyTries."""
    if not is_own_password(person, password):
        return False
    person.confirmed_at = utcnow()
    db.session.execute(
        update(UserSession)
        .where(UserSession.token_hash == hash_token(person.token))
        .values(confirmed_at=person.confirmed_at)
    )
    return True


def _setup_token() -> str:
    key = current_app.config["SECRET_KEY"].encode()
    return hmac.new(key, b"first administrator", "sha256").hexdigest()[:32]


def setup_token_matches(token: str) -> bool:
    """True for the token of the one-time set-up link, compared in constant time."""
    return hmac.compare_digest(token.encode(), _setup_token().encode())


def first_administrator(app: Flask) -> str | None:
    """Create the administrator of DATASYNC_ADMIN_* if there is no account yet.

    Returns the set-up link if somebody still has to use it. Raises AccountError for a bad address or password.
    """
    if any_account():
        return None
    settings = app.config["SETTINGS"]
    if settings.admin_email and settings.admin_password:
        create_user(settings.admin_email, settings.admin_password, Role.ADMIN)
        return None
    return f"{settings.effective_public_url}/setup?token={_setup_token()}"
