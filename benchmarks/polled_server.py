"""What polls are measured against, behind the web server that `datasync web` uses.

Run as ``python -m benchmarks.polled_server app|flask`` with DataSync's settings in the environment: "app" is DataSync
with a view ``/bare`` that returns a constant, "flask" is an app that has only that view.
"""

from __future__ import annotations

import sys

from flask import Flask

from datasync_flask import create_app
from datasync_flask.accounts.rights import public
from datasync_flask.cli.web_server import WebServer
from datasync_flask.config import load_settings


def main() -> None:
    """Serve until killed."""
    settings = load_settings()
    app = create_app(settings) if sys.argv[1] == "app" else Flask("bare")
    app.add_url_rule("/bare", "bare", public(lambda: "constant"))
    WebServer(app, settings, 1).run()


if __name__ == "__main__":
    main()
