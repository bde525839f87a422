"""What every template has at hand, and the files that pages refer to."""

from __future__ import annotations

import hashlib
import importlib.metadata
from datetime import datetime
from functools import cache

from flask import Flask, Response, request, url_for
from flask_babel import gettext
from flask_wtf.csrf import generate_csrf
from jinja2 import StrictUndefined
from markupsafe import Markup

from datasync_flask.addresses import this_page
from datasync_flask.extensions import compress, csrf
from datasync_flask.installed_files import resource_dir


def _read_static(response: Response) -> Response:
    """Read a static file whole: compressed as a stream it would be left open."""
    if request.endpoint == "static" and response.is_streamed:
        response.direct_passthrough = False
        response.get_data()
    return response


@cache
def _fingerprint(name: str) -> str:
    return hashlib.sha256((resource_dir("static") / name).read_bytes()).hexdigest()[:12]


def _asset(name: str) -> str:
    """Return the address of a static file, with its content's fingerprint so that browsers may keep it."""
    return url_for("static", filename=name, v=_fingerprint(name))


def _time_tag(moment: datetime | None, style: str = "ago") -> Markup:
    """Return a <time> element; a small script shows it in the reader's zone, or as "2 minutes ago"."""
    if moment is None:
        return Markup(gettext("never"))  # noqa: S704 (a word of ours)
    exact = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    shown_as = Markup("") if style == "ago" else Markup(' data-style="{}"').format(style)
    return Markup('<time datetime="{}"{}>{}</time>').format(moment.isoformat(timespec="seconds"), shown_as, exact)


def init_app(app: Flask) -> None:
    """Give templates what they have in common; protect forms, compress static files."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        asset=_asset,
        csrf_token=generate_csrf,
        this_page=this_page,
        version=importlib.metadata.version("datasync-flask"),
    )
    app.jinja_env.filters.update(time_tag=_time_tag, zipped=zip)
    csrf.init_app(app)
    compress.init_app(app)
    # Runs before the compression: the last one registered is the first.
    app.after_request(_read_static)
