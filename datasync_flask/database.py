"""The database's schema: brought up to date, or compared with what this version needs."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import Connection, inspect, text

from datasync_flask.extensions import db
from datasync_flask.installed_files import resource_dir


def init_migrations(app: Flask) -> None:
    """Tie Flask-Migrate to `app`, whose ``upgrade`` and ``downgrade`` then know the way.

    Only where the schema changes: Alembic takes a fifth of a second to load, which each run would pay.
    """
    from flask_migrate import Migrate

    Migrate(app, db, directory=str(resource_dir("migrations")))


def upgrade_database(app: Flask) -> None:
    """Run the migrations that are missing."""
    if is_up_to_date(app):
        return
    init_migrations(app)
    from flask_migrate import upgrade

    with app.app_context():
        upgrade()


def newest_revision() -> str:
    """The revision this version needs; a migration is named by its revision, a number."""
    return max(file.name.partition("_")[0] for file in (resource_dir("migrations") / "versions").glob("[0-9]*_*.py"))


def revision_of(connection: Connection) -> str:
    """The database's revision, '' when it has no schema."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")


def is_up_to_date(app: Flask) -> bool:
    """True when the database has the schema of this version."""
    with app.app_context(), db.engine.connect() as connection:
        return revision_of(connection) == newest_revision()
