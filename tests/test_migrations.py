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
from sqlalchemy import Boolean, DateTime, Integer, MetaData, inspect, select, text

from datasync_flask import create_app
from datasync_flask.config import Settings
from datasync_flask.database import init_migrations, is_up_to_date, newest_revision, upgrade_database
from datasync_flask.extensions import db
from datasync_flask.extractions.models import DestinationTable, ExtractionObject, RunObject
from datasync_flask.extractions.runs.object_states import stored_progress
from datasync_flask.extractions.runs.plan import LoadedAs
from datasync_flask.extractions.runs.progress import Progress
from datasync_flask.installed_files import resource_dir
from tests.support.killed import killed_at


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.slow
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
            # Who did it is still known: no table that was created again took rows, or what they point to, with it.
            assert connection.execute(text("SELECT user_id, event FROM connection_events")).all() == [(1, "created")]
            assert connection.execute(text("SELECT email, language FROM users")).all() == [("ada@example.com", "")]
        db.engine.dispose()


@pytest.mark.slow
def test_tables_and_columns_of_before_have_owners(empty_url: str, tmp_path: Path) -> None:
    app = create_app(_settings(empty_url, tmp_path))
    init_migrations(app)
    with app.app_context():
        upgrade(revision="0006")
        old = MetaData()
        with db.engine.begin() as connection:
            old.reflect(connection)
            zone = UTC if connection.dialect.name == "postgresql" else None

            def put(table: str, **values: object) -> None:
                connection.execute(old.tables[table].insert(), values)

            def at(day: int) -> datetime:
                return datetime(2026, 1, day, tzinfo=zone)

            for key, kind in (("src", "salesforce"), ("one", "duckdb"), ("two", "duckdb")):
                put("connections", id=key, kind=kind, description=key, description_key=key, created_at=at(1),
                    updated_at=at(1), state="draft", state_since=at(1), problem="", problem_detail="",
                    row_version=1)  # fmt: skip
            columns = old.tables["salesforce_connections"].columns
            put("salesforce_connections", **{
                column.name: "src" if column.name == "id" else False if isinstance(column.type, Boolean)
                else 0 if isinstance(column.type, Integer) else ""
                for column in columns if not column.nullable and not isinstance(column.type, DateTime)
            })  # fmt: skip
            for key, path in (("one", "w.duckdb"), ("two", "./w.duckdb")):
                put("destination_connections", id=key, settings={"path": path}, password_sealed="", problem_field="")
            # The younger extraction loaded the table first; a third one never did.
            for number, (key, target) in enumerate((("older", "one"), ("younger", "two"), ("never", "one")), start=1):
                put("extractions", id=key, description=key, description_key=key, source_id="src",
                    destination_id=target, dataset="crm", schedule="", timezone="UTC", quota_ceiling=80,
                    look_back_minutes=10, compare_ids_days=7, reread_days=0, created_at=at(number),
                    updated_at=at(number), row_version=1)  # fmt: skip
                kept = {"id": "text", "my_field_c": "text", "my_field_c_x": "text", "score_c": "text",
                        "score_c_v_double": "double"}  # fmt: skip
                put("extraction_objects", extraction_id=key, name="Account", tracking_type="", cursor_field="",
                    filter="", keeps_history=False, marks_deleted=False, made_by="",
                    table_name="" if key == "never" else "account", columns={} if key == "never" else kept)  # fmt: skip
            soql = "SELECT Id, MyField__c, My_Field__c, Score__c FROM Account WHERE Name != ''"
            for key, day in (("older", 9), ("younger", 8)):
                put("runs", id=f"run-{key}", extraction_id=key, state="done", started_by="", queued_at=at(day),
                    holder="", tries=1, cancel_asked=False, api_calls=0, problem="", problem_detail="",
                    version=1)  # fmt: skip
                put("run_objects", run_id=f"run-{key}", name="Account", step="done", is_whole=True, rows=1, pages=1,
                    deleted=0, plan={"soql": soql}, job_id="", locator="", is_read=True, ended_at=at(day), problem="",
                    problem_detail="", notes=["retyped:Score__c"])  # fmt: skip
        upgrade()
        with app.app_context():
            owners = db.session.scalars(select(DestinationTable)).all()
            assert {(row.place, row.table_key): row.extraction_id for row in owners} == {
                ("duckdb:w.duckdb", "crm.account"): "younger",
                ("duckdb:w.duckdb", "crm_staging.account"): "younger",
            }
            stored = {each.extraction_id: each for each in db.session.scalars(select(ExtractionObject))}
            assert stored["younger"].field_columns == {
                "Id": {"text": "id"},
                # In the order of the last query, by the rule of then.
                "MyField__c": {"text": "my_field_c"},
                "My_Field__c": {"text": "my_field_c_x"},
                "Score__c": {"text": "score_c", "double": "score_c_v_double"},
            }
            assert stored["never"].field_columns == {}
        db.engine.dispose()


@pytest.mark.slow
def test_a_run_of_before_finds_all_that_it_had_read(empty_url: str, tmp_path: Path) -> None:
    app = create_app(_settings(empty_url, tmp_path))
    init_migrations(app)
    reads = {"at": "2026-01-01T00:00:00+00:00", "soql": "SELECT Id FROM Account", "columns": {"Id": ["id", "text"]}}
    read = {"job_id": "750", "locator": "abc", "pages": 3, "rows": 3000, "is_read": False, "uses_rest": False,
            "expected": 7000, "odd": {"Name|characters": [1, [["001", "x"]]]}, "apart": ["Json__c"]}  # fmt: skip
    with app.app_context():
        upgrade(revision="0013")
        old = MetaData()
        with db.engine.begin() as connection:
            old.reflect(connection)
            at = datetime(2026, 1, 1, tzinfo=UTC if connection.dialect.name == "postgresql" else None)
            if connection.dialect.name == "sqlite":
                connection.execute(text("PRAGMA foreign_keys = OFF"))
            else:
                connection.execute(text("SET session_replication_role = replica"))

            def put(table: str, **values: object) -> None:
                connection.execute(old.tables[table].insert(), values)

            loaded = {"Account": "date_deletes|SystemModstamp|True|False|where|Name != 'a|b'", "Contact": ""}
            for name, made_by in loaded.items():
                put("extraction_objects", extraction_id="e", name=name, tracking_type="", cursor_field="", filter="",
                    keeps_history=False, marks_deleted=False, table_name="", columns={}, field_columns={},
                    made_by=made_by, loaded_org_id="")  # fmt: skip
            plan = reads | {"progress": read}
            objects = [("Account", "reading", plan), ("Contact", "waiting", {}), ("Lead", "done", plan)]
            for name, step, stored in objects:
                put("run_objects", run_id="r", name=name, step=step, is_whole=True, expected=7000, rows=2000, pages=2,
                    deleted=0, plan=stored, job_id="749", locator="", is_read=False, started_at=at, problem="",
                    problem_detail="", notes=[])  # fmt: skip
        upgrade()
        with app.app_context():
            rows = {row.name: row for row in db.session.scalars(select(RunObject))}
            wanted = Progress(
                reads,
                "750",
                "abc",
                pages=3,
                rows=3000,
                is_read=False,
                expected=7000,
                odd=read["odd"],
                apart=["Json__c"],
            )
            assert stored_progress(rows["Account"]) == wanted
            assert stored_progress(rows["Contact"]).reads == {}
            assert (rows["Lead"].rows, rows["Lead"].pages) == (2000, 2)
            chosen = {each.name: each.loaded_as for each in db.session.scalars(select(ExtractionObject))}
            assert chosen["Account"] == LoadedAs("date_deletes", "SystemModstamp", True, False, "Name != 'a|b'")
            assert chosen["Contact"] is None
            db.session.rollback()
        downgrade(revision="0013")
        with db.engine.connect() as connection:
            before = MetaData()
            before.reflect(connection)
            table = before.tables["run_objects"]
            stored = dict(connection.execute(select(table.c.name, table.c.plan)).all())
            del read["uses_rest"]
            assert stored["Account"] == reads | {"progress": read}
            made_by = before.tables["extraction_objects"].c.made_by
            assert set(connection.execute(select(made_by)).scalars()) == set(loaded.values())
        db.engine.dispose()


@pytest.mark.slow
def test_several_processes_may_upgrade_at_once(empty_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "datasync_flask.cli", "db", "upgrade"]
    variables = {"DATASYNC_INSTANCE_DIR": str(tmp_path), "DATASYNC_DATABASE_URL": empty_url}
    started = [
        subprocess.Popen(command, env=os.environ | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(4)
    ]
    outputs = [process.communicate(timeout=60)[0].decode() for process in started]
    assert [process.returncode for process in started] == [0] * 4, outputs


@pytest.mark.slow
def test_a_migration_that_breaks_off_leaves_the_schema_of_before(empty_url: str, tmp_path: Path) -> None:
    app = create_app(_settings(empty_url, tmp_path))
    init_migrations(app)
    with app.app_context():
        upgrade(revision="0003")
        before = sorted(inspect(db.engine).get_table_names())
        with killed_at(BatchOperations, "add_column"):
            upgrade()
        gc.collect()
        assert sorted(inspect(db.engine).get_table_names()) == before
        upgrade()
        db.engine.dispose()
    assert is_up_to_date(app)
    with app.app_context():
        db.engine.dispose()
