"""The Setup screens that the guide leads through, in Salesforce's words."""

from __future__ import annotations

import dataclasses
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, send_from_directory, url_for
from flask.typing import ResponseReturnValue

from datasync_flask.practice_org.faults import the_org
from datasync_flask.practice_org.oauth_views import is_logged_in
from datasync_flask.practice_org.org import USERNAME, App

bp = Blueprint("setup", __name__)

SCOPE_LABELS = {
    "api": "Manage user data via APIs (api)",
    "refresh_token": "Perform requests at any time (refresh_token, offline_access)",
    "id": "Access the identity URL service (id, profile, email, address, phone)",
    "full": "Full access (full)",
    "web": "Manage user data via Web browsers (web)",
    "openid": "Access unique user identifiers (openid)",
    "chatter_api": "Access Connect REST API resources (chatter_api)",
    "visualforce": "Access Visualforce applications (visualforce)",
}
KINDS = {
    "external": ("External Client App", "ManageExternalClientApplication"),
    "connected": ("Connected App", "NavigationMenus"),
}

MENU = {
    "": (("Setup Home", "/lightning/setup/home"),),
    "Platform Tools, Apps": (
        ("App Manager", "/lightning/setup/NavigationMenus/home"),
        ("External Client App Manager", "/lightning/setup/ManageExternalClientApplication/home"),
        ("Connected Apps OAuth Usage", "/lightning/setup/ConnectedAppsUsage/home"),
    ),
}


@bp.before_request
def _log_in_first() -> ResponseReturnValue | None:
    if request.endpoint != "setup.style" and not is_logged_in():
        return redirect(url_for("oauth.login_page", startURL=request.full_path.rstrip("?")))
    return None


@bp.get("/practice.css")
def style() -> Response:
    """The stylesheet of all the practice org's pages."""
    return send_from_directory(bp.root_path, "practice.css")


@bp.get("/lightning/setup/home")
def home() -> ResponseReturnValue:
    """Setup Home with its Quick Find menu."""
    return render_template("setup_home.html")


def _kind_of(menu: str) -> str:
    kind = next((key for key, (_, name) in KINDS.items() if name == menu), None)
    if kind is None:
        abort(404)
    return kind


@bp.get("/lightning/setup/<menu>/home")
def manager(menu: str) -> ResponseReturnValue:
    """External Client App Manager, or App Manager."""
    kind = _kind_of(menu)
    apps = [app for app in the_org().apps.values() if app.kind == kind or (kind, app.kind) == ("connected", "external")]
    return render_template("setup_manager.html", kind=kind, title=KINDS[kind][0], menu=menu, apps=apps)


@bp.route("/lightning/setup/<menu>/new", methods=["GET", "POST"])
def new(menu: str) -> ResponseReturnValue:
    """New External Client App, or New Connected App."""
    kind = _kind_of(menu)
    error = ""
    if request.method == "POST":
        data = _posted() | {"kind": kind}
        if data["callback_urls"] or data["client_credentials"] or data["jwt_bearer"]:
            app = the_org().register(data)
            if kind == "connected":
                return render_template("setup_confirmation.html", app=app, menu=menu)
            return redirect(url_for("setup.detail", menu=menu, client_id=app.client_id))
        error = "Callback URL: You must enter a value"
    return render_template(
        "setup_app_form.html", kind=kind, title=KINDS[kind][0], app=None, labels=SCOPE_LABELS, error=error
    )


@bp.route("/lightning/setup/<menu>/<client_id>/edit", methods=["GET", "POST"])
def edit(menu: str, client_id: str) -> ResponseReturnValue:
    """Edit an app's OAuth settings; a changed Callback URL has to propagate."""
    kind, app = _kind_of(menu), _app(client_id)
    if request.method == "POST":
        the_org().change(app, _posted())
        return redirect(url_for("setup.detail", menu=menu, client_id=client_id))
    return render_template(
        "setup_app_form.html", kind=kind, title=KINDS[kind][0], app=app, labels=SCOPE_LABELS, error=""
    )


@bp.route("/lightning/setup/<menu>/<client_id>", methods=["GET", "POST"])
def detail(menu: str, client_id: str) -> ResponseReturnValue:
    """An app's Policies and Settings."""
    kind, app = _kind_of(menu), _app(client_id)
    if request.method == "POST":
        policies = {
            "refresh_policy": request.form.get("refresh_policy", "until_revoked"),
            "admin_approved_only": request.form.get("permitted_users") == "admin",
            "user_approved": "profile" in request.form,
            "run_as": request.form.get("run_as", "").strip(),
        }
        the_org().change(app, policies)
        return redirect(url_for("setup.detail", menu=menu, client_id=client_id))
    return render_template(
        "setup_app.html", kind=kind, title=KINDS[kind][0], menu=menu, app=app, labels=SCOPE_LABELS, username=USERNAME
    )


@bp.get("/lightning/setup/<menu>/<client_id>/consumer")
def consumer(menu: str, client_id: str) -> ResponseReturnValue:
    """Consumer Key and Secret."""
    _kind_of(menu)
    return render_template("setup_consumer.html", menu=menu, app=_app(client_id))


@bp.route("/lightning/setup/ConnectedAppsUsage/home", methods=["GET", "POST"])
def usage() -> ResponseReturnValue:
    """Connected Apps OAuth Usage: block, unblock, install."""
    if request.method == "POST":
        app = _app(request.form.get("client_id", ""))
        the_org().change(app, {"blocked": request.form.get("action") == "block"})
        return redirect(url_for("setup.usage"))
    return render_template("setup_usage.html", apps=[dataclasses.asdict(app) for app in the_org().apps.values()])


def _app(client_id: str) -> App:
    app = the_org().apps.get(client_id)
    if app is None:
        abort(404)
    return app


def _posted() -> dict[str, Any]:
    form, uploaded = request.form, request.files.get("certificate")
    certificate = uploaded.read().decode("ascii", "replace") if uploaded is not None else ""
    return {
        "name": form.get("name", "").strip() or "Unnamed",
        "contact_email": form.get("contact_email", "").strip(),
        "callback_urls": form.get("callback_urls", "").split(),
        "scopes": form.getlist("scopes"),
        "client_credentials": "client_credentials" in form,
        "jwt_bearer": "jwt_bearer" in form,
        # A form without a file keeps the certificate.
        "certificate": certificate or None,
        "secret_required": "secret_required" in form,
        "pkce_required": "pkce_required" in form,
        "rotation": "rotation" in form,
    }
