"""Response headers of every answer, in one place."""

from __future__ import annotations

import secrets

from flask import Flask, Response, current_app, g, request

# Where our forms may lead: Chromium applies form-action to the redirect that follows a POST.
SALESFORCE_FORM_TARGETS = (
    "https://*.salesforce.com",
    "https://*.salesforce.mil",
    "https://*.sfcrmproducts.cn",
    "https://*.my-salesforce.com",
)


def csp_nonce() -> str:
    """This response's nonce: scripts and htmx attributes without it are ignored by the browser."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def _content_security_policy() -> str:
    trusted = current_app.config["SETTINGS"].salesforce_hosts
    # Only if something on the page uses it: most answers are polls without a page.
    scripts = f"'self' 'nonce-{csp_nonce()}'" if "csp_nonce" in g else "'self'"
    directives = {
        "default-src": "'none'",
        "script-src": scripts,
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "form-action": " ".join(("'self'", *SALESFORCE_FORM_TARGETS, *trusted)),
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def _add_headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _content_security_policy()
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    if current_app.config["SESSION_COOKIE_SECURE"]:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    if request.endpoint != "static":
        # Pages have people's data; a shared computer must not store them, nor answer a poll from its cache.
        response.headers["Cache-Control"] = "no-store"
    return response


def init_app(app: Flask) -> None:
    """Add the headers to every answer of `app`, and ``csp_nonce()`` to templates."""
    app.after_request(_add_headers)
    app.jinja_env.globals["csp_nonce"] = csp_nonce
