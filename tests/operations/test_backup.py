"""A backup brings everything back, on the same kind of database or another, and is never half put back."""

from __future__ import annotations

import gzip
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from datasync_flask import create_app
from datasync_flask.config import Settings
from datasync_flask.database import upgrade_database
from datasync_flask.extensions import db
from datasync_flask.operations.backup import BackupFailed, make_backup, put_back
from datasync_flask.salesforce_connections import store
from datasync_flask.salesforce_connections.models import SalesforceConnection
from tests.support.connection import ConnectionWalk


def contents(app: Flask) -> dict[str, list[tuple[object, ...]]]:
    with app.app_context():
        found = {
            table.name: sorted(tuple(map(str, row)) for row in db.session.execute(select(table)).all())
            for table in db.metadata.sorted_tables
        }
        db.session.rollback()
        return found


@pytest.fixture
def made(walk: ConnectionWalk, tmp_path: Path) -> Path:
    walk.to_connected()
    file = tmp_path / "backup.tar.gz"
    with walk.app.app_context():
        assert make_backup(walk.app, file) > 5
    return file


def other_app(settings: Settings, folder: Path, url: str, **changes: object) -> Flask:
    folder.mkdir()
    app = create_app(settings.model_copy(update={"instance_dir": folder, "database_url": url, **changes}))
    upgrade_database(app)
    return app


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_everything_comes_back(
    walk: ConnectionWalk, made: Path, settings: Settings, tmp_path: Path, kind: str,
    new_postgresql_database: Callable[[], str],
) -> None:  # fmt: skip
    url = f"sqlite:///{tmp_path}/new/x.sqlite"
    if kind == "postgresql":
        url = f"postgresql+psycopg://{new_postgresql_database()}"
    app = other_app(settings, tmp_path / "new", url)
    with app.app_context():
        rows, keys = put_back(app, made, replace=False)
    assert rows == sum(len(found) for found in contents(walk.app).values())
    assert keys == "The encryption keys are the ones in use."
    assert contents(app) == contents(walk.app)
    with app.app_context():
        connection = store.load(walk.id)
        assert connection is not None
        assert store.app_credentials(connection).client_secret == walk.salesforce_app["client_secret"]
        # What is made from now on gets ids behind those that came back.
        from datasync_flask.accounts.models import Role
        from datasync_flask.accounts.service import create_user

        assert create_user("new@example.com", "correct horse battery", Role.VIEWER).id > 3
        db.session.remove()
        db.engine.dispose()


def test_a_database_in_use_is_replaced_only_when_asked(walk: ConnectionWalk, made: Path) -> None:
    before = contents(walk.app)
    with walk.app.app_context(), pytest.raises(BackupFailed, match="--replace"):
        put_back(walk.app, made, replace=False)
    assert contents(walk.app) == before
    walk.save(description="Made since")
    with walk.app.app_context():
        put_back(walk.app, made, replace=True)
    assert contents(walk.app) == before


def test_what_is_no_backup_changes_nothing(walk: ConnectionWalk, made: Path, tmp_path: Path) -> None:
    before = contents(walk.app)
    whole = made.read_bytes()
    for number, bad in enumerate((b"", b"hello", gzip.compress(b"hello"), whole[:-200], whole[: len(whole) // 2])):
        file = tmp_path / f"bad{number}"
        file.write_bytes(bad)
        with walk.app.app_context(), pytest.raises(BackupFailed):
            put_back(walk.app, file, replace=True)
        assert contents(walk.app) == before


def test_the_file_is_for_its_owner_only_and_brings_the_keys(
    walk: ConnectionWalk, made: Path, settings: Settings, tmp_path: Path
) -> None:
    from cryptography.fernet import Fernet

    assert stat.S_IMODE(os.stat(made).st_mode) == 0o600
    other = Fernet.generate_key().decode()
    app = other_app(settings, tmp_path / "new", f"sqlite:///{tmp_path}/new/x.sqlite", encryption_keys=(other,))
    (tmp_path / "new" / "encryption_keys").write_text(other + "\n")
    with app.app_context():
        _, text = put_back(app, made, replace=False)
    assert "were added to" in text
    assert (tmp_path / "new" / "encryption_keys").read_text().split() == [other, *settings.encryption_keys]
    with app.app_context():
        assert db.session.scalar(select(func.count(SalesforceConnection.id))) == 1
        db.session.remove()
        db.engine.dispose()
