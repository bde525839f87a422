from __future__ import annotations

import gc
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pymysql
import pytest
import time_machine
from argon2 import PasswordHasher
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import text

from datasync_flask import create_app
from datasync_flask.accounts import service as account_service
from datasync_flask.accounts.models import Role
from datasync_flask.accounts.service import create_user
from datasync_flask.config import Settings
from datasync_flask.database import upgrade_database
from datasync_flask.destinations import checking
from datasync_flask.extensions import db
from tests.support.clock import NOON
from tests.support.connection import ConnectionWalk
from tests.support.made_once import (
    compile_routes_once,
    compile_statements_once,
    compile_templates_once,
    describe_when_asked,
)
from tests.support.mailbox import running_mail_server
from tests.support.practice import PracticeOrg, running_practice_org
from tests.support.servers import ObjectStore, mysql_server, object_store, postgresql_server, redis_server
from tests.support.visitor import Visitor

# Machines that are busy with other tests aren't slow inputs.
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")

EMAIL, PASSWORD = "ada@example.com", "correct horse battery"


# Fixtures and parameters that stand for a database or queue server.
_SERVERS = {
    "postgresql", "mysql", "redis", "object_storage", "postgresql_address", "mysql_server_address", "redis_url", "store",
}  # fmt: skip


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what `make check` leaves out: tests in a browser, those that need a server, and whole runs.

    A test of an app runs on SQLite and on PostgreSQL; when it has several cases, only the first does so, unless it is
    marked `each_on_both`: what differs between the databases is seldom what differs between the cases.
    """
    seen, again = set[str](), list[pytest.Item]()
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if parameters.get("database_url") == "postgresql":
            name = item.nodeid.partition("[")[0]
            if name in seen and not item.get_closest_marker("each_on_both"):
                again.append(item)
            seen.add(name)
    config.hook.pytest_deselected(items=again)
    items[:] = [item for item in items if item not in set(again)]
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent / "browser"):
            item.add_marker(pytest.mark.browser)
        fixtures = set(getattr(item, "fixturenames", ()))
        if "extracting" in fixtures:
            item.add_marker(pytest.mark.slow)
        parameters = getattr(getattr(item, "callspec", None), "params", {}).values()
        # "object_storage delta" needs what "object_storage" needs.
        named = {value.partition(" ")[0] for value in parameters if isinstance(value, str)}
        if _SERVERS & (named | fixtures):
            item.add_marker(pytest.mark.server)


def pytest_configure() -> None:
    """Collect garbage less often: tracing all modules and tests again and again would be a sixth of the time."""
    gc.set_threshold(20_000, 20, 20)


def pytest_collection_finish() -> None:
    """Have the garbage collector leave alone what is there by now: most of it stays to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the settings of the machine, nor the files of another test."""
    for name in [name for name in os.environ if name.startswith("DATASYNC_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _checks_without_processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting Python for the check of each destination takes a second; tests marked `checks_apart` do that."""
    if request.node.get_closest_marker("checks_apart"):
        return
    ask_process = checking._ask_process

    def ask(question: dict[str, Any]) -> dict[str, Any]:
        return checking.answer_to(question) if question["what"] == "check" else ask_process(question)

    monkeypatch.setattr(checking, "_ask_process", ask)


@pytest.fixture(autouse=True, scope="session")
def _cheap_passwords() -> Iterator[None]:
    """Argon2 as strong as in production would be most of the suite's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(account_service, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        yield


@pytest.fixture(autouse=True, scope="session")
def _compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiling the routes, templates and statements of each app again would be half of the suite's time."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        # All processes of this run share it.
        folder = folder.parent
    (folder / "templates").mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        compile_routes_once(patch)
        compile_statements_once(patch)
        compile_templates_once(patch, folder / "templates")
        describe_when_asked(patch)
        yield


@pytest.fixture(scope="session")
def postgresql_address() -> Iterator[str]:
    with postgresql_server() as address:
        yield address


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture(scope="session")
def new_postgresql_database(postgresql_address: str) -> Iterator[Callable[[], str]]:
    """Make databases that live as long as this test run."""
    made: list[str] = []
    admin = psycopg.connect(f"postgresql://{postgresql_address}/postgres", autocommit=True)

    def make() -> str:
        name = f"datasync_{uuid.uuid4().hex[:12]}"
        admin.execute(f'CREATE DATABASE "{name}"')
        made.append(name)
        return f"{postgresql_address}/{name}"

    yield make
    for name in made:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    admin.close()


@pytest.fixture(scope="session")
def mysql_server_address() -> Iterator[tuple[str, int]]:
    with mysql_server() as address:
        yield address


@pytest.fixture(scope="session")
def new_mysql_database(mysql_server_address: tuple[str, int]) -> Iterator[Callable[[], dict[str, Any]]]:
    """Make MySQL databases that live as long as this test run; gives a destination's settings."""
    host, port = mysql_server_address
    made: list[str] = []
    admin = pymysql.connect(host=host, port=port, user="root", autocommit=True)

    def make() -> dict[str, Any]:
        made.append(f"datasync_{uuid.uuid4().hex[:12]}")
        admin.cursor().execute(f"CREATE DATABASE {made[-1]} CHARACTER SET utf8mb4")
        return {"host": host, "port": port, "database": made[-1], "username": "root", "password": ""}

    yield make
    for name in made:
        admin.cursor().execute(f"DROP DATABASE {name}")
    admin.close()


@pytest.fixture(scope="session")
def store() -> Iterator[ObjectStore]:
    with object_store() as found:
        yield found


@pytest.fixture
def practice() -> Iterator[PracticeOrg]:
    with running_practice_org() as org:
        yield org


@pytest.fixture
def mail_url() -> Iterator[str]:
    with running_mail_server() as url:
        yield url


@pytest.fixture(scope="session")
def encryption_key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory, encryption_key: str) -> Path:
    """A database with the schema in it: copying it is faster than migrating each time."""
    folder = tmp_path_factory.mktemp("template")
    settings = Settings(instance_dir=folder, secret_key="x" * 32, encryption_keys=(encryption_key,))
    app = create_app(settings)
    upgrade_database(app)
    with app.app_context():
        # The copy must be whole without the write-ahead log beside it.
        db.session.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        db.session.commit()
        db.engine.dispose()
    return folder / "datasync.sqlite"


@pytest.fixture(scope="session")
def _postgresql_url(new_postgresql_database: Callable[[], str], encryption_key: str, tmp_path_factory: Any) -> str:
    url = f"postgresql+psycopg://{new_postgresql_database()}"
    settings = Settings(
        instance_dir=tmp_path_factory.mktemp("pg"),
        database_url=url,
        secret_key="x" * 32,
        encryption_keys=(encryption_key,),
    )
    app = create_app(settings)
    upgrade_database(app)
    with app.app_context():
        db.engine.dispose()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database with the schema, of each kind."""
    if request.param == "sqlite":
        path = tmp_path / "datasync.sqlite"
        path.write_bytes(request.getfixturevalue("_sqlite_template").read_bytes())
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("_postgresql_url")
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        # TRUNCATE creates the files of all tables again, which takes twenty times as long.
        connection.execute("SET LOCAL session_replication_role = replica")
        for (name,) in connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        ).fetchall():
            connection.execute(f'DELETE FROM "{name}"')
        for (name,) in connection.execute("SELECT sequencename FROM pg_sequences WHERE last_value > 0").fetchall():
            connection.execute(f'ALTER SEQUENCE "{name}" RESTART')
    return url


@pytest.fixture
def settings(database_url: str, practice: PracticeOrg, tmp_path: Path, encryption_key: str) -> Settings:
    return Settings(
        instance_dir=tmp_path,
        database_url=database_url,
        secret_key="x" * 32,
        encryption_keys=(encryption_key,),
        salesforce_hosts=(practice.origin,),
    )


@pytest.fixture
def make_app(settings: Settings) -> Iterator[Callable[..., Flask]]:
    """Make apps whose settings differ from the usual ones; their connections to the database end with the test."""
    made: list[Flask] = []

    def make(**changes: Any) -> Flask:
        app = create_app(settings.model_copy(update=changes))
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        app.extensions["queue"].close()


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app()


@pytest.fixture
def people(app: Flask) -> dict[str, int]:
    """One account of each role; the password is the same."""
    with app.app_context():
        return {
            role.value: create_user(EMAIL if role is Role.ADMIN else f"{role}@example.com", PASSWORD, role).id
            for role in Role
        }


@pytest.fixture
def sign_in(app: Flask, people: dict[str, int]) -> Callable[..., Visitor]:
    def sign_in(role: str = "admin") -> Visitor:
        visitor = Visitor(app)
        visitor.get("/login")
        email = EMAIL if role == "admin" else f"{role}@example.com"
        assert visitor.post("/login", {"email": email, "password": PASSWORD}).status_code == 303
        visitor.page = None
        return visitor

    return sign_in


@pytest.fixture
def visitor(sign_in: Callable[..., Visitor]) -> Visitor:
    """A signed-in administrator's browser."""
    return sign_in()


@pytest.fixture
def walk(app: Flask, visitor: Visitor, practice: PracticeOrg) -> ConnectionWalk:
    return ConnectionWalk(app, visitor, practice)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Time that moves only when told. Has to be a test's first fixture: cookies must not come from the future."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller
