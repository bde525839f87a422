"""Single sign-on by OpenID Connect, through Authlib: who the provider says somebody is, and what they may do here.

Source: OpenID Connect Core 1.0 sections 3.1 (code flow) and 5.1 (claims).
"""

from __future__ import annotations

from typing import Any

from authlib.common.errors import AuthlibBaseError
from flask import current_app
from flask_babel import gettext
from joserfc.errors import JoseError
from sqlalchemy import select

from datasync_flask.accounts.models import Role, User
from datasync_flask.accounts.service import AccountError, normalise_email
from datasync_flask.config import Settings
from datasync_flask.extensions import db
from datasync_flask.page_extensions import oauth
from datasync_flask.security import audit

NAME = "sso"
# What the way to the provider and back may raise: its refusals, bad signatures, no answer, an answer that isn't JSON.
FAULTS = (AuthlibBaseError, JoseError, OSError, ValueError, KeyError, TypeError, RuntimeError)


class SignOnRefused(Exception):
    """The provider, or what it said, doesn't let somebody in; the text says why, for them."""


def register_provider(settings: Settings) -> None:
    """Register the provider that the settings name, if they do."""
    # Authlib keeps a client that was made already, whatever is registered later.
    oauth._clients.pop(NAME, None)
    oauth.register(
        NAME,
        overwrite=True,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": 8},
    )


def client() -> Any:
    """Return the provider's client."""
    return oauth.create_client(NAME)


def person_of(claims: dict[str, Any]) -> User:
    """Return the account of whom the provider vouches for, made if need be; commits. Raises SignOnRefused."""
    settings: Settings = current_app.config["SETTINGS"]
    if claims.get("email_verified") is False:
        raise SignOnRefused(gettext("Your e-mail address isn't verified with the sign-on service yet."))
    try:
        email = normalise_email(str(claims.get("email") or ""))
    except AccountError:
        raise SignOnRefused(gettext("The sign-on service didn't tell your e-mail address.")) from None
    domain = email.rpartition("@")[2]
    if settings.oidc_domains and domain not in settings.oidc_domains:
        raise SignOnRefused(gettext("Addresses of %(domain)s are not let in here.", domain=domain))
    told = _role_in(claims.get(settings.oidc_role_claim) if settings.oidc_role_claim else None)
    user = db.session.scalar(select(User).where(User.email == email))
    if user is None:
        role = told or Role.VIEWER
        user = User(email=email, password_hash="", role=role)
        db.session.add(user)
        db.session.flush()
        audit.record("person_joined", ("person", user.id, email), who=email, role=role.value)
    elif told is not None and told != user.role:
        audit.record("role_changed", ("person", user.id, email), who=email, before=str(user.role), after=told.value)
        user.role = told
    db.session.commit()
    return user


def _role_in(claim: Any) -> Role | None:
    """Return the highest role that a claim names, be it a text or a list of texts such as groups."""
    names = {str(each).lower() for each in (claim if isinstance(claim, list) else [claim])}
    found = [role for role in Role if role.value in names]
    return found[-1] if found else None
