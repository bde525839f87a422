"""The practice org's log-in page and authorize endpoint, worded as Salesforce words them."""

from __future__ import annotations

import secrets
from urllib.parse import urlencode

from flask import Blueprint, jsonify, redirect, render_template, request, session
from flask.typing import ResponseReturnValue

from datasync_flask.practice_org.answers import bearer
from datasync_flask.practice_org.catalog import USER_ID
from datasync_flask.practice_org.faults import count_and_fault, the_org
from datasync_flask.practice_org.org import PASSWORD, USERNAME

bp = Blueprint("oauth", __name__)


def origin() -> str:
    """The org's own origin, as the client addressed it."""
    return request.host_url.rstrip("/")


def identity_address() -> str:
    """The address of the user's identity."""
    return f"{origin()}/id/{the_org().settings.org_id}/{USER_ID}"


def is_logged_in() -> bool:
    """True when this browser is logged in to the org."""
    return bool(session.get("user"))


@bp.get("/")
def login_page() -> ResponseReturnValue:
    """Salesforce's log-in page."""
    return render_template(
        "login.html", start=request.args.get("startURL", ""), username=USERNAME, password=PASSWORD, error=""
    )


@bp.post("/login")
def login() -> ResponseReturnValue:
    """Log in and continue to the requested page."""
    start = request.form.get("startURL", "")
    if request.form.get("username") != USERNAME or request.form.get("pw") != PASSWORD:
        error = "Please check your username and password."
        page = render_template("login.html", start=start, username=USERNAME, password=PASSWORD, error=error)
        return page, 200
    session["user"] = USERNAME
    return redirect(_within(start))


@bp.route("/services/oauth2/singleaccess", methods=["GET", "POST"])
def single_access() -> ResponseReturnValue:
    """Create an address that logs a browser in once."""
    token = bearer()
    if token is None or not {"web", "full"} & set(token.scopes):
        return jsonify({"error": "invalid_request", "error_description": "invalid access token"}), 403
    key = secrets.token_urlsafe(24)
    the_org().one_time_keys.add(key)
    query = {"otp": key, "startURL": request.values.get("redirect_uri") or "/lightning/setup/home"}
    return jsonify({"frontdoor_uri": f"{origin()}/secur/frontdoor.jsp?{urlencode(query)}"})


@bp.get("/secur/frontdoor.jsp")
def front_door() -> ResponseReturnValue:
    """Log in with such an address, once."""
    start, keys = request.args.get("startURL", ""), the_org().one_time_keys
    if request.args.get("otp") not in keys:
        return redirect("/?" + urlencode({"ec": "302", "startURL": start}))
    keys.discard(request.args["otp"])
    session["user"] = USERNAME
    return redirect(_within(start))


def _within(start: str) -> str:
    """The page that a person requested, if it is in the org."""
    return start if start.startswith("/") and not start.startswith(("//", "/\\")) else "/lightning/setup/home"


def _own_error_page(error: str, description: str) -> ResponseReturnValue:
    """An error that Salesforce mustn't redirect: the client never learns of it."""
    if the_org().settings.error_style == "page":
        text = f"error={error}&error_description={description}"
        return render_template("oauth_error.html", text=text), 400
    query = urlencode({"error": error, "error_description": description})
    return redirect(f"/setup/secur/RemoteAccessErrorPage.apexp?{query}")


@bp.get("/setup/secur/RemoteAccessErrorPage.apexp")
def error_page() -> ResponseReturnValue:
    """Salesforce's own error page."""
    return render_template("oauth_error.html", text="")


def _back(redirect_uri: str, state: str, **params: str) -> ResponseReturnValue:
    if state:
        params["state"] = state
    separator = "&" if "?" in redirect_uri else "?"
    return redirect(redirect_uri + separator + urlencode(params))


@bp.get("/services/oauth2/authorize")
def authorize() -> ResponseReturnValue:
    """The authorize endpoint (RFC 6749 section 3.1)."""
    client_id = request.args.get("client_id", "")
    count_and_fault("authorize", client_id)
    refusal = _authorize_refusal(client_id)
    if refusal is not None:
        return refusal
    if not is_logged_in():
        start = request.full_path
        return redirect("/?" + urlencode({"ec": "302", "startURL": start}))
    app = the_org().apps[client_id]
    if app.blocked:
        return _own_error_page("OAUTH_APP_BLOCKED", "this app is blocked by admin")
    if not app.installed:
        return _own_error_page("invalid_client", "app must be installed into org")
    if app.admin_approved_only and not app.user_approved:
        return _own_error_page("OAUTH_APP_ACCESS_DENIED", "user is not admin approved to access this app")
    scopes = request.args.get("scope", "").split() or app.scopes
    return render_template("allow.html", app=app, scopes=scopes, params=request.args)


def _authorize_refusal(client_id: str) -> ResponseReturnValue | None:
    redirect_uri, state = request.args.get("redirect_uri", ""), request.args.get("state", "")
    app = the_org().known_app(client_id)
    if app is None:
        return _own_error_page("invalid_client_id", "client identifier invalid")
    if not redirect_uri:
        return _own_error_page("redirect_uri_missing", "redirect_uri not provided")
    if redirect_uri not in app.effective_callback_urls():
        return _own_error_page("redirect_uri_mismatch", "redirect_uri must match configuration")
    if request.args.get("response_type") != "code":
        description = "response type not supported"
        return _back(redirect_uri, state, error="unsupported_response_type", error_description=description)
    challenge, method = request.args.get("code_challenge", ""), request.args.get("code_challenge_method", "S256")
    if app.pkce_required and (not challenge or method != "S256"):
        return _back(redirect_uri, state, error="invalid_request", error_description="missing required code challenge")
    if not set(request.args.get("scope", "").split()) <= set(app.scopes):
        description = "the requested scope is not allowed"
        return _back(redirect_uri, state, error="invalid_scope", error_description=description)
    return None


@bp.post("/services/oauth2/authorize/answer")
def answer() -> ResponseReturnValue:
    """Allow or Deny."""
    form = request.form
    app = the_org().known_app(form.get("client_id", ""))
    if not is_logged_in() or app is None or form["redirect_uri"] not in app.effective_callback_urls():
        return _own_error_page("invalid_client_id", "client identifier invalid")
    if form.get("choice") != "allow":
        return _back(
            form["redirect_uri"],
            form["state"],
            error="access_denied",
            error_description="end-user denied authorization",
        )
    scopes = form["scope"].split() or app.scopes
    code = the_org().new_code(app, form["redirect_uri"], form["code_challenge"], scopes, form.get("nonce", ""))
    return _back(form["redirect_uri"], form["state"], code=code)
