"""What the upgrade makes of links whose maker is gone, and of those whose maker is still there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask_migrate import downgrade, upgrade
from sqlalchemy import MetaData, text

from datasync_flask import create_app
from datasync_flask.config import Settings
from datasync_flask.database import init_migrations
from datasync_flask.extensions import db


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.slow
def test_links_of_people_who_were_removed_end_with_the_upgrade(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/x.sqlite"
    if kind == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_postgresql_database")
        url = f"postgresql+psycopg://{make()}"
    keys = (Fernet.generate_key().decode(),)
    app = create_app(Settings(instance_dir=tmp_path, database_url=url, secret_key="x" * 32, encryption_keys=keys))
    init_migrations(app)
    with app.app_context():
        upgrade(revision="0006")
        old = MetaData()
        with db.engine.begin() as connection:
            old.reflect(connection)
            at = datetime(2026, 1, 1, tzinfo=UTC if kind == "postgresql" else None)
            user = {"id": 1, "email": "ada@example.com", "password_hash": "x", "role": "admin",
                    "continue_automatically": False, "language": "", "created_at": at}  # fmt: skip
            connection.execute(old.tables["users"].insert(), user)
            for maker in ("ada@example.com", "gone@example.com"):
                link = {"token_hash": maker, "id": maker[:16], "email": f"new-{maker}", "role": "viewer",
                        "invited_by": maker, "created_at": at, "expires_at": at}  # fmt: skip
                connection.execute(old.tables["person_links"].insert(), link)
        upgrade()
        kept = text("SELECT invited_by, invited_by_id FROM person_links")
        with db.engine.connect() as connection:
            assert connection.execute(kept).all() == [("ada@example.com", 1)]
        downgrade(revision="0006")
        upgrade()
        with db.engine.connect() as connection:
            assert connection.execute(kept).all() == [("ada@example.com", 1)]
        db.engine.dispose()
