"""DataSync for Salesforce: connect Salesforce as a data source, and keep it connected."""

from __future__ import annotations

from importlib import import_module

from flask import Flask

from datasync_flask import addresses
from datasync_flask.config import Settings, load_settings
from datasync_flask.installed_files import resource_dir

# The parts of an app, from the bottom up, as in CONTRIBUTING.md; each module has init_app(app). These are names and not
# imports, because commands start without them, and workers and runs without pages.
PARTS = (
    "logs",
    "extensions",
    "counters",
    "security.crypto",
    "queue",
    "languages",
    "salesforce_connections.unfinished_attempts",
    "notices.signals",
)
PAGES = (
    "templating",
    "request_ids",
    "addresses",
    "security.headers",
    "audit.part",
    "accounts.part",
    "connections.part",
    "salesforce_connections.part",
    "destinations.part",
    "extractions.part",
    "notices.part",
    "operations.part",
    "help.part",
    "home.part",
    "api.views",
    "moving_in.part",
    "error_pages",
)
# A form is a few kilobytes; nothing here takes uploads.
MAX_BODY_BYTES = 256 * 1024


def create_app(settings: Settings | None = None, *, pages: bool = True) -> Flask:
    """The web app; without `pages` only what workers and runs need, which starts in half the time.

    Raises SettingsError when a DATASYNC_* variable cannot be used.
    """
    settings = settings or load_settings()
    app = Flask(
        __name__,
        template_folder=str(resource_dir("templates")),
        static_folder=str(resource_dir("static")),
        instance_path=str(settings.instance_dir.resolve()),
    )
    is_https = settings.effective_public_url.startswith("https://")
    app.config.update(
        SETTINGS=settings,
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.effective_database_url,
        # A server may have closed a connection meanwhile; a file can't, and each ping takes time.
        SQLALCHEMY_ENGINE_OPTIONS={"pool_pre_ping": not settings.effective_database_url.startswith("sqlite")},
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        # Cookies ignore ports: with its own name, the cookie doesn't clash with other programs on this computer.
        SESSION_COOKIE_NAME="datasync_session",
        # Also the path of cookies, so that other programs on the host never get them.
        APPLICATION_ROOT=settings.public_path or "/",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=is_https,
        # A poll must not prolong anything.
        SESSION_REFRESH_EACH_REQUEST=False,
        PREFERRED_URL_SCHEME="https" if is_https else "http",
        # The token is valid as long as the session, because a form may stay open for hours.
        WTF_CSRF_TIME_LIMIT=None,
        # Referrer-Policy: no-referrer leaves nothing to compare; the token alone decides.
        WTF_CSRF_SSL_STRICT=False,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
        # Static files only: if a page has a token and echoes input, its compressed length reveals the token.
        COMPRESS_MIMETYPES=["text/css", "text/javascript", "application/javascript", "image/svg+xml"],
    )
    for name in (*PARTS, *PAGES) if pages else PARTS:
        import_module(f"datasync_flask.{name}").init_app(app)
    if pages:
        addresses.refuse_own_path(app)
    return app
