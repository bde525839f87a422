"""Why a message wasn't delivered: stored in English with its values, translated where it is shown."""

from __future__ import annotations

import re

TOO_SLOW = "there was no whole answer within %(seconds)s seconds"
NO_RESULT = "sending ended without a result"
NO_MAIL_SERVER = "DATASYNC_SMTP_URL isn’t set"
NOT_ENCRYPTED = (
    "the mail server %(host)s offers no encryption (STARTTLS), so nothing was sent; use smtps:// in "
    "DATASYNC_SMTP_URL, or put ?tls=off behind it to send unencrypted"
)
# By what happened; _what_happened in courier.py says which.
BY_MAIL_SERVER = {
    "no_answer": "the mail server %(host)s didn’t answer in time",
    "no_sign_in": "the mail server %(host)s refused the sign-in",
    "not_reached": "the mail server %(host)s can’t be reached",
    "not_taken": "the mail server %(host)s didn’t take it (%(error)s)",
}
BY_HOST = {
    "no_answer": "%(host)s didn’t answer in time",
    "not_reached": "%(host)s can’t be reached",
    "not_taken": "%(host)s didn’t take it (%(error)s)",
}
HTTP_STATUS = "%(host)s answered HTTP %(status)s"
NO_SERVICE = "this isn’t an address that Apprise knows"
SERVICE_NOT_TAKEN = "%(name)s: the service didn’t take it"
UNREADABLE = "its address can’t be read with the present keys: remove it and add it again"
INTERNAL = "%(host)s is an internal address, and internal addresses aren’t allowed for it"
LEADS_INSIDE = "it leads to %(host)s, and internal addresses aren’t allowed for it"
NO_HOST = "a socket of this machine isn’t a target"
NO_FILES = "no files of this machine"
NO_PROGRAMS = "no programs of this machine"
# Of a target that is refused (targets.py), in the form or later.
IN_CLEAR = (
    "%(scheme)s:// sends everything unencrypted. Use %(encrypted)s://, or allow an internal address if the "
    "receiver is on this machine or in its own network."
)
OTHER_SERVICE = "%(scheme)s:// isn’t a service that notices can go to. Choose one reached over https."
REFUSED_PARAMETERS = "Addresses with template=, verify=, redirect= or the name of a file aren’t used. Leave that out."
INTERNAL_TARGET = "%(host)s is an internal address, and internal addresses aren’t allowed for it."

# In this order: what begins with a value matches what begins with words, too.
FAILURES = (
    TOO_SLOW, NO_RESULT, NO_MAIL_SERVER, NOT_ENCRYPTED, *BY_MAIL_SERVER.values(), *BY_HOST.values(), HTTP_STATUS,
    NO_SERVICE, SERVICE_NOT_TAKEN, UNREADABLE, INTERNAL, LEADS_INSIDE, NO_HOST, NO_FILES, NO_PROGRAMS, IN_CLEAR,
    OTHER_SERVICE, REFUSED_PARAMETERS, INTERNAL_TARGET,
)  # fmt: skip


class NotSent(Exception):
    """A message couldn't be delivered; the text says why, without any secret."""

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message % values if values else message)


def parts_of(text: str) -> tuple[str, dict[str, str]]:
    """The message that a stored text was made of, and its values; the text itself if it is none of ours."""
    for message in FAILURES:
        pattern = re.sub(r"%\\\((\w+)\\\)s", r"(?P<\1>.+)", re.escape(message))
        if found := re.fullmatch(pattern, text):
            return message, found.groupdict()
    return text, {}
