"""An id for each request and each background task: in log lines, in the answer, and in calls to Salesforce."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, Response, request
from structlog.contextvars import bind_contextvars, bound_contextvars, clear_contextvars, get_contextvars

HEADER = "X-Request-ID"
# The allowed form of a proxy's id; anything else could forge log lines.
_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{8,64}")


def init_app(app: Flask) -> None:
    """Give every request of `app` an id."""
    app.before_request(_begin)
    app.after_request(_tell)


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    clear_contextvars()
    bind_contextvars(request_id=given if _ACCEPTED.fullmatch(given) else secrets.token_hex(8))


def _tell(response: Response) -> Response:
    mark = get_contextvars().get("request_id")
    if mark:
        response.headers[HEADER] = mark
    return response


@contextmanager
def marked(what: str) -> Iterator[None]:
    """Give a background task an id; `what` is its subject, such as a run's id."""
    with bound_contextvars(request_id=f"{what}-{secrets.token_hex(4)}"):
        yield
