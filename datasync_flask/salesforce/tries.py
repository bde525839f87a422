"""How often one request is tried: again after transient errors, and with a renewed token after its session ended.

They are counted separately: a 503 uses no renewal, an ended session no try.
"""

from __future__ import annotations

import random
from typing import Protocol

from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.oauth import TokenAnswer

TRIES = 5
# An unknown error may be transient or final; a time-out has already cost time.
FEWER_TRIES = {Problem.UNEXPECTED: 3, Problem.NO_ANSWER_IN_TIME: 3}
MAX_RENEWALS = 3
FIRST_PAUSE, MAX_PAUSE = 0.5, 30.0
# These last hours, not seconds.
_LASTING = frozenset(
    {
        Problem.REQUEST_LIMIT_EXCEEDED, Problem.LOGIN_RATE_EXCEEDED, Problem.HOST_NOT_FOUND, Problem.INSTANCE_MOVED,
        Problem.CERTIFICATE_NOT_TRUSTED,
    }
)  # fmt: skip


class Caller(Protocol):
    """The sender of the requests."""

    @property
    def token(self) -> TokenAnswer:
        """The token of the next request."""

    def renew(self, stale: TokenAnswer) -> object:
        """Replace `token` if it is `stale`. Raises SalesforceError."""

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
        """Prepare for another try; if there is none, raise `error` or the error of renewing the token."""
        if error.problem is Problem.SESSION_REFUSED:
            self._renew(error)
        else:
            self._wait(error)
        self._token = self._caller.token

    def _renew(self, error: SalesforceError) -> None:
        if self._renewals >= MAX_RENEWALS:
            raise error
        stale = self._token
        # Another thread may have renewed it.
        if self._caller.token.access_token == stale.access_token:
            try:
                self._caller.renew(stale)
            except SalesforceError as refusal:
                self._wait(refusal)
                return
            if self._caller.token.access_token == stale.access_token:
                # Salesforce takes the session for valid, so one of its servers may not know it yet.
                if self._renewals >= self._most:
                    raise error
                self._caller.wait(FIRST_PAUSE * 4**self._renewals)
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
