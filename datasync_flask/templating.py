"""Filters and functions for all templates."""

from __future__ import annotations

import importlib.metadata
import re
from datetime import datetime

from flask import Flask
from flask_babel import gettext
from flask_wtf.csrf import generate_csrf
from jinja2 import StrictUndefined
from markupsafe import Markup

from datasync_flask import sections
from datasync_flask.addresses import this_page
from datasync_flask.extensions import compress, csrf
from datasync_flask.static_files import init_static_files


def time_tag(moment: datetime | None, style: str = "ago") -> Markup:
    """A <time> element; a small script shows it in the reader's zone, or as "2 minutes ago"."""
    if moment is None:
        return Markup(gettext("never"))  # noqa: S704 (a word of ours)
    exact = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    shown_as = Markup("") if style == "ago" else Markup(' data-style="{}"').format(style)
    return Markup('<time datetime="{}"{}>{}</time>').format(moment.strftime("%Y-%m-%dT%H:%M:%SZ"), shown_as, exact)


# After a slash or an underscore, and before a capital inside a word.
_BREAKS = re.compile(r"(?<=[^/]/)(?=[^/])|(?<=[^_]_)(?=[^_])|(?<=__)(?=[^_])|(?<=[a-z])(?=[A-Z])")


def _breakable(name: str) -> Markup:
    """An address or a name that breaks between its words, not within them."""
    return Markup("<wbr>").join(_BREAKS.split(name))


def _without_indent(html: str) -> Markup:
    """The HTML of many rows without the template's indentation, which would be a fifth of its size."""
    # Around cells white space means nothing.
    joined = re.sub(r"\s*\n\s*(</?t[dr]\b|>)", r"\1", str(html))
    return Markup(re.sub(r"\s*\n\s*", "\n", re.sub(" {2,}", " ", joined)))  # noqa: S704 (escaped when it was rendered)


def init_app(app: Flask) -> None:
    """Set up templates, CSRF protection and compression of static files."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        section=sections.section,
        csrf_token=generate_csrf,
        this_page=this_page,
        version=importlib.metadata.version("datasync-flask"),
    )
    app.jinja_env.filters["time_tag"] = time_tag
    app.jinja_env.filters["breakable"] = _breakable
    app.jinja_env.filters["without_indent"] = _without_indent
    csrf.init_app(app)
    compress.init_app(app)
    # Runs before the compression, because the last one registered runs first.
    init_static_files(app)
