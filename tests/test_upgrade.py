"""An upgrade from the release before keeps every row of every table, and the pages go on showing them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import JSON, Boolean, Column, Connection, DateTime, Integer, MetaData, Table, inspect, select

from datasync_flask import create_app
from datasync_flask.accounts import service as account_service
from datasync_flask.config import Settings
from datasync_flask.database import init_migrations
from datasync_flask.extensions import db
from datasync_flask.security.crypto import SecretBox
from tests.conftest import EMAIL, PASSWORD
from tests.support.visitor import Visitor

BEFORE = "0006"
# From here on migrations only add to the schema, and what they add has a default.
NEIGHBOUR = "0019"
SOQL = "SELECT Id, Name FROM Account"
SOURCE, DESTINATION, EXTRACTION, DONE_RUN, PAUSED_RUN = (digit * 16 for digit in "12345")
# What the rows say where any value of the column's type wouldn't do; a table has as many rows as its longest list.
VALUES: dict[str, dict[str, list[Any]]] = {
    "users": {"email": [EMAIL], "role": ["admin"], "language": [""]},
    "connections": {
        "id": [SOURCE, DESTINATION], "kind": ["salesforce", "duckdb"], "description": ["Sales", "Warehouse"],
        "description_key": ["sales", "warehouse"], "state": ["connected"], "problem": [""],
    },
    "salesforce_connections": {
        "id": [SOURCE], "tracking_type": ["date"], "login_host": ["custom"], "permission_level": ["api"],
        "login_url": ["https://acme.my.salesforce.com"], "auth_method": ["authorization_code"],
    },
    "destination_connections": {"id": [DESTINATION], "settings": [{"path": "w.duckdb"}], "problem_field": [""]},
    "salesforce_grants": {
        "connection_id": [SOURCE], "instance_url": ["https://acme.my.salesforce.com"], "scopes": ["api refresh_token"],
        "identity_url": ["https://login.salesforce.com/id/00D000000000001AAA/005000000000001AAA"],
        "org_id": ["00D000000000001AAA"], "api_version": ["64.0"],
    },
    "connection_events": {
        "connection_id": [SOURCE, DESTINATION], "event": ["created"], "from_state": [""], "to_state": ["draft"],
        "problem": [""], "detail": [{}],
    },
    "connection_labels": {"connection_id": [SOURCE]},
    "labels": {"name": ["EMEA"], "key": ["emea"]},
    "authorization_attempts": {"connection_id": [SOURCE]},
    "hand_off_links": {"connection_id": [SOURCE], "made_by": [EMAIL]},
    "person_links": {"invited_by": [EMAIL], "role": ["viewer"], "email": ["new@example.com"], "user_id": [None]},
    "object_catalogs": {"connection_id": [SOURCE], "entries": [[["Account", "Account", False]]]},
    "extractions": {
        "id": [EXTRACTION], "source_id": [SOURCE], "destination_id": [DESTINATION], "description": ["To the warehouse"],
        "description_key": ["to the warehouse"], "dataset": ["crm"], "schedule": ["every 15 minutes"],
        "timezone": ["Europe/Berlin"],
    },
    "extraction_objects": {
        "extraction_id": [EXTRACTION], "name": ["Account"], "tracking_type": ["date_deletes"], "fields": [["Id", "Name"]],
        "columns": [{"id": "text", "name": "text"}], "table_name": ["account"], "filter": ["Name != ''"],
        "cursor_field": ["SystemModstamp"], "made_by": ["date_deletes|SystemModstamp|False|True|where|Name != ''"],
    },
    "runs": {
        "id": [DONE_RUN, PAUSED_RUN], "extraction_id": [EXTRACTION], "state": ["failed", "paused"],
        "problem": ["destination_disk_full", "quota"], "cancel_asked": [False],
    },
    "run_objects": {
        "run_id": [DONE_RUN, PAUSED_RUN], "name": ["Account"], "step": ["failed", "reading"],
        "problem": ["connection_failed", ""], "notes": [[]],
        "plan": [
            {"soql": SOQL},
            {"soql": SOQL, "at": "2026-01-02T00:00:00+00:00", "columns": {"Id": ["id", "text"]},
             "progress": {"locator": "MTAw", "pages": 7, "rows": 700, "job_id": "750000000000001AAA"}},
        ],
    },
    "run_log_lines": {"run_id": [DONE_RUN, PAUSED_RUN]},
    "notice_channels": {"kind": ["webhook"]},
    "notice_deliveries": {"event": ["run_failed"]},
    "audit_events": {"event": ["connection_created"], "subject_kind": ["connection"], "detail": [{"kind": "salesforce"}]},
}  # fmt: skip
NEIGHBOURS_VALUES = {
    **VALUES,
    "runs": {**VALUES["runs"], "problem": ["destination.disk_full", "run.quota"]},
    "run_objects": {
        "run_id": [DONE_RUN, PAUSED_RUN], "name": ["Account"], "step": ["failed", "reading"], "notes": [[]],
        "problem": ["salesforce.connection_failed", ""], "progress": [{}],
    },
    "extraction_objects": {
        **VALUES["extraction_objects"], "made_by": [""], "loaded_as": [None], "field_columns": [{}],
    },
    "extraction_drafts": {"source_id": [SOURCE], "settings": [{}]},
}  # fmt: skip
# Columns that other ones replaced, and how their values are found there.
REPLACED: dict[tuple[str, str], Callable[[Any, Any], bool]] = {
    ("extraction_objects", "made_by"): lambda old, row: (
        row.loaded_as == {
            "tracking_type": "date_deletes", "cursor": "SystemModstamp", "keeps_history": False, "marks_deleted": True,
            "filter": "Name != ''",
        }
    ),
    ("run_objects", "plan"): lambda old, row: row.progress.get("locator", "") == old.get("progress", {}).get("locator", ""),
    ("run_objects", "locator"): lambda old, row: True,
    ("hand_off_links", "made_by"): lambda old, row: row.made_by_id == 1,
}  # fmt: skip
# Columns whose values are spelled otherwise now.
SPELLED: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("runs", "problem"): {"destination_disk_full": "destination.disk_full", "quota": "run.quota"}.__getitem__,
    ("run_objects", "problem"): {"connection_failed": "salesforce.connection_failed", "": ""}.__getitem__,
}
# Lives for ten minutes; whoever is at Salesforce during the upgrade presses Authenticate once more.
ENDED = {"authorization_attempts"}
# Of what goes on, these are columns of the row itself now.
GOES_ON = {"pages": 7, "rows": 700, "job_id": "750000000000001AAA"}


def value_of(
    table: Table, column: Column[Any], number: int, box: SecretBox, zone: Any, values: dict[str, dict[str, list[Any]]]
) -> Any:
    """A value for a column of one row: one of those above, or any of its type."""
    given = values.get(table.name, {}).get(column.name)
    if given:
        return given[min(number, len(given) - 1)]
    if column.name == "password_hash":
        return account_service._hasher.hash(PASSWORD)
    if column.name.endswith("_sealed"):
        return box.seal(f"{table.name}.{column.name}")
    if isinstance(column.type, Boolean):
        return bool(number)
    if isinstance(column.type, DateTime):
        return datetime(2026, 1, 2 + number, tzinfo=zone)
    if isinstance(column.type, Integer):
        return number + 1
    if isinstance(column.type, JSON):
        return {}
    return f"{column.name}-{number}"[: getattr(column.type, "length", None) or 40]


def fill(
    connection: Connection, old: MetaData, box: SecretBox, values: dict[str, dict[str, list[Any]]] = VALUES
) -> dict[str, list[dict[str, Any]]]:
    """Put rows into every table; return them."""
    zone = UTC if connection.dialect.name == "postgresql" else None
    rows: dict[str, list[dict[str, Any]]] = {}
    for table in old.sorted_tables:
        if table.name == "alembic_version":
            continue
        count = max((len(given) for given in values.get(table.name, {}).values()), default=1)
        rows[table.name] = [
            {
                column.name: value_of(table, column, number, box, zone, values)
                if not column.foreign_keys or column.name in values.get(table.name, {})
                else next(iter(rows[next(iter(column.foreign_keys)).column.table.name]))[
                    next(iter(column.foreign_keys)).column.name
                ]
                for column in table.columns
            }
            for number in range(count)
        ]
        connection.execute(table.insert(), rows[table.name])
    return rows


def check_kept(connection: Connection, rows: dict[str, list[dict[str, Any]]]) -> None:
    new = MetaData()
    new.reflect(connection)
    for name, before in rows.items():
        if name in ENDED:
            continue
        table = new.tables[name]
        keys = [column.name for column in inspect(table).primary_key]
        for row in before:
            found = connection.execute(select(table).where(*(table.c[key] == row[key] for key in keys))).one()
            for column, value in row.items():
                where = f"{name}.{column}"
                if (name, column) in REPLACED:
                    assert REPLACED[name, column](value, found), where
                    continue
                expected = SPELLED[name, column](value) if (name, column) in SPELLED else value
                if name == "run_objects" and row["step"] == "reading" and column in GOES_ON:
                    expected = GOES_ON[column]
                assert getattr(found, column) == expected, where


@pytest.fixture(params=["sqlite", "postgresql"])
def old_app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    url = f"sqlite:///{tmp_path}/x.sqlite"
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_postgresql_database")
        url = f"postgresql+psycopg://{make()}"
    keys = (Fernet.generate_key().decode(),)
    app = create_app(Settings(instance_dir=tmp_path, database_url=url, secret_key="x" * 32, encryption_keys=keys))
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    app.extensions["queue"].close()


@pytest.mark.slow
def test_every_row_of_the_release_before_is_kept_and_shown(old_app: Flask) -> None:
    init_migrations(old_app)
    with old_app.app_context():
        upgrade(revision=BEFORE)
        old = MetaData()
        with db.engine.begin() as connection:
            old.reflect(connection)
            rows = fill(connection, old, old_app.extensions["secret_box"])
            set_sequences(connection, old)
        assert all(rows.values())
        upgrade()
        with db.engine.connect() as connection:
            check_kept(connection, rows)
    check_pages(old_app)


def set_sequences(connection: Connection, tables: MetaData) -> None:
    """Have PostgreSQL count on from the rows, as it would had the application made them."""
    for table in tables.sorted_tables if connection.dialect.name == "postgresql" else ():
        for column in table.columns:
            if column.autoincrement is True or (column.primary_key and isinstance(column.type, Integer)):
                connection.exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'), 10)"
                )


def check_pages(app: Flask) -> None:
    """Sign in, and open every page that shows the rows."""
    visitor = Visitor(app)
    visitor.get("/login")
    assert visitor.post("/login", {"email": EMAIL, "password": PASSWORD}).status_code == 303
    for path in (
        "/", "/connections", f"/connections/{SOURCE}", f"/connections/{SOURCE}/edit", f"/connections/{DESTINATION}",
        f"/connections/{SOURCE}/hand-off", "/extractions", f"/extractions/{EXTRACTION}",
        f"/extractions/{EXTRACTION}/runs/{DONE_RUN}", f"/extractions/{EXTRACTION}/runs/{PAUSED_RUN}", "/people", "/audit",
        "/notices", "/account",
    ):  # fmt: skip
        assert visitor.get(path).status_code == 200, path


@pytest.mark.slow
def test_the_version_before_goes_on_writing_beside_this_one(old_app: Flask) -> None:
    """A process that isn't replaced yet knows the schema that it started with: what it writes is taken and shown."""
    init_migrations(old_app)
    known = MetaData()
    with old_app.app_context():
        upgrade(revision=NEIGHBOUR)
        known.reflect(db.engine)
        upgrade()
        with db.engine.begin() as connection:
            rows = fill(connection, known, old_app.extensions["secret_box"], NEIGHBOURS_VALUES)
            set_sequences(connection, known)
            for table in known.sorted_tables:
                for row in rows.get(table.name, ()):
                    key = [column == row[column.name] for column in table.primary_key]
                    assert connection.execute(table.update().where(*key).values(row)).rowcount == 1
                    assert connection.execute(select(table).where(*key)).one()._asdict().keys() == row.keys()
    check_pages(old_app)
