"""Whether browsers show the address that the Callback URL is built from. Their address is shown, but never used."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import current_app, request
from flask_login import current_user
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from datasync_flask.accounts.models import Role
from datasync_flask.addresses import is_api, wants_fragment
from datasync_flask.clock import UtcDateTime, utcnow
from datasync_flask.config import LOOPBACK_HOSTS, Settings
from datasync_flask.extensions import Model, db
from datasync_flask.transactions import in_transaction

# A host and its port as a browser writes them; anything else in a header is an attack.
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_WRITTEN_AGAIN_AFTER = timedelta(hours=1)


class BrowserAddress(Model):
    """The last address in a signed-in person's browser that wasn't the public one; one row at most."""

    __tablename__ = "browser_addresses"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    address: Mapped[str] = mapped_column(String(300))
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


def note() -> dict[str, Any]:
    """The note about the page's own address, for pages that show the Callback URL.

    `differs` is what the server knows; if a proxy hides it, the browser finds out itself.
    """
    settings: Settings = current_app.config["SETTINGS"]
    seen = _seen(settings)
    found = bool(seen) and differs(seen, settings)
    is_administrator = current_user.is_authenticated and current_user.has_role(Role.ADMIN)
    return {
        "differs": found,
        "seen": seen,
        "public": settings.effective_public_url,
        "origin": settings.public_origin,
        "advice": advised(seen) if found else "",
        "is_administrator": is_administrator,
        "is_signed_in": current_user.is_authenticated,
    }


def advised(seen: str) -> str:
    """The public address to set: https, except on this machine, because Salesforce accepts nothing else."""
    parts = urlsplit(seen)
    return seen if parts.hostname in LOOPBACK_HOSTS else f"https://{parts.netloc}"


def differs(seen: str, settings: Settings) -> bool:
    """True when `seen` isn't the public address. localhost and 127.0.0.1 are the same, and a proxy may end https."""
    public, given = urlsplit(settings.public_origin), urlsplit(seen)
    hosts = {public.hostname or "", given.hostname or ""}
    if len(hosts) > 1 and not hosts <= LOOPBACK_HOSTS:
        return True
    if (public.scheme, given.scheme) == ("http", "https"):
        return True
    if given.port is None:
        # Some proxies leave the port out; only the default address is known to have one.
        return not settings.public_url and public.port is not None
    return given.port != (public.port or {"http": 80, "https": 443}[public.scheme])


def _seen(settings: Settings) -> str:
    """The origin that the browser shows, according to the headers; '' if they aren't valid."""
    host, scheme = request.host, request.scheme
    if not settings.trusted_proxies:
        # Untrusted: it is only shown to whoever sent it.
        host = request.headers.get("X-Forwarded-Host", host).split(",")[0].strip()
        scheme = request.headers.get("X-Forwarded-Proto", scheme).split(",")[0].strip().lower()
    if not _HOST.fullmatch(host) or scheme not in {"http", "https"}:
        return ""
    try:
        port = urlsplit(f"{scheme}://{host}").port
    except ValueError:
        return ""
    default = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{host.removesuffix(f':{port}') if port == default else host}".lower()


def remember() -> None:
    """Store the last such address for `datasync doctor`: one row, only from signed-in editors."""
    settings: Settings = current_app.config["SETTINGS"]
    is_page = request.method == "GET" and request.endpoint != "static" and not wants_fragment() and not is_api()
    seen = _seen(settings) if is_page else ""
    if not seen or not differs(seen, settings):
        return
    if not (current_user.is_authenticated and current_user.has_role(Role.EDITOR)):
        return
    known = db.session.get(BrowserAddress, 1)
    if known is not None and known.address == seen and known.seen_at > utcnow() - _WRITTEN_AGAIN_AFTER:
        return
    in_transaction(lambda: db.session.merge(BrowserAddress(id=1, address=seen[:300], seen_at=utcnow())))
