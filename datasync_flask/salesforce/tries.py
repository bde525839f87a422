"""How often one request is made: again after what passes, with a renewed token after a session that ended.

Both are counted apart: a 503 uses up no renewal, an ended session no try.
"""

from __future__ import annotations

import random
from typing import Protocol

from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.oauth import TokenAnswer

TRIES = 5
# What isn't known may be as passing as it may be final; an answer that doesn't come has been waited for already.
FEWER_TRIES = {Problem.UNEXPECTED: 3, Problem.NO_ANSWER_IN_TIME: 3}
MAX_RENEWALS = 3
FIRST_PAUSE, MAX_PAUSE = 0.5, 30.0
# These pass within hours, not seconds.
_LASTING = frozenset(
    {
        Problem.REQUEST_LIMIT_EXCEEDED, Problem.LOGIN_RATE_EXCEEDED, Problem.HOST_NOT_FOUND, Problem.INSTANCE_MOVED,
        Problem.CERTIFICATE_NOT_TRUSTED,
    }
)  # fmt: skip


class Caller(Protocol):
    """What makes the requests."""

    @property
    def token(self) -> TokenAnswer:
        """The token that the next request goes with."""

    def renew(self, stale: TokenAnswer) -> object:
        """Make `token` one that isn't `stale`. Raises SalesforceError."""

    def wait(self, seconds: float) -> None:
        """Wait; may raise to stop."""


class Tries:
    """The tries of one request."""

    def __init__(self, caller: Caller, *, most: int = TRIES) -> None:
        """Allow `most` tries; renewals come on top."""
        self._caller, self._most = caller, most
        self._done: dict[Problem, int] = {}
        self._renewals = 0
        self._token = caller.token

    def again(self, error: SalesforceError) -> None:
        """When the request is to be made again; raise `error`, or what renewing the token ended with, if not."""
        if error.problem is Problem.SESSION_REFUSED:
            self._renew(error)
        else:
            self._wait(error)
        self._token = self._caller.token

    def _renew(self, error: SalesforceError) -> None:
        if self._renewals >= MAX_RENEWALS:
            raise error
        stale = self._token
        # Somebody else, reading beside this one, may have renewed it.
        if self._caller.token.access_token == stale.access_token:
            try:
                self._caller.renew(stale)
            except SalesforceError as refusal:
                self._wait(refusal)
                return
            if self._caller.token.access_token == stale.access_token:
                raise error
        self._renewals += 1

    def _wait(self, error: SalesforceError) -> None:
        problem = error.problem
        is_worth_it = (problem.is_transient and problem not in _LASTING) or problem is Problem.UNEXPECTED
        self._done[problem] = self._done.get(problem, 0) + 1
        tries = sum(self._done.values())
        if not is_worth_it or tries >= self._most or self._done[problem] >= FEWER_TRIES.get(problem, TRIES):
            raise error
        pause = FIRST_PAUSE * 4 ** (tries - 1) * random.uniform(0.7, 1.3)  # noqa: S311 (not for secrets)
        self._caller.wait(min(max(pause, error.retry_after or 0.0), MAX_PAUSE))
