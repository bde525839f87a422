"""Answers that are pages instead of data: texts for people from Salesforce, or from a proxy in front of it.

Sources: Salesforce help "My Domain Redirections", and known texts of its error and maintenance pages.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import suppress
from html import unescape
from urllib.parse import parse_qsl, unquote_plus, urlsplit

import httpx2

from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.hosts import is_login_origin, origin_of
from datasync_flask.salesforce.transport import redirect_target, text_of

REDIRECTS = frozenset({301, 302, 303, 307, 308})

_MAINTENANCE = re.compile(
    r"(down|closed|scheduled|system|undergoing|under|performing|currently in|planned) (for )?(\w+ )?maintenance"
    r"|maintenance (is |currently )?(in progress|mode|under ?way)"
    r"|setting (things|your \w+|up your)|set things up|getting things ready"
    r"|(org|organi[sz]ation|sandbox|instance) is being (set up|created|refreshed|activated|migrated|moved|upgraded)",
)
_NOT_TEXT = re.compile(r"(?is)<(script|style)\b.*?</\1\s*>|<[^>]*>")

# In the address of an error page, or in its text in the form of an address.
_ERROR_PARAMETERS = frozenset({"error", "errorcode"})
_DESCRIPTION_PARAMETERS = frozenset({"error_description", "errordescription"})
_ERROR_IN_TEXT = re.compile(r"\berror=([\w.-]{1,100})(?:&(?:amp;)?error_description=([^\s&<\"']{0,300}))?")
# A code such as OAUTH_EC_APP_NOT_FOUND, usually followed by a colon and Salesforce's words.
_CODE_ON_PAGE = re.compile(r"\b(OAUTH_[A-Z_]{3,60})\b(?: *[:\u2013-] *([^\n]{0,300}))?")
_PHRASE_ON_PAGE = re.compile(
    r"invalid_client_id|client identifier invalid|redirect_uri_mismatch|redirect_uri must match|redirect_uri_missing"
    r"|must be installed into org|external client app is not installed in this org|blocked by admin"
    r"|cross-org oauth flows are not supported",
    re.IGNORECASE,
)
_OWN_ERROR_PAGES = ("RemoteAccessErrorPage", "/AuthorizationError")
_ERROR_PAGE_TEXT = re.compile(r"because of an oauth error", re.IGNORECASE)
# Salesforce sends browsers on by script or by a meta element too, where a redirect would do.
_SENT_ON = re.compile(
    r"location(?:\.href)?\s*=\s*[\"']([^\"'<>\s]{1,2000})|location\.(?:replace|assign)\(\s*[\"']([^\"'<>\s]{1,2000})"
    r"|http-equiv=[\"']?refresh[^>]*\burl=[\"']?([^\"'<>\s]{1,2000})",
    re.IGNORECASE,
)


def plain_text(response: httpx2.Response) -> str:
    """The text of a page without markup, one line per piece of text."""
    text = unescape(_NOT_TEXT.sub("\n", text_of(response)))
    return "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())


def says_maintenance(text: str) -> bool:
    """True for the words with which Salesforce asks people to come back later."""
    return bool(_MAINTENANCE.search(" ".join(text.lower().replace("\u2019", "'").split())))


def is_own_error_page(url: str) -> bool:
    """True for the address of one of Salesforce's own error pages, whatever it says."""
    path = urlsplit(url).path
    return any(name in path for name in _OWN_ERROR_PAGES)


def is_error_page(response: httpx2.Response, url: str) -> bool:
    """True for a page on which Salesforce tells people what is wrong, by its address or by its text."""
    return is_own_error_page(url) or bool(_ERROR_PAGE_TEXT.search(plain_text(response)))


def error_page_ahead(response: httpx2.Response) -> str:
    """The address of Salesforce's error page that a page sends browsers on to, '' when it doesn't."""
    for found in _SENT_ON.findall(text_of(response)):
        address = unescape("".join(found)).replace("\\/", "/").replace("\\u0026", "&").replace("\\x26", "&")
        with suppress(ValueError):
            if is_own_error_page(address):
                return address
    return ""


def refusal_in_address(url: str) -> tuple[str, str] | None:
    """(error, description) in an address, as in the Callback URL and Salesforce's error pages."""
    parts = urlsplit(url)
    values = {name.lower(): value for name, value in parse_qsl(f"{parts.query}&{parts.fragment}") if value}
    error = next((values[name] for name in _ERROR_PARAMETERS if name in values), "")
    description = next((values[name] for name in _DESCRIPTION_PARAMETERS if name in values), "")
    return (error, description) if error else None


def refusal_on_page(response: httpx2.Response) -> tuple[str, str] | None:
    """Return (error, description) that a page tells in its text, or in the address of the error page that it leads to;
    None when it tells none.
    """
    if ahead := refusal_in_address(error_page_ahead(response)):
        return ahead
    text = plain_text(response)
    if in_query := _ERROR_IN_TEXT.search(text):
        return in_query[1], unquote_plus(in_query[2] or "")
    if named := _CODE_ON_PAGE.search(text):
        return named[1], named[2] or ""
    known = _PHRASE_ON_PAGE.search(" ".join(text.split()))
    return (known[0], known[0]) if known else None


def trouble_instead_of_answer(
    response: httpx2.Response, asked: str, trusted: Collection[str]
) -> SalesforceError | None:
    """The reason why the host at the address `asked` doesn't answer properly, if the answer shows it: an address that
    moved, maintenance, too many requests, a fault of Salesforce.
    """
    status = response.status_code
    if status == 429:
        return SalesforceError(Problem.LOGIN_RATE_EXCEEDED, "HTTP 429")
    if status in REDIRECTS:
        return _moved(redirect_target(response, asked), asked, trusted)
    if says_maintenance(plain_text(response)):
        return SalesforceError(Problem.MAINTENANCE, _first_lines(response))
    return SalesforceError(Problem.SERVER_ERROR, f"HTTP {status}") if status >= 500 else None


def _moved(target: str, asked: str, trusted: Collection[str]) -> SalesforceError | None:
    if is_login_origin(target, trusted) and origin_of(target) != origin_of(asked):
        return SalesforceError(Problem.ADDRESS_MOVED, origin_of(target))
    host = urlsplit(target).hostname or ""
    return SalesforceError(Problem.NOT_SALESFORCE, f"redirect to {host}") if host else None


def _first_lines(response: httpx2.Response) -> str:
    return plain_text(response)[:300]


def not_salesforce(response: httpx2.Response) -> SalesforceError:
    """The error for an answer that can't be from Salesforce."""
    kind = response.headers.get("content-type", "no content type")
    return SalesforceError(Problem.NOT_SALESFORCE, f"HTTP {response.status_code}, {kind}")
