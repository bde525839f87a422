"""The practice org as a program: one process, threads, on loopback, http or https."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from pathlib import Path
from typing import Any

import trustme
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from datasync_flask.practice_org import (
    api_views,
    bulk_views,
    composite_views,
    control_views,
    identity_views,
    layout_views,
    oauth_views,
    object_views,
    query_views,
    refused_views,
    search_views,
    setup_views,
    token_views,
)
from datasync_flask.practice_org.answers import answer_alike
from datasync_flask.practice_org.big_org import grow
from datasync_flask.practice_org.org import Org

_VIEWS = (
    oauth_views, token_views, identity_views, api_views, object_views, layout_views, query_views, search_views,
    composite_views, bulk_views, refused_views, setup_views, control_views,
)  # fmt: skip


class QuietHandler(WSGIRequestHandler):
    """Prints no line for each request, because requests contain codes and secrets."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""

    def log_error(self, format: str, *args: Any) -> None:  # noqa: A002 (named so by its base)
        """Log nothing: often a fault is meant to make a client hang up."""


def create_practice_org(org: Org) -> Flask:
    """The practice org's web app."""
    app = Flask(__name__, template_folder="templates", static_folder=None)
    # Not the app's cookie name: cookies know no ports.
    app.config.update(SECRET_KEY="practice org", SESSION_COOKIE_NAME="practice_session", ORG=org)
    app.jinja_env.globals["setup_menu"] = setup_views.MENU
    app.jinja_env.tests["contains"] = lambda text, part: part.lower() in text.lower()
    answer_alike(app)
    for views in _VIEWS:
        app.register_blueprint(views.bp)
    return app


def serve(
    host: str,
    port: int,
    *,
    propagation: float,
    tls: bool = False,
    state: Path | None = None,
    rows: int = 0,
    objects: int = 0,
    latency: float = 0.0,
    bandwidth: float = 0.0,
) -> None:
    """Serve until interrupted; with `tls`, print the path of the certificate to trust."""
    scheme, context = "http", None
    org = Org(propagation, state)
    org.settings.latency, org.settings.bandwidth = latency, bandwidth
    grow(org.data, objects)
    for name, share in (("Account", 1.0), ("Contact", 0.5), ("Opportunity", 0.25)):
        org.data.generate(name, int(rows * share))
    org.data.generate("OrderStatus", min(rows, 4))
    with contextlib.ExitStack() as stack:
        if tls:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="practice-org-")))
            scheme, context = "https", _certificate(host, folder)
        server = make_server(
            host,
            port,
            create_practice_org(org),
            threaded=True,
            request_handler=QuietHandler,
            ssl_context=context,
        )
        if not state:
            print(f"The practice org is at {scheme}://{host}:{port}/lightning/setup/home", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def _certificate(host: str, folder: Path) -> Any:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host, "localhost", "127.0.0.1").configure_cert(context)
    print(f"Trust this certificate authority: SSL_CERT_FILE={folder / 'ca.pem'}", flush=True)
    return context
