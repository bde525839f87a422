"""Cleans an app's Client ID and Client Secret as people paste them, and refuses what can't be one.

Form, hand-off page, API and files all use this. Any visible ASCII may be valid; only certain mistakes are refused.
"""

from __future__ import annotations

import re
import unicodedata

from flask_babel import gettext
from wtforms.validators import ValidationError

_MAX_LENGTH = 512
_QUOTES = "\"'`\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\u00ab\u00bb\u2039\u203a\u300c\u300d"
_LABEL = re.compile(
    rf"[{_QUOTES}]?(consumer[ _-]?(key|secret)|client[ _-]?(id|secret))[{_QUOTES}]?\s*([:=]\s*|\s+)",
    re.IGNORECASE,
)
_MASKED = re.compile(r"[\u2022\u25cf\u2219\u00b7\u2024\u2026\u26ab*.]{3,}")
_E_MAIL = re.compile(r"[^@\s]+@[^@\s]+")
_URL = re.compile(r"https?:|[a-z][a-z0-9+.-]*://|www\.|[^/?=]*\.(salesforce|force|site)\.com(/|$)", re.IGNORECASE)
# What Salesforce's pages show as Consumer Secret: 64 hexadecimal digits, or 16 to 20 decimal ones for old apps.
_SECRET = re.compile(r"[0-9A-Fa-f]{64}")
_OLD_SECRET = re.compile(r"\d{16,20}")
_SEVERAL_SECRETS = re.compile(r"([0-9A-Fa-f]{64}){2,}")
_CONSUMER_KEY = re.compile(r"3MVG[0-9A-Za-z._]{20,}")
_KEY_LENGTH = 85
# A whole key with whatever stands around it.
_KEY_INSIDE = re.compile(r"3MVG[0-9A-Za-z._]{50,}")
# What Salesforce gives out besides: access tokens, refresh tokens, authorization codes, signed tokens.
_TOKEN = re.compile(
    r"00D[0-9A-Za-z]{12,15}![\x21-\x7e]+|5Aep861[\x21-\x7e]{10,}|aPrx[\x21-\x7e]{20,}|eyJ[\w-]+\.[\w.-]+"
)
# Ids of orgs, users, apps and records, as in the address bar of the page with the key.
_SHORT_ID = re.compile(r"(00D|005|00e|0H4|0Ci|0xI|888|001|003)[0-9A-Za-z]{12}")


class ValueRefused(ValidationError):
    """The entered text can't be the value; says why, to the person who typed it. A validator lets it pass."""

    def __init__(self, message: str) -> None:
        super().__init__(gettext(message))


def client_id_in(text: str) -> str:
    """The Client ID in `text`, '' for none. Raises ValueRefused for anything that certainly isn't one."""
    value = _cleaned(text).strip(_QUOTES)
    if value.endswith((",", ";")) or (value.endswith(".") and not _is_whole_key(value)):
        value = _cleaned(value[:-1])
    if not value:
        return ""
    _refuse_what_neither_is(value)
    if len(value) > _MAX_LENGTH:
        raise ValueRefused("This is too long for a Client ID. Copy only the Consumer Key.")
    if _E_MAIL.fullmatch(value):
        raise ValueRefused("This is an email address. The Client ID is the app’s Consumer Key in Salesforce.")
    if _SECRET.fullmatch(value) or _OLD_SECRET.fullmatch(value):
        raise ValueRefused("This looks like the Client Secret. The Client ID is the Consumer Key above it.")
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        raise ValueRefused("A Client ID has only letters, digits and signs, no spaces. Copy it again.")
    if _holds_more_than_key(value):
        raise ValueRefused("There is more here than the Client ID. Copy only the Consumer Key.")
    return value


def client_secret_in(text: str, *, client_id: str) -> str:
    """The Client Secret in `text`, '' for none. Raises ValueRefused for anything that certainly isn't one."""
    value = _cleaned(text)
    without_end = _cleaned(value[:-1]) if value.endswith((",", ";", ".")) else value
    # Other characters at the end may belong to a secret that doesn't have Salesforce's form.
    if _SECRET.fullmatch(without_end) or _OLD_SECRET.fullmatch(without_end) or value[-2:-1] in set(_QUOTES):
        value = without_end
    if not value:
        return ""
    _refuse_what_neither_is(value)
    if _CONSUMER_KEY.fullmatch(value) or value == client_id:
        raise ValueRefused("This is the Client ID. The Client Secret is the Consumer Secret, which stands below it.")
    if len(value) > _MAX_LENGTH or not re.fullmatch(r"[\x21-\x7e]+", value):
        raise ValueRefused("This can’t be a Client Secret. Copy only the Consumer Secret.")
    if _KEY_INSIDE.search(value) or _SEVERAL_SECRETS.fullmatch(value):
        raise ValueRefused("There is more here than the Client Secret. Copy only the Consumer Secret.")
    return value


def _cleaned(text: str) -> str:
    """Text without what gets copied along: invisible characters, white space, a label, quotes around it."""
    value = "".join(each for each in text if unicodedata.category(each) != "Cf").strip(" \t\r\n\f\v\xa0\x00").strip()
    value = _LABEL.sub("", value, count=1) if _LABEL.match(value) else value
    while len(value) > 1 and value[0] in _QUOTES and value.rstrip(",;.")[-1:] in set(_QUOTES):
        value = value.rstrip(",;.")[1:-1].strip()
    return value


def _holds_more_than_key(value: str) -> bool:
    """True when a Consumer Key has another one, the secret or other signs beside it."""
    found = _KEY_INSIDE.search(value)
    if found is None:
        return False
    rest = value[_KEY_LENGTH:]
    return found[0] != value or "3MVG" in rest or bool(_SECRET.fullmatch(rest) or _SEVERAL_SECRETS.fullmatch(rest))


def _is_whole_key(value: str) -> bool:
    # A Consumer Key may itself end with a dot: then it has the usual length.
    return bool(_CONSUMER_KEY.fullmatch(value)) and len(value) == _KEY_LENGTH


def _refuse_what_neither_is(value: str) -> None:
    if _MASKED.fullmatch(value):
        raise ValueRefused("These dots stand for a hidden value. Show the value in Salesforce, then copy it.")
    if _URL.match(value):
        raise ValueRefused(
            "This is an address. Copy only the value itself; in an authorize address it stands after client_id=."
        )
    if _TOKEN.fullmatch(value):
        raise ValueRefused("This is a token that Salesforce gave. Copy the value from Consumer Key and Secret.")
    if _SHORT_ID.fullmatch(value) or _is_record_id(value):
        raise ValueRefused(
            "This is a Salesforce id, such as those in the address bar. Copy the value from Consumer Key and Secret."
        )


def _is_record_id(value: str) -> bool:
    """True for an id of 18 characters, whose last three are a checksum over the case of the others."""
    if not re.fullmatch(r"[0-9A-Za-z]{15}[A-Z0-5]{3}", value):
        return False
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
    parts = (value[0:5], value[5:10], value[10:15])
    sums = (sum(each.isascii() and each.isupper() and 1 << at for at, each in enumerate(part)) for part in parts)
    return value[15:] == "".join(letters[each] for each in sums)
