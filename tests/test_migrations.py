"""Migrations run both ways on every database, and give what the models say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from cryptography.fernet import Fernet
from flask_migrate import downgrade
from sqlalchemy import inspect

from datasync_flask import create_app
from datasync_flask.config import Settings
from datasync_flask.database import is_up_to_date, upgrade_database
from datasync_flask.extensions import db
from datasync_flask.resources import resource_dir


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
        downgrade(directory=str(resource_dir("migrations")), revision="base")
        assert inspect(db.engine).get_table_names() == ["alembic_version"]
    upgrade_database(app)
    assert is_up_to_date(app)
    with app.app_context():
        db.engine.dispose()
