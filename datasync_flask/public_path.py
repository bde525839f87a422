"""All pages below the path of the public address, behind proxies that strip that path and those that keep it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class PublicPath:
    """WSGI middleware (PEP 3333): SCRIPT_NAME is always the public path, PATH_INFO never begins with it."""

    def __init__(self, app: WSGIApplication, path: str) -> None:
        self._app, self._path = app, path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request; addresses without the public path, such as /healthz, work too."""
        # Never what a request's own headers made of it: links are built from it.
        environ["SCRIPT_NAME"] = self._path
        asked = environ.get("PATH_INFO", "")
        if self._path and (asked + "/").startswith(self._path + "/"):
            environ["PATH_INFO"] = asked.removeprefix(self._path) or "/"
        return self._app(environ, start_response)
