from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from datasync_flask.config import Settings
from datasync_flask.destinations.registry import DESTINATIONS
from tests.support.combined_orgs import OTHER
from tests.support.connection import ConnectionWalk
from tests.support.extraction import Extracting, Org
from tests.support.practice import PracticeOrg, running_practice_org
from tests.support.servers import ObjectStore, postgresql_settings
from tests.support.setup import Setup
from tests.support.visitor import Visitor


@pytest.fixture
def database_url(tmp_path: Path, _sqlite_template: Path) -> str:
    """Runs are about what is read and written; where their rows are kept is tested in test_claims.py."""
    path = tmp_path / "datasync.sqlite"
    path.write_bytes(_sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def extracting(walk: ConnectionWalk, tmp_path: Path) -> Extracting:
    """A connected org without rows."""
    walk.to_connected()
    return Extracting(walk, tmp_path)


@pytest.fixture
def org(extracting: Extracting) -> Org:
    return extracting.org


@pytest.fixture
def warehouse(extracting: Extracting) -> str:
    """A destination of the kind that loads a few rows fastest, for tests of what leads there."""
    return extracting.make_destination("sqlite", {"path": "w.sqlite"})


@pytest.fixture
def duckdb(extracting: Extracting) -> str:
    return extracting.make_destination("duckdb", {"path": "w.duckdb"})


@pytest.fixture
def setup(extracting: Extracting, org: Org) -> Setup:
    for name, count in (("Account", 30), ("Contact", 20), ("Opportunity", 5)):
        org.do(name, "generate", count=count)
    return Setup(extracting.walk)


@pytest.fixture
def second_practice() -> Iterator[PracticeOrg]:
    with running_practice_org() as practice:
        practice.change_org(org_id=OTHER, org_name="Other Org")
        yield practice


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Where a test has a second org, the app speaks to it too."""
    if "second_practice" not in request.fixturenames:
        return settings
    second: PracticeOrg = request.getfixturevalue("second_practice")
    return settings.model_copy(update={"salesforce_hosts": (*settings.salesforce_hosts, second.origin)})


@pytest.fixture
def second(
    extracting: Extracting, app: Flask, visitor: Visitor, second_practice: PracticeOrg, tmp_path: Path
) -> Extracting:
    """A second connected org, in the same app."""
    walk = ConnectionWalk(app, visitor, second_practice)
    walk.make_app()
    walk.save(description="Sales APAC")
    walk.work()
    walk.allow()
    walk.work()
    assert walk.state == "connected", visitor.text
    return Extracting(walk, tmp_path)


@pytest.fixture(params=[*sorted(DESTINATIONS), "object_storage delta"])
def destination(request: pytest.FixtureRequest, extracting: Extracting) -> str:
    """Each kind of destination, on the real thing."""
    settings: dict[str, Any] = {"path": "warehouse"}
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_postgresql_database")
        settings = {**postgresql_settings(make()), "password": "unused"}
    if request.param == "mysql":
        settings = request.getfixturevalue("new_mysql_database")()
    kind, _, table_format = request.param.partition(" ")
    if kind == "object_storage":
        store: ObjectStore = request.getfixturevalue("store")
        settings = dict(store.settings(table_format=table_format or "parquet"))
    return extracting.make_destination(kind, settings)
