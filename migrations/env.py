"""Alembic's way into the app's database; run through ``datasync db upgrade`` or Flask-Migrate."""

from alembic import context
from flask import current_app

target_db = current_app.extensions["migrate"].db


def run_migrations() -> None:
    """Run the migrations on the app's engine, each in its transaction where the database can."""
    with target_db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=target_db.metadata,
            render_as_batch=True,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("Migrations run on a database, not as a script of SQL statements: use 'datasync db upgrade'.")
run_migrations()
