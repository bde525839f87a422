"""Addresses: the requested one, refused ones, and the site's public address behind any proxy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

from datasync_flask.config import LOOPBACK_HOSTS, Settings, SettingsError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class PublicPath:
    """WSGI middleware (PEP 3333): SCRIPT_NAME is always the public path, PATH_INFO never begins with it."""

    def __init__(self, app: WSGIApplication, path: str) -> None:
        self._app, self._path = app, path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request; addresses without the public path, such as /healthz, work too."""
        # Never a value from the request's headers, because links are built from it.
        environ["SCRIPT_NAME"] = self._path
        asked = environ.get("PATH_INFO", "")
        if self._path and (asked + "/").startswith(self._path + "/"):
            environ["PATH_INFO"] = asked.removeprefix(self._path) or "/"
        return self._app(environ, start_response)


class PublicIdConverter(BaseConverter):
    """The ids in addresses; an impossible id isn't looked up."""

    regex = "[0-9a-f]{16}"


def wants_fragment() -> bool:
    """True when htmx requests a fragment instead of a page."""
    return request.headers.get("HX-Request") == "true"


def is_api() -> bool:
    """True for requests to the HTTP API, which programs make."""
    return request.path.startswith("/api/")


def this_page() -> str:
    """The path of the requested page with its query, as a browser shows it."""
    return str(request.script_root + request.full_path.rstrip("?"))


def public_link(endpoint: str, **values: Any) -> str:
    """A page's full public address."""
    return str(current_app.config["SETTINGS"].public_origin + url_for(endpoint, **values))


def _refuse_nul() -> None:
    """Refuse addresses with NUL, which PostgreSQL can't store; forms strip it from their fields."""
    if "\x00" in request.path or any("\x00" in value for value in request.args.values()):
        abort(400)


def _to_the_public_address() -> ResponseReturnValue | None:
    """Redirect from localhost to 127.0.0.1 (or the other way round), to the address that cookies belong to."""
    if request.method != "GET" or wants_fragment() or is_api():
        return None
    if request.endpoint == "static" or request.blueprint == "operations":
        return None
    settings: Settings = current_app.config["SETTINGS"]
    wanted, given = urlsplit(settings.effective_public_url), urlsplit(request.host_url)
    both_local = {wanted.hostname or "", given.hostname or ""} <= LOOPBACK_HOSTS
    if both_local and wanted.hostname != given.hostname and wanted.port == given.port:
        return redirect(settings.effective_public_url + request.full_path.rstrip("?"), 302)
    return None


def refuse_own_path(app: Flask) -> None:
    """Refuse a public path that looks like one of our own pages, because a proxy may strip it."""
    settings: Settings = app.config["SETTINGS"]
    first = settings.public_path.partition("/")[2].partition("/")[0]
    if first and first in {rule.rule.split("/")[1] for rule in app.url_map.iter_rules()}:
        raise SettingsError(
            f"DATASYNC_PUBLIC_URL: /{first} is an address of DataSync's own pages; choose another path, like /datasync."
        )


def init_app(app: Flask) -> None:
    """Serve `app` below its public path, and refuse invalid addresses."""
    settings: Settings = app.config["SETTINGS"]
    app.wsgi_app = PublicPath(app.wsgi_app, settings.public_path)  # type: ignore[method-assign]
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=count, x_proto=count, x_host=count
        )
    app.url_map.converters["public_id"] = PublicIdConverter
    app.before_request(_refuse_nul)
    app.before_request(_to_the_public_address)
