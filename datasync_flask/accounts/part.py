"""What accounts add to the app: who a request is from and what they may do, sign-in, people."""

from __future__ import annotations

from flask import Flask
from flask_login import current_user

from datasync_flask.accounts import browser_names, people_views, rights, service, sso, sso_views, views
from datasync_flask.config import Settings
from datasync_flask.extensions import login_manager, oauth
from datasync_flask.roles import Role


def _may() -> dict[str, bool]:
    return {"can_edit": bool(current_user.is_authenticated and current_user.has_role(Role.EDITOR))}


def init_app(app: Flask) -> None:
    """Close `app` to everybody who isn't signed in, and add the pages of accounts."""
    settings: Settings = app.config["SETTINGS"]
    login_manager.init_app(app)
    login_manager.session_protection = None
    login_manager.user_loader(service.load_signed_in)
    oauth.init_app(app)
    if settings.oidc_issuer:
        sso.register_provider(settings)
    app.before_request(rights.guard)
    app.context_processor(_may)
    app.jinja_env.filters["as_role"] = Role
    app.jinja_env.filters["browser_name"] = browser_names.browser_name
    for blueprint in (views.bp, people_views.bp, sso_views.bp):
        app.register_blueprint(blueprint)
