"""Migrations run both ways on every database, and give what the models say."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import BatchOperations
from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet
from flask_migrate import downgrade, upgrade
from sqlalchemy import MetaData, inspect, text

from datasync_flask import create_app
from datasync_flask.config import Settings
from datasync_flask.database import init_migrations, is_up_to_date, newest_revision, upgrade_database
from datasync_flask.extensions import db
from datasync_flask.resources import resource_dir
from tests.support.killed import Killed, die


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_up_and_down_and_up_again(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path}/x.sqlite"
    if kind == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_postgresql_database")
        url = f"postgresql+psycopg://{make()}"
    app = create_app(
        Settings(
            instance_dir=tmp_path,
            database_url=url,
            secret_key="x" * 32,
            encryption_keys=(Fernet.generate_key().decode(),),
        )
    )
    assert not is_up_to_date(app)
    upgrade_database(app)
    assert is_up_to_date(app)
    with app.app_context():
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, db.metadata) == []
        downgrade(revision="base")
        assert inspect(db.engine).get_table_names() == ["alembic_version"]
    upgrade_database(app)
    assert is_up_to_date(app)
    with app.app_context():
        db.engine.dispose()


def test_the_newest_revision_is_what_alembic_says() -> None:
    script = ScriptDirectory(str(resource_dir("migrations")))
    assert script.get_heads() == [newest_revision()]


def _settings(url: str, folder: Path) -> Settings:
    keys = (Fernet.generate_key().decode(),)
    return Settings(instance_dir=folder, database_url=url, secret_key="x" * 32, encryption_keys=keys)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/x.sqlite"
    make: Callable[[], str] = request.getfixturevalue("new_postgresql_database")
    return f"postgresql+psycopg://{make()}"


def test_rows_of_the_first_schema_survive_the_upgrade(empty_url: str, tmp_path: Path) -> None:
    app = create_app(_settings(empty_url, tmp_path))
    init_migrations(app)
    with app.app_context():
        upgrade(revision="0001")
        old = MetaData()
        with db.engine.begin() as connection:
            old.reflect(connection)
            made_at = datetime(2026, 1, 1, tzinfo=UTC if connection.dialect.name == "postgresql" else None)
            insert_into = {name: table.insert() for name, table in old.tables.items()}
            user = {"email": "ada@example.com", "password_hash": "x", "role": "admin", "continue_automatically": False,
                    "created_at": made_at}  # fmt: skip
            connection.execute(insert_into["users"], user)
            session = {"token_hash": "h", "user_id": 1, "created_at": made_at, "expires_at": made_at}
            connection.execute(insert_into["user_sessions"], session)
            base = {"id": "0123456789abcdef", "kind": "salesforce", "description": "Sales", "description_key": "sales",
                    "created_at": made_at, "updated_at": made_at, "state": "draft", "state_since": made_at,
                    "problem": "", "problem_detail": "", "row_version": 1}  # fmt: skip
            connection.execute(insert_into["connections"], base)
            event = {"connection_id": base["id"], "at": made_at, "user_id": 1, "event": "created", "from_state": "",
                     "to_state": "draft", "problem": "", "detail": {}}  # fmt: skip
            connection.execute(insert_into["connection_events"], event)
        upgrade()
        with db.engine.connect() as connection:
            assert connection.execute(text("SELECT user_id, browser FROM user_sessions")).all() == [(1, "")]
            # Who did it is still known: no table that was made anew took rows, or what they point to, with it.
            assert connection.execute(text("SELECT user_id, event FROM connection_events")).all() == [(1, "created")]
            assert connection.execute(text("SELECT email, language FROM users")).all() == [("ada@example.com", "")]
        db.engine.dispose()


def test_several_processes_may_upgrade_at_once(empty_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "datasync_flask.cli", "db", "upgrade"]
    variables = {"DATASYNC_INSTANCE_DIR": str(tmp_path), "DATASYNC_DATABASE_URL": empty_url}
    started = [
        subprocess.Popen(command, env=os.environ | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(4)
    ]
    outputs = [process.communicate(timeout=60)[0].decode() for process in started]
    assert [process.returncode for process in started] == [0] * 4, outputs


def test_a_migration_that_breaks_off_leaves_the_schema_of_before(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(_settings(empty_url, tmp_path))
    init_migrations(app)
    with app.app_context():
        upgrade(revision="0003")
        before = sorted(inspect(db.engine).get_table_names())
        with monkeypatch.context() as patch:
            patch.setattr(BatchOperations, "add_column", die)
            with pytest.raises(Killed):
                upgrade()
        gc.collect()
        assert sorted(inspect(db.engine).get_table_names()) == before
        upgrade()
        db.engine.dispose()
    assert is_up_to_date(app)
    with app.app_context():
        db.engine.dispose()
