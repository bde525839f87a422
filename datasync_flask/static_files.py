"""Addresses of static files. They have a fingerprint of the file, so browsers can cache it."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, request, url_for

A_YEAR = round(timedelta(days=365).total_seconds())
# Modules import each other by relative addresses, so they share a fingerprint and a page never mixes two versions.
MODULES = "js"


def init_static_files(app: Flask) -> None:
    """Serve static files below their fingerprint too, and add ``asset()`` to templates."""
    app.view_functions["static"] = _send
    app.add_url_rule(f"{app.static_url_path}/v-<fingerprint>/<path:filename>", endpoint="static")
    app.after_request(_read_whole)
    app.jinja_env.globals["asset"] = asset


def asset(name: str) -> str:
    """The address of a static file."""
    return url_for("static", fingerprint=_fingerprint(name), filename=name)


def _send(filename: str, fingerprint: str = "") -> Response:
    response = current_app.send_static_file(filename)
    if fingerprint and fingerprint == _fingerprint(filename):
        response.cache_control.max_age = A_YEAR
        response.cache_control.immutable = True
    elif fingerprint:
        # During an upgrade a page of the new version may ask a process of the old one.
        response.cache_control.max_age = None
        response.cache_control.no_cache = True
    return response


def _read_whole(response: Response) -> Response:
    """Read a static file whole, because compressing a stream would leave it open."""
    if request.endpoint == "static" and response.is_streamed:
        response.direct_passthrough = False
        response.get_data()
    return response


def _fingerprint(name: str) -> str:
    return _fingerprint_of(Path(str(current_app.static_folder)) / name)


@lru_cache(maxsize=256)
def _fingerprint_of(file: Path) -> str:
    files = sorted(file.parent.glob("*.js")) if file.parent.name == MODULES else [file]
    return hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()[:12]
