"""The language of a page: the person's choice, else the browser's, else English."""

from __future__ import annotations

from babel.support import NullTranslations
from flask import Flask, g, has_request_context, request, session
from flask_babel import Babel, format_decimal, get_translations, gettext, refresh
from flask_login import current_user
from sqlalchemy.exc import SQLAlchemyError

from datasync_flask.extensions import db

LANGUAGES = {"en": "English", "de": "Deutsch"}
_KEY = "language"


def translated(text: str) -> str:
    """A text from one of the program's own tables in the language of the page."""
    return gettext(text) if text else ""


def language() -> str:
    """The language code for this request's answer."""
    if not has_request_context():
        return "en"
    try:
        # Look the person up once: each use of the proxy would look them up again.
        person = current_user._get_current_object()
        kept = person.language if person.is_authenticated else session.get(_KEY, "")
    except SQLAlchemyError:
        # The page about a missing database mustn't need the database either.
        kept = ""
    return kept if kept in LANGUAGES else request.accept_languages.best_match(LANGUAGES) or "en"


def keep_language(code: str) -> None:
    """Remember the choice in the account, or before sign-in in the browser's session; commits."""
    if current_user.is_authenticated:
        current_user.user.language = current_user.language = code
        db.session.commit()
    else:
        session[_KEY] = code
    refresh()


def _texts() -> NullTranslations:
    """The translations for this answer; Flask-Babel would look them up again for each text."""
    if "texts" not in g:
        g.texts = get_translations()
    found: NullTranslations = g.texts
    return found


def init_app(app: Flask) -> None:
    """Set up translations; Flask-Babel adds ``_`` and ``{% trans %}`` to templates."""
    Babel(app, default_translation_directories="translations", locale_selector=language)
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # by the extension that Babel adds
        gettext=lambda text: _texts().ugettext(text),
        ngettext=lambda one, many, count: _texts().ungettext(one, many, count),
        newstyle=True,
    )
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.globals.update(language=language, languages=LANGUAGES)
    app.jinja_env.filters.update(translated=translated, localized=format_decimal)
