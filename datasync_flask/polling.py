"""Polls: open pages ask often, and get 304 before anything is loaded or rendered if nothing has changed."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, make_response, request
from flask_login import current_user

from datasync_flask.languages import language
from datasync_flask.roles import Role

_VERSION = importlib.metadata.version("datasync-flask")


def tag(version: str) -> str:
    """A tag that changes whenever a fragment would look different to this person."""
    # Look it up once: each use of the proxy would look it up again.
    person = current_user._get_current_object()
    can_edit = "e" if person.has_role(Role.EDITOR) else "v"
    automatic = "a" if person.continue_automatically else "m"
    return f"{_VERSION}-{version}-{can_edit}{automatic}{language()}"


def polled(version: Callable[..., str | None]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a view answer 304 while the browser has the current version.

    `version` gets the view's arguments and returns a value that changes with the view's content. None: there is no
    version, and the view always answers.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def answer(**arguments: Any) -> Any:
            # Read the version before the view: a change in between comes with the next poll.
            found = version(**arguments)
            if found is None:
                return view(**arguments)
            current = tag(found)
            # htmx sends the tag as HX-PTag, a browser as If-None-Match, which a proxy that packs answers has made weak.
            is_unchanged = request.headers.get("HX-PTag") == current or request.if_none_match.contains_weak(current)
            response = Response(status=304) if is_unchanged else make_response(view(**arguments))
            response.headers["HX-PTag"] = current
            response.set_etag(current)
            return response

        return answer

    return decorate
