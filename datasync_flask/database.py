"""The database's schema: upgrading it, and comparing it with the one this version needs."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import Connection, inspect, text

from datasync_flask.extensions import db
from datasync_flask.installed_files import resource_dir


def init_migrations(app: Flask) -> None:
    """Connect Flask-Migrate to `app`, for its ``upgrade`` and ``downgrade``.

    Only for changes of the schema: Alembic takes a fifth of a second to load, which would slow each run.
    """
    from flask_migrate import Migrate

    Migrate(app, db, directory=str(resource_dir("migrations")))


def upgrade_database(app: Flask) -> None:
    """Run missing migrations."""
    if is_up_to_date(app):
        return
    init_migrations(app)
    from flask_migrate import upgrade

    with app.app_context():
        upgrade()


def newest_revision() -> str:
    """The revision this version needs; a migration's file name begins with its revision, a number."""
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
