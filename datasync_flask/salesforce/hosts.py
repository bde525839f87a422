"""Which hosts are Salesforce's, and what people mean by the addresses they paste.

Sources: Salesforce help "My Domain URL Formats" and sfdx-core's list of Salesforce domains.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

PRODUCTION = "https://login.salesforce.com"
SANDBOX = "https://test.salesforce.com"

# Secrets and tokens go to these domains and the hosts below them, over https, and nowhere else.
SALESFORCE_DOMAINS = ("salesforce.com", "salesforce.mil", "sfcrmproducts.cn", "my-salesforce.com")

# Salesforce's own sites that have no org behind them.
_NOT_AN_ORG = frozenset(
    f"{name}.salesforce.com"
    for name in ("www", "help", "developer", "trailhead", "appexchange", "status", "trust", "admin", "ideas")
) | {"salesforce.com"}

# Hosts of an org's pages and the login host of the same org: (what the page's host ends with, what login's does).
_PAGE_SUFFIXES = (
    (".lightning.force.com", ".my.salesforce.com"),
    (".my.salesforce-setup.com", ".my.salesforce.com"),
    (".my.site.com", ".my.salesforce.com"),
    (".vf.force.com", ".my.salesforce.com"),
    (".lightning.crmforce.mil", ".my.salesforce.mil"),
    (".lightning.sfcrmapps.cn", ".my.sfcrmproducts.cn"),
)
_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
_MAX_LENGTH = 2000


class AddressRefused(ValueError):
    """An address is not one that secrets may be sent to; the text says why, in words for the person who typed it.

    `message` with its `values` is kept apart, so that it can be translated before they are filled in.
    """

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message % values)
        self.message, self.values = message, values


@dataclass(frozen=True)
class LoginAddress:
    """A login origin without path, and whether it differs from what was pasted."""

    origin: str
    differs: bool = False


def is_salesforce_host(host: str) -> bool:
    """True for Salesforce's own hosts."""
    return any(host == domain or host.endswith("." + domain) for domain in SALESFORCE_DOMAINS)


def is_trusted_origin(url: str, trusted: Collection[str]) -> bool:
    """True when `url` may be sent secrets: https on a Salesforce domain with no oddities, or a listed origin."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None or "\\" in url or not parts.hostname:
        return False
    if any(ord(character) <= 32 or ord(character) > 126 for character in url):
        return False
    if origin_of(url) in trusted:
        return True
    host = parts.hostname
    return (
        parts.scheme == "https"
        and port in {None, 443}
        and bool(_HOST_NAME.fullmatch(host))
        and is_salesforce_host(host)
    )


def origin_of(url: str) -> str:
    """Return ``scheme://host[:port]`` of `url`, without a default port."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port and parts.port != default else "")


def is_my_domain(origin: str, trusted: Collection[str]) -> bool:
    """True when `origin` belongs to one org; login.salesforce.com and test.salesforce.com serve all of them."""
    return origin in trusted or ".my." in (urlsplit(origin).hostname or "")


def looks_like_sandbox(origin: str) -> bool:
    """True when the host's name says sandbox (test.salesforce.com, acme--uat.sandbox.my.salesforce.com)."""
    host = urlsplit(origin).hostname or ""
    return origin == SANDBOX or ".sandbox." in host or "--" in host.split(".")[0]


def understand_login_address(text: str, trusted: Collection[str] = ()) -> LoginAddress:
    """Return the login origin of the org that `text`, any address a person may paste, belongs to.

    Raises AddressRefused when the address isn't Salesforce's (or one of the `trusted` origins).
    """
    pasted = text.strip().strip("<>\"'“”‘’").strip()
    if not pasted:
        raise AddressRefused("Enter the address of your org, like acme.my.salesforce.com.")
    if len(pasted) > _MAX_LENGTH:
        raise AddressRefused("This is too long for an address. Paste only the first part, like acme.my.salesforce.com.")
    if "\\" in pasted or any(ord(character) <= 32 or ord(character) == 127 for character in pasted):
        raise AddressRefused("An address has no spaces or backslashes. Copy it again from the address bar.")
    has_scheme = bool(re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", pasted))
    try:
        parts = urlsplit(pasted if has_scheme else f"https://{pasted}")
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise AddressRefused("This isn't an address. It should look like acme.my.salesforce.com.") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise AddressRefused("This isn't a web address. It should look like https://acme.my.salesforce.com.")
    if parts.username is not None:
        raise AddressRefused("Leave out everything before the @: an org's address has no user name in it.")

    for origin in trusted:
        same_place = urlsplit(origin).netloc == parts.netloc.lower()
        if same_place and (
            not has_scheme or origin_of(origin) == origin_of(f"{parts.scheme}://{parts.netloc.lower()}")
        ):
            return LoginAddress(origin, pasted.rstrip("/") != origin)

    if not host.isascii():
        raise AddressRefused("This address has letters that only look like Latin ones. Type it instead of pasting.")
    if _is_ip_address(host):
        raise AddressRefused("Salesforce is not reached by number. Use the org's name, like acme.my.salesforce.com.")
    if port not in {None, 80, 443}:
        raise AddressRefused("Salesforce doesn't use port %(port)s. Leave it out.", port=port)
    login_host = _login_host_of(host)
    if not _HOST_NAME.fullmatch(login_host) or not is_salesforce_host(login_host):
        raise AddressRefused(
            "%(host)s isn't one of Salesforce's own addresses, so no secret is sent there. "
            "Look in your browser's address bar while you are in Salesforce, and paste what you see.",
            host=host,
        )
    if login_host in _NOT_AN_ORG:
        raise AddressRefused(
            "%(host)s is one of Salesforce's public sites, not your org. Use the org's own address.", host=host
        )
    origin = f"https://{login_host}"
    return LoginAddress(origin, pasted.rstrip("/") != origin)


def _login_host_of(host: str) -> str:
    for page_suffix, login_suffix in _PAGE_SUFFIXES:
        if host.endswith(page_suffix):
            name = host.removesuffix(page_suffix)
            if page_suffix == ".vf.force.com":
                # acme--c or acme--uat--c.sandbox: the last part of the first label names a package, not the org.
                first, dot, rest = name.partition(".")
                name = first.rpartition("--")[0] + dot + rest if "--" in first else name
            return name + login_suffix
    return host


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # 127.1, 0x7f.0.0.1 and 2130706433 are addresses too, for some resolvers.
        return bool(re.fullmatch(r"(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+))*", host))
    return True
