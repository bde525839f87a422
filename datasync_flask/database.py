"""The database's schema: brought up to date, or compared with what this version needs."""

from __future__ import annotations

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import upgrade

from datasync_flask.extensions import db
from datasync_flask.resources import resource_dir


def upgrade_database(app: Flask) -> None:
    """Run the migrations that are missing."""
    with app.app_context():
        upgrade(directory=str(resource_dir("migrations")))


def is_up_to_date(app: Flask) -> bool:
    """True when the database has the schema of this version."""
    wanted = ScriptDirectory(str(resource_dir("migrations"))).get_current_head()
    with app.app_context(), db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == wanted
