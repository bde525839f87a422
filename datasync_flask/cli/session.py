"""The app for one command, with its connections closed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask import Flask

from datasync_flask import create_app
from datasync_flask.config import Settings, load_settings
from datasync_flask.database import is_up_to_date
from datasync_flask.extensions import db


@contextmanager
def app_session(settings: Settings | None = None, *, needs_schema: bool = True, pages: bool = True) -> Iterator[Flask]:
    """Yield the app inside its context. Raises click.ClickException when the database has another schema."""
    app = create_app(settings or load_settings(), pages=pages)
    with session_of(app, needs_schema=needs_schema):
        yield app


@contextmanager
def session_of(app: Flask, *, needs_schema: bool = True) -> Iterator[None]:
    """Enter the app's context. Raises click.ClickException when the database has another schema."""
    with app.app_context():
        try:
            if needs_schema and not is_up_to_date(app):
                raise click.ClickException("The database isn't at this version's schema. Run: datasync db upgrade")
            yield
        finally:
            db.session.remove()
            db.engine.dispose()
            app.extensions["queue"].close()
