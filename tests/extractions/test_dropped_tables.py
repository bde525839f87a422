"""Somebody drops a table, or deletes its file, to begin again or by mistake: the next run loads all of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pyarrow.fs import S3FileSystem

from datasync_flask.destinations.base import Table
from datasync_flask.destinations.parquet import Parquet
from datasync_flask.destinations.service import settings_of
from datasync_flask.destinations.sql import SqlDestination
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction
from tests.support.extraction import Extracting, Org
from tests.support.servers import postgresql_settings

REASON = "The table no longer existed in the destination, so this run loads everything."
TABLE = Table("crm", "account")


def drop(extracting: Extracting) -> None:
    """Drop the table as people do it in the destination's own tools."""
    destination = extracting.open()[0]
    if isinstance(destination, SqlDestination):
        with destination.transaction() as cursor:
            cursor.execute(f"DROP TABLE {destination.path(TABLE)}")
    elif isinstance(destination, Parquet):
        destination.file(TABLE).unlink()
    else:
        with extracting.app.app_context():
            place = settings_of(db.session.get_one(Extraction, extracting.id).destination)
        bucket = S3FileSystem(
            access_key=place["access_key"], secret_key=place["password"], endpoint_override=place["endpoint"],
            region="us-east-1",
        )  # fmt: skip
        bucket.delete_dir(f"{place['bucket']}/{place['prefix']}/crm/account")


@pytest.mark.parametrize("keeps_history", [False, True])
def test_the_next_run_loads_it_again(extracting: Extracting, org: Org, destination: str, keeps_history: bool) -> None:
    org.do("Account", "generate", count=20)
    extracting.make(["Account"], destination, **({"history-Account": "on"} if keeps_history else {}))
    extracting.done()
    extracting.done()
    drop(extracting)
    changed, deleted = org.ids("Account")[:2]
    org.do("Account", "update", ids=[changed], values={"Name": "changed"})
    org.do("Account", "delete", ids=[deleted])
    run = extracting.done()
    extracting.assert_same("Account")
    [loaded] = run.objects
    assert loaded.is_whole
    assert loaded.notes == [REASON]
    extracting.walk.visitor.get(f"/extractions/{extracting.id}/runs/{run.id}")
    assert REASON in extracting.walk.visitor.text
    [loaded] = extracting.done().objects
    assert not loaded.is_whole
    extracting.assert_same("Account")


def test_even_if_nothing_has_changed_in_salesforce(extracting: Extracting, org: Org, duckdb: str) -> None:
    org.do("Account", "generate", count=20)
    extracting.make(["Account"], duckdb)
    extracting.done()
    extracting.age_watermarks(hours=1)
    (extracting.app.config["SETTINGS"].effective_data_dir / "w.duckdb").unlink()
    assert extracting.done().objects[0].notes == [REASON]
    extracting.assert_same("Account")


def test_an_object_that_is_always_loaded_whole(extracting: Extracting, org: Org, destination: str) -> None:
    org.do("Account", "generate", count=20)
    extracting.make(["Account"], destination, **{"tracking_type-Account": "none"})
    extracting.done()
    drop(extracting)
    extracting.done()
    extracting.assert_same("Account")


@pytest.mark.parametrize("what", ["DROP TABLE {staging}", "ALTER TABLE {path} DROP COLUMN industry"])
@pytest.mark.parametrize("kind", ["duckdb", "postgresql"])
def test_what_dlt_recorded_as_created_is_created_again(
    extracting: Extracting, org: Org, kind: str, what: str, request: pytest.FixtureRequest
) -> None:
    settings = {"path": "w.duckdb"}
    if kind == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_postgresql_database")
        settings = {**postgresql_settings(make()), "password": "unused"}
    org.do("Account", "generate", count=3)
    extracting.make(["Account"], extracting.make_destination(kind, settings))
    for _ in range(3):
        # The last of these loads is one for changes, like the next.
        org.do("Account", "update", ids=org.ids("Account"), values={"Name": "changed"})
        extracting.done()
    found = extracting.open()[0]
    assert isinstance(found, SqlDestination)
    with found.transaction() as cursor:
        cursor.execute(what.format(path=found.path(TABLE), staging=found.path(Table("crm_staging", "account"))))
    org.do("Account", "update", ids=org.ids("Account"), values={"Name": "again"})
    extracting.done()
    extracting.assert_same("Account")
