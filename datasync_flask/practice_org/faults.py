"""Produces the faults that were requested."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

from flask import Response, abort, current_app, request

from datasync_flask.practice_org.org import Fault, Org

# In the environment of a composite request's inner requests, with the fault that they met.
IS_INNER, INNER_FAULT = "practice.inner", "practice.fault"


def the_org() -> Org:
    """The org of the current app."""
    org: Org = current_app.config["ORG"]
    return org


def count_and_fault(at: str, client_id: str = "") -> Fault | None:
    """Count a request to an endpoint, and produce the due fault if it replaces the whole answer."""
    org = the_org()
    if request.environ.get(IS_INNER):
        inherited: Fault | None = request.environ[INNER_FAULT]
        return inherited
    with org.lock:
        org.requests[at] += 1
    fault = org.take_fault(at, client_id)
    if fault is None:
        return None
    if fault.kind == "hang":
        time.sleep(min(fault.seconds, 60))
        return None
    if fault.kind == "reset":
        # Hang up: nothing that the server writes after this arrives.
        request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        abort(Response(""))
    if fault.kind == "drip":
        abort(Response(_dripping(fault.seconds), content_type=fault.headers.get("Content-Type", "application/json")))
    if fault.kind == "endless":
        abort(Response(_endless(), content_type="application/json"))
    if fault.kind == "answer":
        abort(Response(fault.body, fault.status, fault.headers))
    return fault


def _endless() -> Iterator[bytes]:
    for _ in range(64):
        yield b" " * 65536


def _dripping(seconds: float) -> Iterator[bytes]:
    """Yield one byte every `seconds`, until the client hangs up."""
    while True:
        yield b" "
        time.sleep(seconds)
