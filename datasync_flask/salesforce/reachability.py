"""Whether an address can be reached from here, and its clock, for `datasync doctor`. Sends no secret."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from datasync_flask.salesforce.identity import VERSIONS_PATH
from datasync_flask.salesforce.transport import BoundedClient, time_of


@dataclass(frozen=True)
class Answer:
    """An answer: the status, the body's first characters, and the server's clock if it sent one."""

    status: int
    text: str
    server_time: datetime | None


def ask(url: str, trusted: Collection[str] = ()) -> Answer:
    """The answer to a GET of `url`. Raises SalesforceError when there is none, or the address isn't trusted."""
    with BoundedClient(trusted) as client:
        response = client.get(url)
    return Answer(response.status_code, response.content[:200].decode("utf-8", "replace"), time_of(response))


def ask_login_host(origin: str, trusted: Collection[str] = ()) -> Answer:
    """A Salesforce host's answer to a request for the list of API versions, which needs no token (REST API Developer
    Guide "Versions"). Raises SalesforceError.
    """
    return ask(origin + VERSIONS_PATH, trusted)
