"""Which hosts are Salesforce's, and what people mean by the addresses they paste.

Sources: Salesforce help "My Domain URL Formats", "Experience Cloud Site URLs" and "OAuth Endpoints" (sites have theirs
below their path), and the domains that sfdx-core treats as Salesforce's (`src/util/sfdcUrl.ts`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

PRODUCTION = "https://login.salesforce.com"
SANDBOX = "https://test.salesforce.com"

# An access token may go to orgs at these domains and the hosts below them, over https.
ORG_DOMAINS = (
    "salesforce.com",
    "salesforce.mil",
    "crmforce.mil",
    "sfcrmproducts.cn",
    "my-salesforce.com",
    "cloudforce.com",
    "database.com",
)
# Sites that orgs serve to their customers: people can log in there, but they don't serve an org's API.
SITE_DOMAINS = ("my.site.com", "force.com")
# The Client Secret and codes go only to these.
LOGIN_DOMAINS = (*ORG_DOMAINS, *SITE_DOMAINS)

# Salesforce's own sites without an org behind them.
_NOT_AN_ORG = frozenset(
    f"{name}.salesforce.com"
    for name in ("www", "help", "developer", "trailhead", "appexchange", "status", "trust", "admin", "ideas")
) | {"salesforce.com"}

# The suffix of a host of an org's pages, and the suffix of the same org's login host.
_PAGE_SUFFIXES = (
    (".lightning.force.com", ".my.salesforce.com"),
    (".setup.force.com", ".my.salesforce.com"),
    (".file.force.com", ".my.salesforce.com"),
    (".my.salesforce-setup.com", ".my.salesforce.com"),
    (".my.salesforce-sites.com", ".my.salesforce.com"),
    (".builder.salesforce-experience.com", ".my.salesforce.com"),
    (".preview.salesforce-experience.com", ".my.salesforce.com"),
    (".live-preview.salesforce-experience.com", ".my.salesforce.com"),
    (".vf.force.com", ".my.salesforce.com"),
    (".visualforce.com", ".my.salesforce.com"),
    (".documentforce.com", ".my.salesforce.com"),
    (".my-lightning.com", ".my-salesforce.com"),
    (".lightning.my-salesforce.com", ".my-salesforce.com"),
    (".lightning.crmforce.mil", ".my.salesforce.mil"),
    (".lightning.sfcrmapps.cn", ".my.sfcrmproducts.cn"),
)
# The first label of these also has a package: acme--c or acme--uat--c.
_WITH_PACKAGE = frozenset({".vf.force.com", ".visualforce.com", ".documentforce.com"})
# Before enhanced domains, pages with a package also named the instance: acme--c.na139.visual.force.com.
_ON_INSTANCE = re.compile(r"(?P<name>[a-z0-9-]+)--[a-z0-9]+\.[a-z0-9]+\.(visual|content)\.force\.com")
_SITE_SUFFIX = ".my.site.com"
# A site's name in its address; one of the site's pages, or an endpoint, comes after it.
_SITE_PATH = re.compile(
    r"/(?P<site>[A-Za-z0-9][A-Za-z0-9_-]{0,39})(/((s|login|services|secur|apex|vforcesite|CommunitiesLogin)\b.*)?)?",
    re.DOTALL,
)
# First path segments of an org's own addresses, which aren't names of sites.
_NO_SITE = frozenset(
    {
        "s",
        "login",
        "lightning",
        "setup",
        "secur",
        "services",
        "apex",
        "home",
        "one",
        "visualforce",
        "ui",
        "_ui",
        "page",
        "id",
        "vforcesite",
        "communitieslogin",
        "practice",
        "oauth",
    }
)
_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
_MAX_LENGTH = 2000


class AddressRefused(ValueError):
    """Secrets mustn't go to this address; the text says why, for the person who typed it.

    `message` and `values` are separate, so that the message can be translated first.
    """

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message % values)
        self.message, self.values = message, values


@dataclass(frozen=True)
class LoginAddress:
    """The address above an app's OAuth endpoints, and whether it differs from the pasted one.

    `url` is an origin, with the site's path if people log in at an Experience Cloud site.
    """

    url: str
    differs: bool = False


def is_salesforce_host(host: str, domains: Collection[str] = LOGIN_DOMAINS) -> bool:
    """True for Salesforce's own hosts."""
    return any(host == domain or host.endswith("." + domain) for domain in domains)


def is_trusted_origin(url: str, trusted: Collection[str]) -> bool:
    """True when requests to `url` are allowed: plain https on a Salesforce domain, or a listed origin."""
    return _is_clean(url, trusted, LOGIN_DOMAINS)


def is_login_origin(url: str, trusted: Collection[str]) -> bool:
    """True when people can log in at `url`, so that a Client Secret may go there."""
    return _is_clean(url, trusted, LOGIN_DOMAINS) and (urlsplit(url).hostname or "") not in _NOT_AN_ORG


def is_api_origin(url: str, trusted: Collection[str]) -> bool:
    """True when `url` can be an org's address, so that an access token may go there; never for a site."""
    return _is_clean(url, trusted, ORG_DOMAINS)


def _is_clean(url: str, trusted: Collection[str], domains: Collection[str]) -> bool:
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
        and is_salesforce_host(host, domains)
    )


def origin_of(url: str) -> str:
    """The ``scheme://host[:port]`` of `url`, without a default port."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port and parts.port != default else "")


def is_my_domain(origin: str, trusted: Collection[str]) -> bool:
    """True when `origin` belongs to one org; login.salesforce.com and test.salesforce.com serve all orgs."""
    host = urlsplit(origin).hostname or ""
    is_one_orgs = ".my." in host or host.endswith((".my-salesforce.com", ".cloudforce.com", ".database.com"))
    return origin_of(origin) in trusted or (is_one_orgs and host.split(".")[0] not in {"login", "test"})


def setup_origin_of(url: str) -> str:
    """The origin of Setup for the org whose people log in at `url`; a site has no Setup."""
    host = urlsplit(url).hostname or ""
    if host.endswith(_SITE_SUFFIX):
        return f"https://{host.removesuffix(_SITE_SUFFIX)}.my.salesforce.com"
    return origin_of(url) if url else ""


def looks_like_sandbox(origin: str) -> bool:
    """True when the host's name says sandbox (test.salesforce.com, acme--uat.sandbox.my.salesforce.com)."""
    host = urlsplit(origin).hostname or ""
    return origin == SANDBOX or ".sandbox." in host or "--" in host.split(".")[0]


def understand_login_address(text: str, trusted: Collection[str] = ()) -> LoginAddress:
    """The login address of the org that a pasted address, `text`, belongs to.

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
        raise AddressRefused("This isn’t an address. It should look like acme.my.salesforce.com.") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise AddressRefused("This isn’t a web address. It should look like https://acme.my.salesforce.com.")
    if parts.username is not None:
        raise AddressRefused("Leave out everything before the @: an org’s address has no user name in it.")

    for origin in trusted:
        same_place = urlsplit(origin).netloc == parts.netloc.lower()
        if same_place and (
            not has_scheme or origin_of(origin) == origin_of(f"{parts.scheme}://{parts.netloc.lower()}")
        ):
            url = origin + _site_path(parts)
            return LoginAddress(url, pasted.rstrip("/") != url)

    if not host.isascii():
        raise AddressRefused("This address has letters that only look like Latin ones. Type it instead of pasting.")
    if _is_ip_address(host):
        raise AddressRefused("Salesforce has no numeric addresses. Use the org’s name, like acme.my.salesforce.com.")
    if port not in {None, 80, 443}:
        raise AddressRefused("Salesforce doesn’t use port %(port)s. Leave it out.", port=port)
    login_host = _login_host_of(host)
    if not _HOST_NAME.fullmatch(login_host) or not is_salesforce_host(login_host):
        raise AddressRefused(
            "%(host)s isn’t one of Salesforce’s own addresses, so no secret is sent there. "
            "Look in your browser’s address bar while you are in Salesforce, and paste what you see.",
            host=host,
        )
    if login_host in _NOT_AN_ORG or login_host in LOGIN_DOMAINS:
        raise AddressRefused(
            "%(host)s is one of Salesforce’s public sites, not your org. Use the org’s own address.", host=host
        )
    url = f"https://{login_host}{_site_path(parts) if is_salesforce_host(login_host, SITE_DOMAINS) else ''}"
    return LoginAddress(url, pasted.rstrip("/") != url)


def _site_path(parts: SplitResult) -> str:
    """The path of the site that an address belongs to: ``/portal`` for ``/portal/s/login``; '' without a site."""
    found = _SITE_PATH.fullmatch(parts.path)
    return f"/{found['site']}" if found and found["site"].lower() not in _NO_SITE else ""


def _login_host_of(host: str) -> str:
    for page_suffix, login_suffix in _PAGE_SUFFIXES:
        if host.endswith(page_suffix):
            name = host.removesuffix(page_suffix)
            if page_suffix in _WITH_PACKAGE:
                first, dot, rest = name.partition(".")
                name = first.rpartition("--")[0] + dot + rest if "--" in first else name
            return name + login_suffix
    on_instance = _ON_INSTANCE.fullmatch(host)
    return f"{on_instance['name']}.my.salesforce.com" if on_instance else host


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # For some resolvers, 127.1, 0x7f.0.0.1 and 2130706433 are addresses too.
        return bool(re.fullmatch(r"(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+))*", host))
    return True
