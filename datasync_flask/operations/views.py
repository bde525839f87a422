"""Addresses for monitoring: alive, ready, metrics."""

from __future__ import annotations

import hmac
import logging
from contextlib import suppress

from flask import Blueprint, abort, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from datasync_flask.accounts import guessing
from datasync_flask.accounts.rights import public
from datasync_flask.operations import health, metrics

bp = Blueprint("operations", __name__)
log = logging.getLogger(__name__)

TEXT = {"Content-Type": "text/plain; charset=utf-8"}


@bp.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    """Alive."""
    return "ok\n", 200, TEXT


@bp.get("/readyz")
@public
def readyz() -> ResponseReturnValue:
    """Ready: the database and the queue answer, and a worker was seen recently."""
    parts = health.parts()
    body = "".join(f"{part.name}: {part.text}\n" for part in parts)
    if all(part.is_well for part in parts):
        return body, 200, TEXT
    log.warning("not ready: %s", "; ".join(f"{part.name} {part.text}" for part in parts if not part.is_well))
    return body, 503, TEXT


def _is_metrics_token(given: str, token: str) -> bool:
    """True for the right token. Raises TooManyTries, because people choose this token and it may be weak."""
    if not given:
        return False
    limit, is_right = guessing.of_network("metrics"), hmac.compare_digest(given.encode(), token.encode())
    # Without the database there is no count, but metrics must still report the outage.
    with suppress(SQLAlchemyError):
        guessing.take(limit)
        if is_right:
            guessing.give_back(limit)
    return is_right


@bp.get("/metrics")
@public
def show_metrics() -> ResponseReturnValue:
    """Metrics for Prometheus; if DATASYNC_METRICS_TOKEN is set, only for clients that send it."""
    token = current_app.config["SETTINGS"].metrics_token
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and not _is_metrics_token(given, token):
        abort(401)
    return metrics.text(), 200, {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
