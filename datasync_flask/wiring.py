"""Ties extensions, blueprints, error pages and template helpers to an app."""

from __future__ import annotations

import importlib.metadata
from datetime import datetime
from urllib.parse import urlsplit

from flask import Flask, abort, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup
from werkzeug.routing import BaseConverter

from datasync_flask import browser_address, sections
from datasync_flask.accounts import people_views, sso, sso_views
from datasync_flask.accounts import views as account_views
from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import init_access, is_api, this_page, wants_fragment
from datasync_flask.accounts.whose_request import load_signed_in
from datasync_flask.api.views import init_api
from datasync_flask.audit import views as audit_views
from datasync_flask.config import LOOPBACK_HOSTS, Settings, SettingsError
from datasync_flask.connections import history, quick_edit_views, views
from datasync_flask.connections.kinds import KINDS
from datasync_flask.destinations import pages as destination_pages
from datasync_flask.destinations import views as destination_views
from datasync_flask.error_pages import init_error_pages
from datasync_flask.extractions import object_views, org_views
from datasync_flask.extractions import texts as extraction_texts
from datasync_flask.extractions import views as extraction_views
from datasync_flask.help import component_views
from datasync_flask.help import views as help_views
from datasync_flask.home import overview
from datasync_flask.home import views as home_views
from datasync_flask.notices import texts as notice_texts
from datasync_flask.notices import views as notice_views
from datasync_flask.operations import views as operation_views
from datasync_flask.operations.metrics import init_metrics
from datasync_flask.page_extensions import compress, csrf, login_manager, oauth
from datasync_flask.request_ids import init_request_ids
from datasync_flask.salesforce_connections import authorization, callback_views, hand_off_views, status, status_views
from datasync_flask.salesforce_connections import org_views as connection_org_views
from datasync_flask.security.headers import init_headers
from datasync_flask.static_files import init_static_files


def wire(app: Flask, settings: Settings) -> None:
    """Give `app`, which has its core, everything that pages need."""
    csrf.init_app(app)
    login_manager.init_app(app)
    login_manager.session_protection = None
    login_manager.user_loader(load_signed_in)
    oauth.init_app(app)
    authorization.register_provider()
    if settings.oidc_issuer:
        sso.register_provider(settings)
    app.url_map.converters["public_id"] = PublicIdConverter
    init_metrics(app)
    init_request_ids(app)
    app.before_request(_refuse_nul)
    app.before_request(_to_the_public_address)
    init_access(app)
    app.before_request(browser_address.remember)
    init_headers(app)
    compress.init_app(app)
    # Runs before the compression: the last one registered is the first.
    init_static_files(app)
    blueprints = (
        account_views.bp,
        home_views.bp,
        views.bp,
        status_views.bp,
        quick_edit_views.bp,
        callback_views.bp,
        help_views.bp,
        component_views.bp,
        destination_views.bp,
        extraction_views.bp,
        object_views.bp,
        org_views.bp,
        connection_org_views.bp,
        operation_views.bp,
        people_views.bp,
        sso_views.bp,
        audit_views.bp,
        hand_off_views.bp,
        notice_views.bp,
    )
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    init_api(app, settings)
    _refuse_own_path(app, settings)
    init_error_pages(app)
    app.jinja_env.globals.update(
        address_note=browser_address.note,
        attention_count=overview.attention_count,
        section=sections.section,
        csrf_token=generate_csrf,
        event_words=history.event_words,
        kinds_by_key=KINDS,
        problem_title=history.problem_title,
        destination_problem=destination_pages.explain_problem,
        field_words=history.field_words,
        run_state=extraction_texts.run_state,
        run_tone=extraction_texts.run_tone,
        explain_problem=extraction_texts.explain_problem,
        span_words=extraction_texts.span_words,
        glance_tag=status.glance_tag,
        next_look_in=status.next_look_in,
        state_tone=history.state_tone,
        state_words=history.state_words,
        status_tag=status.tag,
        this_page=this_page,
        version=importlib.metadata.version("datasync-flask"),
        waiting_words=history.waiting_words,
    )
    app.jinja_env.filters.update(
        time_tag=_time_tag,
        state_words=history.state_words,
        as_role=Role,
        role_words=notice_texts.role_words,
        channel_words=notice_texts.channel_words,
        audit_words=notice_texts.audit_words,
    )


def _refuse_own_path(app: Flask, settings: Settings) -> None:
    """Refuse a public path that can't be told from our own pages behind a proxy that strips it."""
    first = settings.public_path.partition("/")[2].partition("/")[0]
    if first and first in {rule.rule.split("/")[1] for rule in app.url_map.iter_rules()}:
        raise SettingsError(
            f"DATASYNC_PUBLIC_URL: /{first} is an address of DataSync's own pages; choose another path, like /datasync."
        )


class PublicIdConverter(BaseConverter):
    """The ids in addresses: what can't be one isn't looked up."""

    regex = "[0-9a-f]{16}"


def _refuse_nul() -> None:
    """Refuse addresses with the one character that PostgreSQL's texts cannot hold; forms strip it from their fields."""
    if "\x00" in request.path or any("\x00" in value for value in request.args.values()):
        abort(400)


def _to_the_public_address() -> ResponseReturnValue | None:
    """Send people who typed localhost instead of 127.0.0.1 (or the other way round) to the address cookies live at."""
    is_for_programs = request.endpoint == "static" or request.blueprint == "operations" or is_api()
    if request.method != "GET" or is_for_programs or wants_fragment():
        return None
    settings: Settings = _settings()
    wanted, given = urlsplit(settings.effective_public_url), urlsplit(request.host_url)
    both_local = {wanted.hostname or "", given.hostname or ""} <= LOOPBACK_HOSTS
    if both_local and wanted.hostname != given.hostname and wanted.port == given.port:
        return redirect(settings.effective_public_url + request.full_path.rstrip("?"), 302)
    return None


def _settings() -> Settings:
    from flask import current_app

    settings: Settings = current_app.config["SETTINGS"]
    return settings


def _time_tag(moment: datetime | None, style: str = "ago") -> Markup:
    """Return a <time> element; a small script shows it in the reader's zone, or as "2 minutes ago"."""
    if moment is None:
        return Markup(gettext("never"))  # noqa: S704 (a word of ours)
    exact = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    shown_as = Markup("") if style == "ago" else Markup(' data-style="{}"').format(style)
    return Markup('<time datetime="{}"{}>{}</time>').format(moment.isoformat(timespec="seconds"), shown_as, exact)
