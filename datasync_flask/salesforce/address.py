"""Checks whether the org is still at its token's address.

The login host knows the new address of an org that moved: it is a token answer's `instance_url`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from datasync_flask.salesforce.answers import BARE
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.oauth import TokenAnswer

T = TypeVar("T")

# Parts of OpenSSL's errors for a certificate that belongs to another host.
_OTHER_NAME = ("hostname mismatch", "is not valid for", "ip address mismatch")


def _is_bare(error: SalesforceError) -> bool:
    return error.problem in {Problem.NOT_FOUND, Problem.DATA_API_CLOSED} and error.detail == BARE


def may_have_moved(error: SalesforceError) -> bool:
    """True when a call with a token failed as if the org were no longer at the token's address."""
    if error.problem in {Problem.INSTANCE_MOVED, Problem.HOST_NOT_FOUND} or _is_bare(error):
        return True
    words = error.detail.lower()
    return any(part in words for part in _OTHER_NAME)


def at_the_orgs_address(
    token: TokenAnswer,
    refresh: Callable[[TokenAnswer], TokenAnswer],
    call: Callable[[], T],
    may_ask: Callable[[], bool],
) -> T:
    """The result of `call`; if the org seems to have moved, refresh `token` once and call once more.

    `refresh` asks the login host and makes `call` use the new token. If nothing connected, `may_ask` says whether to
    ask it. Raises SalesforceError: the login host's error, INSTANCE_MOVED when its answer didn't help, DATA_API_CLOSED
    when the org is where it was.
    """
    try:
        return call()
    except SalesforceError as error:
        is_unreachable = error.problem is Problem.CONNECTION_FAILED
        if not may_have_moved(error) and not (is_unreachable and may_ask()):
            raise
        first = error
    try:
        fresh = refresh(token)
    except SalesforceError as error:
        if error.problem is Problem.NO_REFRESH_TOKEN:
            raise _still_failing(first, is_same=False) from None
        if is_unreachable and error.problem.is_transient:
            raise first from None
        raise
    try:
        return call()
    except SalesforceError as error:
        raise _still_failing(error, is_same=token.instance_url == fresh.instance_url) from None


def _still_failing(error: SalesforceError, *, is_same: bool) -> SalesforceError:
    if not may_have_moved(error):
        return error
    if is_same and _is_bare(error):
        # The org is at this address, but has nothing at this path.
        return error
    is_closed = is_same and error.problem is Problem.INSTANCE_MOVED
    return SalesforceError(Problem.DATA_API_CLOSED if is_closed else Problem.INSTANCE_MOVED, error.detail)
