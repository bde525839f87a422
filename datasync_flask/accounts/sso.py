"""Single sign-on by OpenID Connect, through Authlib: the person's identity at the provider, and their role here.

An identity is issuer and subject, linked once to an account; from then on the address at the provider doesn't matter.
Source: OpenID Connect Core 1.0 sections 2 (subject), 3.1.3.7 (validation), 5.1 (claims), 5.3.2 (userinfo), 5.7
(addresses aren't identities).
"""

from __future__ import annotations

from typing import Any

from authlib.common.errors import AuthlibBaseError
from flask import current_app
from flask_babel import gettext
from joserfc.errors import JoseError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from datasync_flask.accounts import people
from datasync_flask.accounts.models import Role, SignOnIdentity, User
from datasync_flask.accounts.service import AccountError, has_unseen, normalise_email
from datasync_flask.accounts.sso_client import SignOnClient
from datasync_flask.audit import trail
from datasync_flask.config import Settings
from datasync_flask.extensions import db, oauth

NAME = "sso"
# What the round trip to the provider may raise: refusals, bad signatures, no answer, an answer that isn't JSON.
FAULTS = (AuthlibBaseError, JoseError, OSError, ValueError, KeyError, TypeError, RuntimeError)
_LONGEST_SUBJECT = 255


class SignOnRefused(Exception):
    """The provider or its answer doesn't allow the sign-in; the text tells the person why and what to do."""


def register_provider(settings: Settings) -> None:
    """Register the provider in the settings, if there is one."""
    # Authlib keeps an existing client, whatever is registered later.
    oauth._clients.pop(NAME, None)
    oauth.register(
        NAME,
        overwrite=True,
        client_cls=SignOnClient,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": 8},
    )


def client() -> Any:
    """The provider's client."""
    return oauth.create_client(NAME)


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings


def _issuer() -> str:
    """The provider's name for stored identities; some providers end their own name with a slash."""
    return _settings().oidc_issuer.rstrip("/")


def received_claims() -> dict[str, Any]:
    """The claims that the provider returned with this request.

    Raises one of FAULTS, also for an ID token of another issuer or for another client, and for userinfo about
    somebody else.
    """
    issuers = [_issuer(), _issuer() + "/"]
    token = client().authorize_access_token(claims_options={"iss": {"essential": True, "values": issuers}})
    if not token.get("userinfo"):
        raise ValueError("there is no ID token")
    claims: dict[str, Any] = dict(token["userinfo"])
    audience = claims.get("aud")
    if _settings().oidc_client_id not in (audience if isinstance(audience, list) else [audience]):
        raise ValueError("the ID token is for another client")
    role_claim = _settings().oidc_role_claim
    lacks_address = "email" not in claims or "email_verified" not in claims
    if lacks_address or (role_claim and role_claim not in claims):
        more = _userinfo(token, claims.get("sub"))
        if lacks_address and "email" in more:
            # Only the answer with the address can say whether it is verified.
            claims |= {"email": more["email"], "email_verified": more.get("email_verified")}
        if role_claim and role_claim in more:
            claims.setdefault(role_claim, more[role_claim])
    return claims


def _userinfo(token: Any, subject: Any) -> dict[str, Any]:
    if not client().load_server_metadata().get("userinfo_endpoint"):
        return {}
    found = dict(client().userinfo(token=token))
    if not isinstance(subject, str) or found.get("sub") != subject:
        raise ValueError("userinfo is about somebody else")
    return found


def identity_of(user: User) -> SignOnIdentity | None:
    """The identity at the current provider that an account is linked to."""
    return db.session.scalar(
        select(SignOnIdentity).where(SignOnIdentity.user_id == user.id, SignOnIdentity.issuer == _issuer())
    )


def person_of(claims: dict[str, Any]) -> User:
    """The account of the person in the claims, linked or created if needed; commits. Raises SignOnRefused."""
    subject = _subject(claims)
    try:
        user = _linked_to(subject) or _account_of_address(subject, claims)
        db.session.commit()
    except IntegrityError:
        # The same person signed in in another tab at the same moment.
        db.session.rollback()
        found = _linked_to(subject)
        if found is None:
            raise SignOnRefused(gettext("Somebody else came in with this address just now. Sign in again.")) from None
        user = found
    told = _told_role(claims)
    if told is not None and told != user.role:
        try:
            people.change_role(user.id, told, who=user.email)
        except AccountError:
            current_app.logger.warning("the role claim would leave DataSync without an administrator: not taken")
    return user


def link(user: User, claims: dict[str, Any]) -> None:
    """Link an account to the identity in the claims, at its person's request; commits. Raises SignOnRefused."""
    subject = _subject(claims)
    linked, present = _linked_to(subject), identity_of(user)
    if linked is not None and linked.id != user.id:
        raise SignOnRefused(
            gettext(
                "The person you signed in as at the sign-on service is linked to another account here. Sign in there "
                "as yourself, or unlink the other account first."
            )
        )
    if present is not None and present.subject != subject:
        raise SignOnRefused(
            gettext("Your account is linked to somebody else at the sign-on service. Unlink it, then link it again.")
        )
    if linked is None:
        _link(user, subject)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise SignOnRefused(gettext("Something else was linked at the same moment. Try again.")) from None


def unlink(user: User) -> bool:
    """Unlink an account from the current provider; commits. False when it wasn't linked."""
    found = identity_of(user)
    if found is None:
        return False
    trail.record(trail.Event.SIGN_ON_UNLINKED, ("person", user.id, user.email), issuer=found.issuer)
    db.session.delete(found)
    db.session.commit()
    return True


def _subject(claims: dict[str, Any]) -> str:
    found = claims.get("sub")
    if (
        not isinstance(found, str)
        or found != found.strip()
        or not found
        or len(found) > _LONGEST_SUBJECT
        or has_unseen(found)
    ):
        raise SignOnRefused(
            gettext(
                "The sign-on service didn’t say who you are (its answer has no usable “sub”). Tell whoever runs it."
            )
        )
    return found


def _linked_to(subject: str) -> User | None:
    return db.session.scalar(
        select(User)
        .join(SignOnIdentity, SignOnIdentity.user_id == User.id)
        .where(SignOnIdentity.issuer == _issuer(), SignOnIdentity.subject == subject)
    )


def _link(user: User, subject: str) -> None:
    db.session.add(SignOnIdentity(issuer=_issuer(), subject=subject, user_id=user.id))
    trail.record(trail.Event.SIGN_ON_LINKED, ("person", user.id, user.email), who=user.email, issuer=_issuer())


def _account_of_address(subject: str, claims: dict[str, Any]) -> User:
    """The account of a verified address, created if needed, and linked. Raises SignOnRefused."""
    email = _verified_address(claims)
    user = db.session.scalar(select(User).where(User.email == email))
    if user is None:
        user = User(email=email, password_hash="", role=_told_role(claims) or Role.VIEWER)
        db.session.add(user)
        db.session.flush()
        trail.record(trail.Event.PERSON_JOINED, ("person", user.id, email), who=email, role=str(user.role))
    elif identity_of(user) is not None:
        raise SignOnRefused(
            gettext(
                "The account of %(email)s is linked to somebody else at the sign-on service. If it is yours, sign in "
                "with your password, unlink it under your account and link it again; without a password, ask an "
                "administrator for a link to choose one.",
                email=email,
            )
        )
    _link(user, subject)
    return user


def _verified_address(claims: dict[str, Any]) -> str:
    given = claims.get("email")
    try:
        email = normalise_email(given if isinstance(given, str) else "")
    except AccountError:
        raise SignOnRefused(
            gettext(
                "The sign-on service didn’t give your email address. Have whoever runs it send it (the claim “email”) "
                "or sign in with your password and choose “Link single sign-on” under your account."
            )
        ) from None
    # Only a JSON true counts: a missing value, or one that looks like a yes, is a no.
    if claims.get("email_verified") is not True:
        raise SignOnRefused(
            gettext(
                "Your email address isn’t verified: the sign-on service doesn’t say so. Have it verified there, or "
                "sign in with your password and choose “Link single sign-on” under your account; without a password, "
                "ask an administrator for a link to choose one."
            )
        )
    domain = email.rpartition("@")[2]
    if _settings().oidc_domains and domain not in _settings().oidc_domains:
        raise SignOnRefused(
            gettext(
                "Addresses of %(domain)s are not let in here. Use your company’s address, or ask an administrator for "
                "an invitation.",
                domain=domain,
            )
        )
    return email


def _told_role(claims: dict[str, Any]) -> Role | None:
    """The highest role in the role claim, if one is set; it is a text or a list of texts such as groups."""
    name = _settings().oidc_role_claim
    claim = claims.get(name) if name else None
    names = {each.lower() for each in (claim if isinstance(claim, list) else [claim]) if isinstance(each, str)}
    found = [role for role in Role if role.value in names]
    return found[-1] if found else None
