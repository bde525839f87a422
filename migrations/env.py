"""Alembic's way into the app's database; run through ``datasync db upgrade`` or Flask-Migrate."""

from alembic import context
from flask import current_app
from sqlalchemy import Connection, text

target_db = current_app.extensions["migrate"].db

# Any number will do, as long as nobody else in the database locks it.
LOCK_NUMBER = 730_117


def begin_alone(connection: Connection) -> None:
    """Begin the one transaction that all migrations run in; another process that starts meanwhile waits here.

    Killed in the middle, the database is as it was.
    """
    if connection.dialect.name == "sqlite":
        # Python's sqlite3 commits before DDL unless told not to; and with foreign keys on, a table that is made again
        # would take the rows with it that point to it.
        connection.detach()
        connection.connection.dbapi_connection.isolation_level = None
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK_NUMBER})


def run_migrations() -> None:
    """Run the migrations on the app's engine."""
    with target_db.engine.connect() as connection:
        begin_alone(connection)
        context.configure(
            connection=connection,
            target_metadata=target_db.metadata,
            render_as_batch=True,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


if context.is_offline_mode():
    raise SystemExit("Migrations run on a database, not as a script of SQL statements: use 'datasync db upgrade'.")
run_migrations()
